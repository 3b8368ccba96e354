// SPDX-License-Identifier: MIT
// Pictures of motion exactly as the published code of Motion-ETR draws them (motion-etr.md section 8): for
// comparison with the paper's figures. Our own drawing is in plot.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "drawing/field.h"

namespace unblur {

enum class AuthorsLine : std::uint8_t {
  kPath,      ///< all time points in order, rounded half to even
  kBilinear,  ///< start, middle, end, truncated toward zero
  kStale,     ///< all points in the index order that their deblur class was left with; 15 points only
};

/// A window of 17 x 17 px and the line in it.
struct AuthorsWindow {
  int row = 0, column = 0;                   ///< of the centre
  std::vector<std::array<int, 2>> vertices;  ///< (x, y) from the window's corner, last time first
};
/// Windows row by row; the last column and row of windows is missing where the size is a multiple of 17.
[[nodiscard]] std::vector<AuthorsWindow> authors_windows(const TrajectoryField& field, AuthorsLine line);

/// Red lines over the lightened grey of planar RGB `input` [3,h,w] in [0,1]; black outside the windows.
/// 8-bit RGB, interleaved [h,w,3].
[[nodiscard]] std::vector<std::uint8_t> authors_line_picture(std::span<const float> input, int width,
                                                             int height,
                                                             const std::vector<AuthorsWindow>& windows);

/// Start minus end (rounded to whole px) as hue and saturation, the largest motion saturated. [h,w,3].
[[nodiscard]] std::vector<std::uint8_t> authors_flow_picture(const TrajectoryField& field);

/// The line picture that suits the field's mode, as planar RGB [3,h,w] in [0,1].
[[nodiscard]] std::vector<float> authors_picture(std::span<const float> input, const TrajectoryField& field);

}  // namespace unblur
