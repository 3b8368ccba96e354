// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "vulkan/kernels/conv_build.h"

namespace unblur::vk {
namespace {

constexpr int kLanes = 16;  // per workgroup: two subgroups of lavapipe
// Multiply-adds in the unrolled loop body: more hide the cost of loads, fewer compile faster.
constexpr int kLargestBody = 1700;

RegisterTile choose_tile(const ConvShape& shape) {
  RegisterTile tile;
  const int channels = shape.internal_per_group;
  tile.block = channels <= 16 ? channels : round_up(div_up(channels, div_up(channels, 16)), 4);
  if (shape.groups > 1) {
    tile.block = 16;
    while (channels % tile.block != 0) tile.block -= 4;
  }
  tile.step = shape.taps.w == 1 && shape.in_per_group > 4 ? 8 : 4;
  const auto body = [&] { return tile.block * tile.pixels * tile.step * shape.taps.w; };
  while (body() > kLargestBody && tile.block > 8 && shape.groups == 1)
    tile.block = round_up(tile.block / 2, 4);
  while (body() > kLargestBody && tile.pixels > 1) tile.pixels /= 2;
  return tile;
}

/// Sampling costs more than multiplying, so all output channels share it as far as the body allows.
RegisterTile choose_deform_tile(const ConvShape& shape) {
  RegisterTile tile{.block = 32, .pixels = 8, .step = 4, .by_tap = true};
  const int channels = shape.internal_per_group;
  if (shape.groups > 1) {
    while (channels % tile.block != 0) tile.block -= 4;
  } else {
    tile.block = channels <= tile.block ? channels : round_up(div_up(channels, div_up(channels, 32)), 4);
  }
  return tile;
}

}  // namespace

std::optional<Kernel> make_conv_reg(const ConvStep& conv) {
  const ConvShape& shape = conv.shape;
  if (!conv.caps.subgroup_broadcast || conv.caps.subgroup_size < 8) return std::nullopt;
  if (conv.caps.buffer_device_address && !conv.caps.int64) return std::nullopt;
  if (!shape.blocks_fit(4) || (shape.groups > 1 && shape.internal_per_group % 4 != 0)) return std::nullopt;
  const RegisterTile tile =
      with_override(shape.deformable() ? choose_deform_tile(shape) : choose_tile(shape), conv.tile);
  if (shape.deformable() && !shape.blocks_fit(tile.step)) return std::nullopt;
  if (tile.step % 4 != 0 || (shape.internal_per_group > tile.block && tile.block % 4 != 0))
    return std::nullopt;
  if (shape.groups > 1 && shape.internal_per_group % tile.block != 0) return std::nullopt;
  Specialization specialization = conv_specialization(conv, kLanes);
  set_tile(specialization, tile.block, tile.pixels, tile.step);

  Kernel kernel;
  kernel.shader = conv_shader(conv, "reg");
  kernel.specialization = std::move(specialization).take();
  kernel.weights = pack_registers(conv.weights, shape, tile, conv.step.weights);
  const int tiles = div_up(conv_row_pixels(conv), tile.pixels);
  const int blocks = div_up(shape.internal_per_group, tile.block) * shape.groups;
  const int phases = shape.phase_count();
  kernel.dispatch = conv_dispatch(conv, [=](int rows) -> std::array<std::uint32_t, 3> {
    return {static_cast<std::uint32_t>(div_up(tiles * rows, kLanes)), static_cast<std::uint32_t>(blocks),
            static_cast<std::uint32_t>(phases)};
  });
  kernel.reason = fmt::format("registers, {} px x {} channels per invocation", tile.pixels, tile.block);
  return kernel;
}

}  // namespace unblur::vk
