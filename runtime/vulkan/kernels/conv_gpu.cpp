// SPDX-License-Identifier: MIT
// Builders of the kernels for GPUs: conv_tile (and its deformable form), conv_cm, conv_small and conv_dw.
#include <fmt/format.h>

#include <algorithm>

#include "shader_table.h"
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

/// Workgroups over pixels, blocks of channels of all groups, phases.
std::function<Dispatch(int, int)> matrix_dispatch(const ConvStep& conv, const MatrixTile& tile) {
  const int width = conv_row_pixels(conv);
  const int blocks = div_up(conv.shape.internal_per_group, tile.block) * conv.shape.groups;
  const int phases = conv.shape.phase_count();
  return conv_dispatch(conv, [=](int rows) -> std::array<std::uint32_t, 3> {
    return {static_cast<std::uint32_t>(div_up(width * rows, tile.pixels)), static_cast<std::uint32_t>(blocks),
            static_cast<std::uint32_t>(phases)};
  });
}

}  // namespace

std::optional<Kernel> make_conv_tile(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  if (!shape.blocks_fit(4) || (shape.groups > 1 && shape.internal_per_group % 8 != 0)) return std::nullopt;
  const MatrixTile tile = with_override(choose_tile(shape, conv.caps), conv.tile);
  const int threads = tile.block / 8 * tile.pixels / 4;
  if (tile.block % 8 != 0 || tile.pixels % 4 != 0 || tile.step % 4 != 0 || threads < 1 ||
      static_cast<std::uint32_t>(threads) > conv.caps.max_workgroup_invocations ||
      (shape.groups > 1 && shape.internal_per_group % tile.block != 0)) {
    return std::nullopt;
  }
  const std::uint32_t shared =
      4 * static_cast<std::uint32_t>(tile.step * (tile.pixels + 4) + tile.step * tile.block);
  if (shared > conv.caps.max_shared_bytes) return std::nullopt;

  Specialization specialization = conv_specialization(conv, threads);
  set_tile(specialization, tile.block, tile.pixels, tile.step);
  Kernel kernel;
  kernel.shader = conv_shader(conv, "tile");
  kernel.specialization = std::move(specialization).take();
  kernel.weights = pack_matrix(conv.weights, shape, tile, conv.step.weights);
  kernel.dispatch = matrix_dispatch(conv, tile);
  kernel.reason = fmt::format("shared memory, {} px x {} channels per workgroup", tile.pixels, tile.block);
  return kernel;
}

std::optional<Kernel> make_conv_cm(const ConvStep& conv) {
  constexpr int kPart = 32;  // pixels and channels of one subgroup
  constexpr int kSubgroups = 4;
  const ConvShape& shape = conv.shape;
  const Caps& caps = conv.caps;
  const bool half = conv.step.weights != Storage::kF32 && conv.step.inputs.front().storage != Storage::kF32;
  if (!caps.cooperative_matrix || !caps.subgroup_size_control || !half || shape.deformable()) {
    return std::nullopt;
  }
  if (!find_shader("conv_cm")) return std::nullopt;  // built without glslang 13
  if (shape.groups > 1 && (shape.in_per_group % 8 != 0 || shape.internal_per_group % kPart != 0)) {
    return std::nullopt;
  }
  MatrixTile tile;
  tile.block = shape.internal_per_group <= kPart || (shape.groups > 1 && shape.internal_per_group % 64 != 0)
                   ? kPart
                   : 2 * kPart;
  tile.pixels = kSubgroups * kPart * kPart / tile.block;
  tile.step = shape.in_per_group <= 16 ? 16 : 32;
  const int shared =
      2 * (tile.pixels * (tile.step + 8) + tile.step * (tile.block + 8)) + 4 * tile.pixels * (tile.block + 4);
  const std::uint32_t threads = kSubgroups * caps.subgroup_size;
  if (static_cast<std::uint32_t>(shared) > caps.max_shared_bytes ||
      threads > caps.max_workgroup_invocations) {
    return std::nullopt;
  }

  Specialization specialization = conv_specialization(conv, static_cast<int>(threads));
  set_tile(specialization, tile.block, tile.pixels, tile.step);
  Kernel kernel;
  kernel.shader = "conv_cm";
  kernel.specialization = std::move(specialization).take();
  kernel.required_subgroup_size = caps.subgroup_size;
  kernel.weights = pack_matrix(conv.weights, shape, tile, conv.step.weights);
  kernel.dispatch = matrix_dispatch(conv, tile);
  kernel.reason =
      fmt::format("cooperative matrices, {} px x {} channels per workgroup", tile.pixels, tile.block);
  return kernel;
}

std::optional<Kernel> make_conv_small(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  if (shape.deformable()) return std::nullopt;
  const bool whole_blocks = shape.internal_per_group == 4 || shape.internal_per_group % 8 == 0;
  if (shape.groups > 1 && (shape.in_per_group % 4 != 0 || !whole_blocks)) return std::nullopt;
  const int group = pixel_group_size(conv.caps);
  Kernel kernel;
  kernel.shader = "conv_small";
  kernel.specialization = conv_specialization(conv, group).take();
  kernel.weights = pack_matrix(conv.weights, shape, {8, 1, 4}, conv.step.weights);
  kernel.dispatch = matrix_dispatch(conv, {8, group, 4});
  kernel.reason = "few channels, one pixel x 8 channels per invocation";
  return kernel;
}

std::optional<Kernel> make_conv_dw(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  if (shape.in_per_group != 1 || shape.internal_per_group != 1 || shape.groups == 1 || shape.deformable()) {
    return std::nullopt;
  }
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
