// SPDX-License-Identifier: MIT
// Paths of pixels during one exposure, as Motion-ETR describes them (Zhang, Wang, Maybank, Tao; "Exposure
// Trajectory Recovery from Motion Blur", TPAMI 44(11), 2022; its published code where the two differ).
//
// Time t runs over the exposure from -1 to 1. The blurred pixel (y, x) saw at time t the sharp content of
// (y + o_y(t), x + o_x(t)): "gather" offsets in full-resolution px, down and right positive. o(0) = 0. A path
// is given by its control offsets S = o(-1) and E = o(1), channels (S.dy, S.dx, E.dy, E.dx).
#pragma once

#include <array>
#include <string_view>
#include <vector>

namespace unblur {

inline constexpr int kMaxExposurePoints = 255;

struct Offset {
  float dy = 0.0F, dx = 0.0F;  ///< px
};

/// Weights of S and E in o(t):
///   quad    (t^2 - t)/2, (t^2 + t)/2    the parabola through S, 0, E
///   bilin   max(-t, 0), max(t, 0)       S to 0 to E in straight lines
///   lin     -t, 0                       E = -S, which the control channels leave out
/// Times outside [-1, 1] extrapolate. Throws UsageError for another mode.
[[nodiscard]] std::array<float, 2> path_weights(std::string_view mode, double t);

/// o(t) with the weights of `path_weights`.
[[nodiscard]] constexpr Offset offset_at(const std::array<float, 2>& weights, Offset start, Offset end) {
  return {weights[0] * start.dy + weights[1] * end.dy, weights[0] * start.dx + weights[1] * end.dx};
}

/// Time of each stored point, with M = points / 2: -1, -1/M, -2/M, ..., -(M-1)/M, 0, 1/M, ..., 1. `points` is
/// odd, 3 to kMaxExposurePoints, else UsageError. The first half after -1 runs backwards: as the checkpoints
/// store it.
[[nodiscard]] std::vector<float> stored_times(int points);
/// `path_weights` at each stored time.
[[nodiscard]] std::vector<std::array<float, 2>> point_weights(std::string_view mode, int points);
/// Indices of the stored points in order of time: 0, M-1, ..., 1, M, ..., points-1.
[[nodiscard]] std::vector<int> chronological_order(int points);

}  // namespace unblur
