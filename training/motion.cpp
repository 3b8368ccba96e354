// SPDX-License-Identifier: MIT
#include "motion.h"

#include <algorithm>
#include <cmath>

namespace unblur {
namespace {

// Frequencies in 4.1 are in Hz; clips are thought of as 30 frames per second.
constexpr double kFramesPerSecond = 30;

Mat3 rotation(double yaw, double pitch, double roll) noexcept {
  const double cy = std::cos(yaw), sy = std::sin(yaw);
  const double cp = std::cos(pitch), sp = std::sin(pitch);
  const double cr = std::cos(roll), sr = std::sin(roll);
  const Mat3 about_y{cy, 0, sy, 0, 1, 0, -sy, 0, cy};
  const Mat3 about_x{1, 0, 0, 0, cp, -sp, 0, sp, cp};
  const Mat3 about_z{cr, -sr, 0, sr, cr, 0, 0, 0, 1};
  return multiply(about_z, multiply(about_x, about_y));
}

}  // namespace

Mat3 multiply(const Mat3& a, const Mat3& b) noexcept {
  Mat3 c{};
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      c[3 * i + j] = a[3 * i] * b[j] + a[3 * i + 1] * b[3 + j] + a[3 * i + 2] * b[6 + j];
    }
  }
  return c;
}

