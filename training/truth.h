// SPDX-License-Identifier: MIT
// Exact motion of a plan: where the surface seen at each pixel is at other instants.
#pragma once

#include <torch/types.h>

#include "clip_plan.h"
#include "render.h"

namespace unblur {

/// Flow to the previous frame, [2,H,W] float32 on the CPU, for frame k >= 1; `labels` says which layer each
/// pixel of frame k shows.
[[nodiscard]] torch::Tensor flow_to_previous(const ClipPlan& plan, int frame, const torch::Tensor& labels);

/// 1 where a pixel's flow leads inside frame k-1 to the same layer, and neither end lies in a soft edge;
/// [1,H,W].
[[nodiscard]] torch::Tensor visible_in_previous(const torch::Tensor& flow, const Labels& current,
                                                const Labels& previous);

/// Content trajectory or gather offsets within the exposure of frame k, [N,2,H,W]. See Clip.
[[nodiscard]] torch::Tensor exposure_paths(const ClipPlan& plan, int frame, const torch::Tensor& labels,
                                           bool gather);

/// 1 where the surface seen at a pixel at the middle of frame k's exposure is behind no other one at any of
/// the instants of `exposure_paths`, and does not lie in a soft edge; [1,H,W].
[[nodiscard]] torch::Tensor shown_throughout(const ClipPlan& plan, int frame, const Labels& labels);

}  // namespace unblur
