// SPDX-License-Identifier: MIT
// What all kernel families share on the C++ side: specialization constants common to
// every shader, operand views in push-constant words, workgroup counts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "include/constants.h"
#include "vulkan/kernel.h"

namespace unblur::vk {

static_assert(shader::kBuffers == kMaxBuffers && shader::kWords == kMaxWords);
static_assert(shader::kUnaryNeg == static_cast<int>(op::UnaryKind::kNeg) + 1);
static_assert(shader::kUnaryElu == static_cast<int>(op::UnaryKind::kElu) + 1);
static_assert(shader::kBinaryMin == static_cast<int>(op::BinaryKind::kMin));
static_assert(shader::kBorderReplicate == static_cast<int>(Border::kReplicate));
static_assert(shader::kWordViews + 2 * shader::kMaxViews == shader::kWordOwn);

[[nodiscard]] constexpr int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
[[nodiscard]] constexpr int div_up(int value, int divisor) { return (value + divisor - 1) / divisor; }
[[nodiscard]] constexpr int blocks_of(int channels) { return div_up(channels, 8); }

/// Specialization constants by id, zero where nothing is set. The constructor fills in what every shader
/// shares (shaders/include/constants.h): storages of the slots, epilogue, workgroup size.
class Specialization {
 public:
  Specialization(const Step& step, int group_x, int group_y = 1);
  void set(int id, int value);
  void set(int id, float value);
  [[nodiscard]] std::vector<std::uint32_t> take() && { return std::move(values_); }

 private:
  std::vector<std::uint32_t> values_;
};

/// Slot of the output: the operands, the residual among them, come first. Weights follow.
[[nodiscard]] inline int output_slot(const Step& step) { return static_cast<int>(step.inputs.size()); }

/// The push-constant words of a dispatch.
using Words = std::array<std::uint32_t, kMaxWords>;

/// Words that shaders/include/view.glsl reads: block count, channels, a view per slot (inputs, output).
/// Throws ModelError naming the step where a size, stride or offset exceeds 65535.
[[nodiscard]] Words view_words(const Step& step);

[[nodiscard]] std::uint32_t float_word(float value);
/// Sets word kWordOwn + own.
void set_word(Words& words, int own, int value);
void set_word(Words& words, int own, float value);

/// Invocations per workgroup of kernels with one pixel x 8 channels per invocation.
[[nodiscard]] int pixel_group_size(const Caps& caps);

/// Such a kernel: a workgroup row per output row, x * blocks + block along x (view.glsl: this_item).
/// `specialization` must have been made with `group` invocations in x.
[[nodiscard]] Kernel pixel_kernel(std::string shader, Specialization specialization, const Words& words,
                                  const Step& step, int group);

}  // namespace unblur::vk