Mat3 inverse(const Mat3& m) noexcept {
  const Mat3 adjugate{m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
                      m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
                      m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  const double scale = 1.0 / (m[0] * adjugate[0] + m[1] * adjugate[3] + m[2] * adjugate[6]);
  Mat3 out{};
  for (std::size_t i = 0; i < 9; ++i) out[i] = adjugate[i] * scale;
  return out;
}

Point map_point(const Mat3& m, Point p) noexcept {
  const double w = 1.0 / (m[6] * p.x + m[7] * p.y + m[8]);
  return {(m[0] * p.x + m[1] * p.y + m[2]) * w, (m[3] * p.x + m[4] * p.y + m[5]) * w};
}

SmoothSignal::SmoothSignal(CounterRng& rng, double spacing, double first, double last)
    : spacing_(spacing), first_(first) {
  const auto count = static_cast<std::size_t>(std::ceil((last - first) / spacing)) + 4;
  double walk = 0;
  // Steps of one spacing give a velocity of about one; the pull towards zero keeps long clips near their
  // start.
  for (std::size_t i = 0; i < count; ++i) {
    walk = 0.92 * walk + spacing * rng.normal();
    knots_.push_back(walk);
  }
}

void SmoothSignal::add_jerk(double amount, double at, double width) noexcept {
  jerk_ = amount;
  jerk_at_ = at;
  jerk_width_ = width;
}

double SmoothSignal::at(double time) const noexcept {
  double value = pan_ * time;
  if (jerk_ != 0) value += jerk_ * std::hypot(time - jerk_at_, jerk_width_);
  if (knots_.size() < 4) return value;
  const double position = std::clamp((time - first_) / spacing_, 0.0, static_cast<double>(knots_.size() - 4));
  const auto i = std::min(static_cast<std::size_t>(position), knots_.size() - 4);
  const double f = position - static_cast<double>(i);
  const double g = 1 - f;
  const double w0 = g * g * g / 6, w3 = f * f * f / 6;
  const double w1 = (3 * f * f * f - 6 * f * f + 4) / 6, w2 = (3 * g * g * g - 6 * g * g + 4) / 6;
  return value + w0 * knots_[i] + w1 * knots_[i + 1] + w2 * knots_[i + 2] + w3 * knots_[i + 3];
}

CameraShake draw_shake(CounterRng& rng, int width, int height, double first, double last) {
  CameraShake shake;
  const double cutoff = rng.log_uniform(2, 8);  // Hz
  const double spacing = kFramesPerSecond / (2 * cutoff);
  for (SmoothSignal& signal : shake.signals) signal = SmoothSignal(rng, spacing, first, last);
  shake.focal = rng.uniform(600, 1600);
  // A training crop is a piece of a larger frame, so its principal point lies anywhere around it.
  shake.principal = {0.5 * width + rng.uniform(-320, 320), 0.5 * height + rng.uniform(-200, 200)};
  const double rotation_weight = rng.uniform(0.3, 1.0);
  shake.weights = {rotation_weight,     rotation_weight * rng.uniform(0.5, 1.0),
                   rng.uniform(0, 0.8), rng.uniform(0, 1.0),
                   rng.uniform(0, 0.7), rng.uniform(0, 0.5)};
  if (rng.chance(0.4)) {  // a pan: nearly constant velocity over the clip
    const double angle = rng.uniform(0, 6.283185307179586);
    shake.signals[3].add_pan(2 * std::cos(angle));
    shake.signals[4].add_pan(1.4 * std::sin(angle));
  }
  shake.centre_time = 0.5 * (first + last);
  return shake;
}

LayerMotion draw_layer_motion(CounterRng& rng, Point centre, double radius, double first, double last) {
  LayerMotion motion;
  const double spacing = rng.uniform(2, 6);  // frames between the knots of the layer's spline
  for (SmoothSignal& signal : motion.signals) signal = SmoothSignal(rng, spacing, first, last);
  motion.weights = {1, rng.uniform(0.3, 1), rng.uniform(0, 0.4) / radius, rng.uniform(0, 0.2) / radius};
  motion.centre = centre;
  motion.centre_time = 0.5 * (first + last);
  return motion;
}

Mat3 camera_map(const CameraShake& shake, const Plane& plane, double amount, double time) noexcept {
  std::array<double, 6> pose{};
  for (std::size_t i = 0; i < 6; ++i) {
    const SmoothSignal& signal = shake.signals[i];
    pose[i] = amount * shake.weights[i] * (signal.at(time) - signal.at(shake.centre_time)) / shake.focal;
  }
  // Roll turns about the principal point; a lever arm of a quarter focal length makes its weight pixels, too.
  const Mat3 turn = rotation(pose[0], pose[1], 4 * pose[2]);
  const std::array<double, 3> normal{plane.slant_x, plane.slant_y, plane.inverse_depth};
  Mat3 euclidean = turn;
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 0; j < 3; ++j) euclidean[3 * i + j] += pose[3 + i] * (i == 2 ? 4 : 1) * normal[j];
  }
  const Mat3 to_rays{1 / shake.focal,
                     0,
                     -shake.principal.x / shake.focal,
                     0,
                     1 / shake.focal,
                     -shake.principal.y / shake.focal,
                     0,
                     0,
                     1};
  const Mat3 to_pixels{shake.focal, 0, shake.principal.x, 0, shake.focal, shake.principal.y, 0, 0, 1};
  return multiply(to_pixels, multiply(euclidean, to_rays));
}

Mat3 layer_map(const LayerMotion& motion, double amount, double time) noexcept {
  std::array<double, 4> value{};
  for (std::size_t i = 0; i < 4; ++i) {
    const SmoothSignal& signal = motion.signals[i];
    value[i] = amount * motion.weights[i] * (signal.at(time) - signal.at(motion.centre_time));
  }
  const double scale = std::exp(std::clamp(value[3], -0.7, 0.7));
  const double c = scale * std::cos(value[2]), s = scale * std::sin(value[2]);
  const Point o = motion.centre;
  return {c, -s, o.x - c * o.x + s * o.y + value[0], s, c, o.y - s * o.x - c * o.y + value[1], 0, 0, 1};
}

Mat3 MotionTable::at(double time) const noexcept {
  const double position =
      std::clamp((time - first_) * kStepsPerFrame, 0.0, static_cast<double>(maps_.size() - 1));
  const auto i = std::min(static_cast<std::size_t>(position), maps_.size() - 2);
  const double f = position - static_cast<double>(i);
  Mat3 out{};
  for (std::size_t e = 0; e < 9; ++e) out[e] = maps_[i][e] + f * (maps_[i + 1][e] - maps_[i][e]);
  return out;
}

}  // namespace unblur
