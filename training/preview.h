// SPDX-License-Identifier: MIT
// Pictures of what synthesis made, for people.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <vector>

#include "graph/frame.h"
#include "synthesis.h"

namespace unblur {

/// uint8 [3,H,W] (or float [3,H,W] in [0,1]) -> RGB frame of 8 bits.
[[nodiscard]] Frame frame_from_tensor(const torch::Tensor& picture);
/// 8- or 16-bit RGB or grey frame -> float32 [3,H,W] in [0,1].
[[nodiscard]] torch::Tensor tensor_from_frame(const Frame& frame);

/// Flow [2,H,W] px as colour, uint8 [3,H,W]: hue = direction (red: right, turning towards yellow: down),
/// saturation = length / `full`, white = none.
[[nodiscard]] torch::Tensor flow_colour(const torch::Tensor& flow, double full);

/// One row per clip: blurred and sharp middle frame, the flow's colour (content motion, scaled to the clip's
/// own 95th percentile), and where flow is valid. Clips need equal sizes. Returns uint8 [3,h,w].
[[nodiscard]] torch::Tensor preview_sheet(const std::vector<Clip>& clips);

/// Samples `picture` (float [C,H,W]) at p + flow(p), bilinear, border repeated.
[[nodiscard]] torch::Tensor gather_by_flow(const torch::Tensor& picture, const torch::Tensor& flow);

}  // namespace unblur
