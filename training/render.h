// SPDX-License-Identifier: MIT
// From a clip plan to linear-light pictures: textures, blurred and sharp frames.
#pragma once

#include <torch/types.h>

#include "clip_plan.h"

namespace unblur {

/// Tables of a camera response: 8-bit code -> linear and linear -> code in [0,1].
struct ResponseTables {
  /// linear = decode[channel*256 + code], with gain and lifted highlights.
  std::vector<float> decode;
  /// code = encode at sqrt(linear) * (size - 1), linearly interpolated.
  std::vector<float> encode;
};
[[nodiscard]] ResponseTables response_tables(const Degradation& look);

/// Premultiplied linear RGBA of every layer, float32 [h,w,4] on `device`.
[[nodiscard]] std::vector<torch::Tensor> build_textures(const ClipPlan& plan, const PhotoLibrary& photos,
                                                        torch::Device device);

/// Row maps [layer][instant][row][9] of frame k at `offsets` (frame intervals from each row's middle
/// instant).
[[nodiscard]] std::vector<float> row_maps(const ClipPlan& plan, int frame,
                                          const std::vector<double>& offsets);

/// Evenly spaced instants (midpoint rule) over an exposure of `duty`.
[[nodiscard]] std::vector<double> exposure_offsets(double duty, int count);

/// The labels of render_on_cpu as tensors, uint8 [H,W].
struct Labels {
  torch::Tensor layer, mixed;
};

/// Mean over instants in linear light, float32 [H,W,3]. On the CPU a loop; on other devices (or with
/// `as_tensors`) tensor operations that give the same within float rounding.
[[nodiscard]] torch::Tensor render_frame(const ClipPlan& plan, const std::vector<torch::Tensor>& textures,
                                         int frame, const std::vector<double>& offsets,
                                         Labels* labels = nullptr, bool as_tensors = false);

}  // namespace unblur
