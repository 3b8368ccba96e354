// SPDX-License-Identifier: MIT
#include "vulkan/layout.h"

#include <cassert>
#include <cstring>

#include "graph/tensor.h"

namespace unblur::vk {
namespace {

std::size_t element_index(const TensorView& v, int x, int y, int c) {
  return (static_cast<std::size_t>(y) * v.w + x) * v.pixel_stride + v.channel_offset + c;
}
std::size_t planar_index(const TensorView& v, int x, int y, int c) {
  return (static_cast<std::size_t>(c) * v.h + y) * v.w + x;
}

}  // namespace

TensorView whole_view(const Shape& shape, Storage storage) {
  return {shape.c, shape.h, shape.w, (shape.c + 7) / 8 * 8, 0, storage};
}

void pack_nhwc(std::span<const float> planar, const TensorView& view, std::span<std::byte> memory) {
  assert(planar.size() == static_cast<std::size_t>(view.c) * view.h * view.w);
  assert(memory.size() >= row_bytes(view) * view.h);
  const int padded = (view.c + 7) / 8 * 8;
  for (int y = 0; y < view.h; ++y) {
    for (int x = 0; x < view.w; ++x) {
      for (int c = 0; c < padded; ++c) {
        const float value = c < view.c ? planar[planar_index(view, x, y, c)] : 0.0F;
        const std::size_t at = element_index(view, x, y, c);
        if (view.storage == Storage::kF32) {
          std::memcpy(memory.data() + at * 4, &value, 4);
        } else {
          const std::uint16_t half = float_to_half(value);
          std::memcpy(memory.data() + at * 2, &half, 2);
        }
      }
    }
  }
}

std::vector<float> unpack_nhwc(std::span<const std::byte> memory, const TensorView& view) {
  std::vector<float> planar(static_cast<std::size_t>(view.c) * view.h * view.w);
  for (int y = 0; y < view.h; ++y) {
    for (int x = 0; x < view.w; ++x) {
      for (int c = 0; c < view.c; ++c) {
        const std::size_t at = element_index(view, x, y, c);
        float& value = planar[planar_index(view, x, y, c)];
        if (view.storage == Storage::kF32) {
          std::memcpy(&value, memory.data() + at * 4, 4);
        } else {
          std::uint16_t half = 0;
          std::memcpy(&half, memory.data() + at * 2, 2);
          value = half_to_float(half);
        }
      }
    }
  }
  return planar;
}

}  // namespace unblur::vk
