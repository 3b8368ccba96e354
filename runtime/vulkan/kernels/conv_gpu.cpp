// SPDX-License-Identifier: MIT
// Builders of the kernels for GPUs: conv_tile, conv_small and conv_dw.
#include <fmt/format.h>

#include <algorithm>

#include "vulkan/kernels/conv_build.h"

namespace unblur::vk {
namespace {

/// Smallest block of channels that covers the group (64 otherwise), 4096 sums per workgroup.
MatrixTile choose_tile(const ConvShape& shape, const Caps& caps) {
  MatrixTile tile;
  const int channels = shape.internal_per_group;
  tile.block = channels <= 8 ? 8 : channels <= 16 ? 16 : channels <= 32 ? 32 : 64;
  if (shape.groups > 1) {
    while (channels % tile.block != 0) tile.block /= 2;
  }
  tile.pixels = std::min(128, 4096 / tile.block);
  tile.step = shape.in_per_group <= 4 ? 4 : shape.in_per_group <= 8 ? 8 : 16;
  const auto threads = [&] { return static_cast<std::uint32_t>(tile.block / 8 * tile.pixels / 4); };
  while (threads() > caps.max_workgroup_invocations) tile.pixels /= 2;
  return tile;
}

}  // namespace

std::optional<Kernel> make_conv_tile(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  if (shape.groups > 1 && (shape.in_per_group % 4 != 0 || shape.internal_per_group % 8 != 0))
    return std::nullopt;
  const MatrixTile tile = choose_tile(shape, conv.caps);
  const std::uint32_t shared =
      4 * static_cast<std::uint32_t>(tile.step * (tile.pixels + 4) + tile.step * tile.block);
  if (shared > conv.caps.max_shared_bytes) return std::nullopt;

  Specialization specialization = conv_specialization(conv, tile.block / 8 * tile.pixels / 4);
  set_tile(specialization, tile.block, tile.pixels, tile.step);
  Kernel kernel;
  kernel.shader = "conv_tile";
  kernel.specialization = std::move(specialization).take();
  kernel.weights = pack_matrix(conv.weights, shape, tile, conv.step.weights);
  const int width = conv_row_pixels(conv);
  const int blocks = div_up(shape.internal_per_group, tile.block) * shape.groups;
  const int phases = shape.phase_count();
  kernel.dispatch = conv_dispatch(conv, [=](int rows) -> std::array<std::uint32_t, 3> {
    return {static_cast<std::uint32_t>(div_up(width * rows, tile.pixels)), static_cast<std::uint32_t>(blocks),
            static_cast<std::uint32_t>(phases)};
  });
  kernel.reason = fmt::format("shared memory, {} px x {} channels per workgroup", tile.pixels, tile.block);
  return kernel;
}

std::optional<Kernel> make_conv_small(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  const bool whole_blocks = shape.internal_per_group == 4 || shape.internal_per_group % 8 == 0;
  if (shape.groups > 1 && (shape.in_per_group % 4 != 0 || !whole_blocks)) return std::nullopt;
  const int group = pixel_group_size(conv.caps);
  const int width = conv_row_pixels(conv);
  const int blocks = div_up(shape.internal_per_group, 8) * shape.groups;
  const int phases = shape.phase_count();
  Kernel kernel;
  kernel.shader = "conv_small";
  kernel.specialization = conv_specialization(conv, group).take();
  kernel.weights = pack_matrix(conv.weights, shape, {8, 1, 4}, conv.step.weights);
  kernel.dispatch = conv_dispatch(conv, [=](int rows) -> std::array<std::uint32_t, 3> {
    return {static_cast<std::uint32_t>(div_up(width * rows, group)), static_cast<std::uint32_t>(blocks),
            static_cast<std::uint32_t>(phases)};
  });
  kernel.reason = "few channels, one pixel x 8 channels per invocation";
  return kernel;
}

std::optional<Kernel> make_conv_dw(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  if (shape.in_per_group != 1 || shape.internal_per_group != 1 || shape.groups == 1) return std::nullopt;
  const int group = pixel_group_size(conv.caps);
  const int items = div_up(shape.groups, 4) * conv_row_pixels(conv);
  const int phases = shape.phase_count();
  Kernel kernel;
  kernel.shader = "conv_dw";
  kernel.specialization = conv_specialization(conv, group).take();
  kernel.weights = pack_depthwise(conv.weights, shape, conv.step.weights);
  kernel.dispatch = conv_dispatch(conv, [=](int rows) -> std::array<std::uint32_t, 3> {
    return {static_cast<std::uint32_t>(div_up(items, group)), static_cast<std::uint32_t>(rows),
            static_cast<std::uint32_t>(phases)};
  });
  kernel.reason = "depthwise, one pixel x 4 channels per invocation";
  return kernel;
}

}  // namespace unblur::vk
