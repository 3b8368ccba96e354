// SPDX-License-Identifier: MIT
// Both convolutions in one form, which is what the kernels compute and the weights are packed for:
//
//   out[phases * q + phase] = bias + sum over taps t, channels i of
//                             weight(phase, t, i) * in[q * stride + t * dilation - before(phase)][i]
//   before(phase) = before - floor((phase + phase_shift) / phases)            (rows and columns alike)
//
// A deformable convolution has the same form but reads samples between pixels instead of in[..].
// Conv2d has one phase. ConvTranspose2d of stride s has s*s: output pixels congruent modulo s see the same
// taps, ceil(k / s) of them ("sub-pixel phases"), so nothing is multiplied by zeros that were inserted.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "vulkan/kernel.h"

namespace unblur::vk {

struct ConvShape {
  int groups = 1;
  int in_per_group = 0;
  int out_per_group = 0;  ///< as in the graph
  Extent2 taps, stride, dilation, phases, before{0, 0}, phase_shift{0, 0};
  Border border = Border::kZero;
  int deformable_groups = 0;  ///< 0: taps stay where they are
  bool masked = false;        ///< deformable with a mask
  int shuffle = 1;
  op::ShuffleOrder shuffle_order = op::ShuffleOrder::kChannelMajor;

  /// Output channels of a group in the kernel's order: as in the graph, or with a pixel shuffle (one group)
  /// position * shuffled + channel, `shuffled` channels of a position being padded to a multiple of 4.
  int internal_per_group = 0;
  int shuffled = 0;

  [[nodiscard]] bool deformable() const { return deformable_groups > 0; }
  /// Whether blocks of `channels` input channels lie in one group and one deformable group. Behind the last
  /// channel of all are zeros up to a multiple of 8, which one group alone may read.
  [[nodiscard]] bool blocks_fit(int channels) const {
    const int sampled = deformable() ? groups * in_per_group / deformable_groups : 0;
    return (groups == 1 || in_per_group % channels == 0) &&
           (deformable_groups < 2 || sampled % channels == 0);
  }
  [[nodiscard]] int phase_count() const { return phases.h * phases.w; }
  /// The graph's output channel of an internal one, -1 for padding.
  [[nodiscard]] int original_channel(int internal) const;
};

/// Weights by phase, output channel of the graph, input channel within the group and tap.
class ConvWeights {
 public:
  ConvWeights(const Step& step, const ConvShape& shape);
  [[nodiscard]] float weight(int phase, int out, int in, int ty, int tx) const;
  [[nodiscard]] float bias(int out) const {
    return bias_.empty() ? 0.0F : bias_[static_cast<std::size_t>(out)];
  }

 private:
  const ConvShape shape_;
  bool transposed_ = false;
  Extent2 kernel_, expanded_;  ///< the graph's kernel; with its dilation written out where phases need that
  Extent2 spread_;             ///< dilation that is written out
  std::vector<float> weight_, bias_;
};

/// Shape of a step whose operator is a convolution. Throws ModelError naming the step where a
/// pixel shuffle meets groups or channels that do not divide.
[[nodiscard]] ConvShape conv_shape(const Step& step);

/// Multiply-adds that the graph's definition needs for the whole output.
[[nodiscard]] std::int64_t conv_multiply_adds(const Step& step);

}  // namespace unblur::vk
