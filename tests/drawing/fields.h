// SPDX-License-Identifier: MIT
// Fields of known motion.
#pragma once

#include <functional>

#include "drawing/field.h"

namespace unblur::test {

/// Content moves by `motion(x, y)` px during the exposure, in a straight line at constant speed.
inline TrajectoryField straight_field(int width, int height, bool directed,
                                      const std::function<Motion(int, int)>& motion) {
  const auto plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<float> control(4 * plane);
  for (std::size_t i = 0; i < plane; ++i) {
    const Motion m = motion(static_cast<int>(i) % width, static_cast<int>(i) / width);
    // The gather offset is minus the displacement of content: at the start, content lies half a motion back.
    control[i] = m.dy / 2, control[plane + i] = m.dx / 2;
    control[2 * plane + i] = -m.dy / 2, control[3 * plane + i] = -m.dx / 2;
  }
  return {{.mode = "quad", .points = 15, .directed = directed}, {4, height, width}, std::move(control)};
}

inline TrajectoryField constant_field(int width, int height, bool directed, Motion motion) {
  return straight_field(width, height, directed, [motion](int, int) { return motion; });
}

/// A turn about the centre, clockwise as seen on the screen.
inline TrajectoryField turning_field(int width, int height, bool directed, float radians) {
  return straight_field(width, height, directed, [=](int x, int y) {
    const float rx = static_cast<float>(x) - static_cast<float>(width - 1) / 2;
    const float ry = static_cast<float>(y) - static_cast<float>(height - 1) / 2;
    return Motion{-radians * ry, radians * rx};
  });
}

}  // namespace unblur::test
