// SPDX-License-Identifier: MIT
// What the builders of all convolution kernels have in common.
#pragma once

#include "vulkan/kernels/common.h"
#include "vulkan/kernels/conv_kernels.h"

namespace unblur::vk {

/// Constants of shaders/convolution/convolution.glsl but the last three.
[[nodiscard]] Specialization conv_specialization(const ConvStep& conv, int group_x, int group_y = 1);
/// "conv_tile" or, where taps move, "deform_tile".
[[nodiscard]] std::string conv_shader(const ConvStep& conv, std::string_view kind);
/// block, pixels, step: whatever they mean to the kernel.
void set_tile(Specialization& specialization, int block, int pixels, int step);

/// The builder's tile with what was asked for put in.
template <typename Tile>
[[nodiscard]] Tile with_override(Tile tile, const std::optional<MatrixTile>& asked) {
  if (!asked) return tile;
  if (asked->block > 0) tile.block = asked->block;
  if (asked->pixels > 0) tile.pixels = asked->pixels;
  if (asked->step > 0) tile.step = asked->step;
  return tile;
}

/// Sizes as the kernels see them, before phases and shuffle.
struct ConvRows {
  int first = 0, count = 0;  ///< of q, for stored rows [y0, y1)
};
[[nodiscard]] ConvRows conv_rows(const ConvStep& conv, int y0, int y1);
[[nodiscard]] int conv_row_pixels(const ConvStep& conv);

/// A function for Kernel::dispatch: words of the views and the row range, and the workgroup counts that
/// `groups(row count)` gives.
[[nodiscard]] std::function<Dispatch(int, int)> conv_dispatch(
    const ConvStep& conv, std::function<std::array<std::uint32_t, 3>(int rows)> groups);

}  // namespace unblur::vk
