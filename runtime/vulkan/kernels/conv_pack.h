// SPDX-License-Identifier: MIT
// Weights in the order in which each convolution kernel reads them. Every layout starts with the biases of
// all internal channels as fp32 (conv_bias_words of them, zeros behind the last).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "vulkan/kernels/conv_shape.h"

namespace unblur::vk {

/// 32-bit words before the weights; the same formula stands in shaders/convolution/convolution.glsl.
[[nodiscard]] int conv_bias_words(const ConvShape& shape);

/// Work of one invocation of conv_reg: `pixels` of a row x `block` internal channels; the inner loop takes
/// `step` input channels of one kernel row.
struct RegisterTile {
  int block = 16, pixels = 8, step = 4;
  bool by_tap = false;  ///< deformable: of one tap
};

/// conv_reg: by phase, block of channels, tap row (or tap) and step: block x tap column x step, rounded up to
/// what eight lanes load with 8 bytes each.
[[nodiscard]] std::vector<std::byte> pack_registers(const ConvWeights& weights, const ConvShape& shape,
                                                    const RegisterTile& tile, Storage storage);

/// Work of a workgroup of conv_tile and conv_cm: `pixels` x `block` internal channels, `step` input channels
/// of one tap at a time.
struct MatrixTile {
  int block = 64, pixels = 64, step = 16;
};

/// conv_tile, conv_cm, conv_small (block 8, step 4): by phase, block, tap and step: step x block.
[[nodiscard]] std::vector<std::byte> pack_matrix(const ConvWeights& weights, const ConvShape& shape,
                                                 const MatrixTile& tile, Storage storage);

/// conv_dw: by phase and tap: channels, rounded up to 4.
[[nodiscard]] std::vector<std::byte> pack_depthwise(const ConvWeights& weights, const ConvShape& shape,
                                                    Storage storage);

/// conv_direct: by phase, internal channel and tap: input channels of the group, rounded up to 4.
[[nodiscard]] std::vector<std::byte> pack_rows(const ConvWeights& weights, const ConvShape& shape,
                                               Storage storage);

}  // namespace unblur::vk
