// SPDX-License-Identifier: MIT
// Predicted paths during the exposure against the exact ones. `control` is a network's output [n,4,h,w] (or
// [n,2,h,w] for "lin"): gather offsets (S.dy, S.dx, E.dy, E.dx) in full-resolution px (graph/exposure.h).
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <string>

#include "clip_plan.h"
#include "losses.h"

namespace unblur {

/// How the networks of ours describe a path.
inline constexpr const char* kPathMode = "quad";

/// Exact gather offsets of a frame of n clips at some scale, in full-resolution px, and where they count.
struct PathTruth {
  at::Tensor gather;      ///< [n,P,2,h,w] as (dx, dy) at P instants evenly over the exposure (Clip::gather)
  at::Tensor mask;        ///< [n,1,h,w]
  at::Tensor count = {};  ///< what means divide by: sum of the mask, or of the mask of a whole batch
};

/// Means over the counted pixels of each cell, and the cells more than half counted.
[[nodiscard]] PathTruth reduce_paths(const PathTruth& full, std::int64_t height, std::int64_t width);

/// The same paths run backwards, for the images of `which` (bool [n]).
[[nodiscard]] PathTruth reversed_where(const PathTruth& truth, const at::Tensor& which);

/// Offsets (dx, dy) at `points` instants evenly over the exposure, in order of time: [n,points,2,h,w].
[[nodiscard]] at::Tensor path_points(const at::Tensor& control, const std::string& mode, std::int64_t points);

/// Mean over counted pixels of d / (z + 1 px): d the mean over the instants of sqrt(|o - truth|^2 + 1e-4), z
/// that of |truth|, so that an error of a tenth counts alike whatever the length.
[[nodiscard]] at::Tensor path_loss(const at::Tensor& control, const std::string& mode,
                                   const PathTruth& truth);

/// End-point error [n,1,h,w] px: the mean over the instants of the distance to the truth. `control` of zeros
/// gives that of zero motion.
[[nodiscard]] at::Tensor path_distance(const at::Tensor& control, const std::string& mode,
                                       const PathTruth& truth);

/// bool [n]: whether an image's error is smaller against the truth run backwards. A still picture does not
/// tell the two apart.
[[nodiscard]] at::Tensor better_reversed(const at::Tensor& control, const std::string& mode,
                                         const PathTruth& truth);

/// Length of the true paths, [n,1,h,w] px.
[[nodiscard]] at::Tensor path_length(const PathTruth& truth);

/// End-point errors over counted pixels by the pixels' path length; bins of clip_plan.h.
using BinnedPathError = std::array<EndPointError, kBinCount>;
[[nodiscard]] BinnedPathError binned_path_error(const at::Tensor& control, const std::string& mode,
                                                const PathTruth& truth);

}  // namespace unblur
