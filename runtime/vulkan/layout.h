// SPDX-License-Identifier: MIT
// Where the elements of a value lie, and the host's conversion between planar float tensors and that layout
// (tests, run_tensors, states of the fp32 retry; frames are converted on the device).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "vulkan/kernel.h"

namespace unblur::vk {

[[nodiscard]] constexpr std::uint64_t element_bytes(Storage storage) {
  return storage == Storage::kF32 ? 4 : 2;
}
[[nodiscard]] constexpr std::uint64_t row_bytes(const TensorView& view) {
  return static_cast<std::uint64_t>(view.w) * static_cast<std::uint64_t>(view.pixel_stride) *
         element_bytes(view.storage);
}
/// The view of a value that has a buffer of its own.
[[nodiscard]] TensorView whole_view(const Shape& shape, Storage storage);

/// Writes planar [c,h,w] values into the channels of `view` within `memory` (element 0 of row 0 at its
/// start), zeros into the padding channels behind the last one up to a multiple of 8.
void pack_nhwc(std::span<const float> planar, const TensorView& view, std::span<std::byte> memory);
/// The inverse; padding channels are not looked at.
[[nodiscard]] std::vector<float> unpack_nhwc(std::span<const std::byte> memory, const TensorView& view);

}  // namespace unblur::vk
