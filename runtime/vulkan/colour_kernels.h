// SPDX-License-Identifier: MIT
// The kernels between stored frames and model tensors (shaders/colour), and how frames lie in device memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "graph/frame.h"
#include "graph/model.h"
#include "vulkan/kernel.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

/// A frame in device memory: planes one after the other, rows padded to whole 32-bit words.
class RawLayout {
 public:
  explicit RawLayout(const FrameFormat& format);
  [[nodiscard]] std::uint64_t bytes() const noexcept { return words_ * 4; }
  [[nodiscard]] std::uint32_t start(int plane) const { return start_.at(static_cast<std::size_t>(plane)); }
  [[nodiscard]] std::uint32_t pitch(int plane) const { return pitch_.at(static_cast<std::size_t>(plane)); }
  void pack(const Frame& frame, std::span<std::byte> memory) const;
  void unpack(std::span<const std::byte> memory, Frame& frame) const;

 private:
  FrameFormat format_;
  std::array<std::uint32_t, 3> start_{}, pitch_{};  // words
  std::uint64_t words_ = 0;
};

/// What the guard looks at, as colour_out writes it; a range is empty (min > max) where nothing was written.
struct FrameStatistics {
  float out_min = 1, out_max = 0, in_min = 1, in_max = 0;
  std::uint32_t not_finite = 0;
  std::uint32_t unused[3] = {};

  /// Why the output cannot be right: "NaN or infinity", "a flat picture"; empty if nothing speaks against it.
  [[nodiscard]] std::string fault() const;
};
static_assert(sizeof(FrameStatistics) == 32);

/// A dispatch together with its pipeline.
struct ColourWork {
  PipelineKey key;
  Dispatch dispatch;
};

/// Slots: raw frame, tensor. `view` may be wider and taller than the frame: its edge is repeated.
[[nodiscard]] ColourWork colour_in(const FrameFormat& format, const ModelInfo& info, const TensorView& view);

/// Slots: raw frame, a word per pixel: RGB as stored, ten bits per channel, red lowest, rows without gaps.
[[nodiscard]] ColourWork picture_of(const FrameFormat& format);

/// One dispatch per plane. Slots: raw frame, original tensor, restored tensor, raw result, statistics.
[[nodiscard]] std::vector<ColourWork> colour_out(const FrameFormat& format, const ModelInfo& info,
                                                 const TensorView& original, const TensorView& restored,
                                                 float strength);

}  // namespace unblur::vk
