// SPDX-License-Identifier: MIT
#include "drawing/colours.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <span>

namespace unblur {
namespace {

Colour ramp(std::span<const Colour> stops, float share) {
  const float at = std::clamp(share, 0.0F, 1.0F) * static_cast<float>(stops.size() - 1);
  const auto i = std::min(static_cast<std::size_t>(at), stops.size() - 2);
  return blend(stops[i], stops[i + 1], at - static_cast<float>(i));
}

float length_of(Motion m) { return std::sqrt(m.dx * m.dx + m.dy * m.dy); }

/// Colours per arc of the wheel: red to yellow, yellow to green, ... magenta to red.
constexpr std::array kArcs{15, 6, 4, 11, 13, 6};
constexpr std::array<Colour, 7> kCorners{
    {{1, 0, 0}, {1, 1, 0}, {0, 1, 0}, {0, 1, 1}, {0, 0, 1}, {1, 0, 1}, {1, 0, 0}}};
constexpr int kWheel = 55;

Colour wheel_colour(int i) {
  int at = i % kWheel;
  std::size_t arc = 0;
  while (at >= kArcs[arc]) at -= kArcs[arc++];
  return blend(kCorners[arc], kCorners[arc + 1], static_cast<float>(at) / static_cast<float>(kArcs[arc]));
}

}  // namespace

Colour blend(const Colour& from, const Colour& to, float share) {
  return {from.r + (to.r - from.r) * share, from.g + (to.g - from.g) * share,
          from.b + (to.b - from.b) * share};
}

Colour time_colour(float t) {
  constexpr std::array<Colour, 5> kStops{{{0.16F, 0.28F, 0.95F},
                                          {0.58F, 0.28F, 0.88F},
                                          {0.93F, 0.36F, 0.55F},
                                          {1.00F, 0.64F, 0.25F},
                                          {1.00F, 0.95F, 0.42F}}};
  return ramp(kStops, (t + 1) / 2);
}

Colour length_colour(float share) {
  constexpr std::array<Colour, 5> kStops{{{0.00F, 0.00F, 0.02F},
                                          {0.34F, 0.06F, 0.43F},
                                          {0.73F, 0.22F, 0.33F},
                                          {0.98F, 0.56F, 0.04F},
                                          {0.99F, 1.00F, 0.65F}}};
  return ramp(kStops, share);
}

Colour middlebury_colour(Motion motion) {
  const float radius = length_of(motion);
  const float turn = std::atan2(-motion.dy, -motion.dx) / std::numbers::pi_v<float>;
  const float at = (turn + 1) / 2 * static_cast<float>(kWheel);  // all 55 steps: no seam at the right
  const int i = static_cast<int>(at);
  const Colour hue = blend(wheel_colour(i), wheel_colour(i + 1), at - static_cast<float>(i));
  if (radius <= 1) return blend({1, 1, 1}, hue, radius);
  return {hue.r * 0.75F, hue.g * 0.75F, hue.b * 0.75F};
}

Colour hsv_colour(Motion motion) {
  constexpr float kSixth = std::numbers::pi_v<float> / 3;
  float hue = std::atan2(motion.dy, motion.dx) / kSixth;  // -3 to 3
  if (hue < 0) hue += 6;
  const float value = std::min(length_of(motion), 1.0F);
  const auto channel = [&](float centre) {
    float away = std::abs(hue - centre);
    away = std::min(away, 6 - away);
    return value * std::clamp(2 - away, 0.0F, 1.0F);
  };
  return {channel(0), channel(2), channel(4)};
}

Motion doubled_angle(Motion motion) {
  const float length = length_of(motion);
  if (length < 1e-12F) return {};
  return {(motion.dx * motion.dx - motion.dy * motion.dy) / length, 2 * motion.dx * motion.dy / length};
}

}  // namespace unblur
