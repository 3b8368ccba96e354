// SPDX-License-Identifier: MIT
// Colours of time, direction and length. All as stored (sRGB-encoded), 0 to 1.
#pragma once

#include "drawing/field.h"

namespace unblur {

struct Colour {
  float r = 0, g = 0, b = 0;
  bool operator==(const Colour&) const = default;
};

[[nodiscard]] Colour blend(const Colour& from, const Colour& to, float share);

/// Time t in [-1, 1]: blue, violet, orange, yellow. Every step is lighter than the one before, so that order
/// shows to colour-blind readers and in grey print as well.
[[nodiscard]] Colour time_colour(float t);
/// Share of the full scale, 0 to 1: black, violet, orange, pale yellow; lighter with every step.
[[nodiscard]] Colour length_colour(float share);

/// `motion` in units of the full scale. Hue by direction on the wheel of Baker et al., "A Database and
/// Evaluation Methodology for Optical Flow" (IJCV 92, 2011); white where nothing moves, saturated at the full
/// scale, darker beyond.
[[nodiscard]] Colour middlebury_colour(Motion motion);
/// Hue = direction (right red, down yellow-green, left cyan, up violet), brightness = length, black where
/// nothing moves.
[[nodiscard]] Colour hsv_colour(Motion motion);

/// The same length at twice the angle: opposite motions become one. For maps of models that do not tell start
/// from end.
[[nodiscard]] Motion doubled_angle(Motion motion);

}  // namespace unblur
