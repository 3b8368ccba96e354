// SPDX-License-Identifier: MIT
// Frames as pictures that files and people take: interleaved RGB of 8 or 16 bits.
#pragma once

#include <span>

#include "graph/frame.h"

namespace unblur {

/// Planar RGB [3,height,width], clamped to [0,1], as kRgb of `bits` (8 or 16), rounded to nearest.
[[nodiscard]] Frame rgb_frame(std::span<const float> planar, int width, int height, int bits);

/// The frame as kRgb of `bits` (8 or 16), full range, rounded to nearest. RGB of that depth passes as it is.
[[nodiscard]] Frame to_rgb(const Frame& frame, int bits);

/// A kRgb frame turned clockwise by 0, 90, 180 or 270 degrees.
[[nodiscard]] Frame rotated(const Frame& rgb, int degrees);

}  // namespace unblur
