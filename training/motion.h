// SPDX-License-Identifier: MIT
// Motion of cameras and layers as 3x3 maps over time. A map M(t) is a gather: it takes a pixel of the
// frame (x, y, 1), pixel centres at integers, to the texture of a layer. Where the surface seen at p at time
// a is at time b: M(b)^-1 M(a) p. Time is in frame intervals; frame k is centred at k.
#pragma once

#include <array>
#include <vector>

#include "rng.h"

namespace unblur {

/// Row-major 3x3 matrix.
using Mat3 = std::array<double, 9>;
inline constexpr Mat3 kIdentity3{1, 0, 0, 0, 1, 0, 0, 0, 1};

[[nodiscard]] Mat3 multiply(const Mat3& a, const Mat3& b) noexcept;
[[nodiscard]] Mat3 inverse(const Mat3& m) noexcept;
struct Point {
  double x = 0, y = 0;
};
[[nodiscard]] Point map_point(const Mat3& m, Point p) noexcept;

/// A random function of time: integrated white noise at knots `spacing` apart, smoothed by the uniform cubic
/// B-spline (which is its low-pass), plus a constant velocity and at most one jerk.
class SmoothSignal {
 public:
  SmoothSignal() = default;
  /// Covers [first, last]; about unit speed per frame interval for a pan of 0.
  SmoothSignal(CounterRng& rng, double spacing, double first, double last);
  /// Adds `amount` * sqrt((t - at)^2 + width^2): the velocity turns by 2 * amount within about `width`.
  void add_jerk(double amount, double at, double width) noexcept;
  void add_pan(double velocity) noexcept { pan_ += velocity; }
  [[nodiscard]] double at(double time) const noexcept;

 private:
  double spacing_ = 1, first_ = 0, pan_ = 0;
  double jerk_ = 0, jerk_at_ = 0, jerk_width_ = 0.1;
  std::vector<double> knots_;
};

/// Hand shake: rotation (yaw, pitch, roll) and translation of a pinhole camera, every signal in pixels of
/// displacement at unit scale.
struct CameraShake {
  std::array<SmoothSignal, 6> signals;  ///< yaw, pitch, roll, x, y, z
  std::array<double, 6> weights{};      ///< relative strength, px
  double focal = 800;                   ///< px
  Point principal;                      ///< px, of the frame; may lie outside it
  double centre_time = 0;               ///< the pose there is the identity
};
[[nodiscard]] CameraShake draw_shake(CounterRng& rng, int width, int height, double first, double last);

/// Plane of a layer: inverse depth at the principal point and its slants, so that 1/Z = n . (X/Z, Y/Z, 1).
struct Plane {
  double inverse_depth = 1, slant_x = 0, slant_y = 0;
};

/// Own motion of a moving layer about its centre: translation in px, rotation in rad, logarithm of scale.
struct LayerMotion {
  std::array<SmoothSignal, 4> signals;  ///< x, y, rotation, log scale
  std::array<double, 4> weights{};
  Point centre;
  double centre_time = 0;
};
[[nodiscard]] LayerMotion draw_layer_motion(CounterRng& rng, Point centre, double radius, double first,
                                            double last);

/// Gather map of the camera at `time` for a plane, scaled by `amount`; the identity for amount 0.
[[nodiscard]] Mat3 camera_map(const CameraShake& shake, const Plane& plane, double amount,
                              double time) noexcept;
/// Gather map of a layer's own motion, scaled by `amount`.
[[nodiscard]] Mat3 layer_map(const LayerMotion& motion, double amount, double time) noexcept;

/// M(t) as the linear interpolation of a table. This *is* the motion (rendering and truth both read it), so
/// that truth is exact however curved the path.
class MotionTable {
 public:
  static constexpr int kStepsPerFrame = 64;
  MotionTable() = default;
  MotionTable(double first, std::vector<Mat3> maps) : first_(first), maps_(std::move(maps)) {}
  [[nodiscard]] Mat3 at(double time) const noexcept;
  [[nodiscard]] double first() const noexcept { return first_; }
  [[nodiscard]] const std::vector<Mat3>& maps() const noexcept { return maps_; }

 private:
  double first_ = 0;
  std::vector<Mat3> maps_;
};

}  // namespace unblur
