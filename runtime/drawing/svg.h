// SPDX-License-Identifier: MIT
// A plot as a self-contained SVG file: the picture embedded as PNG, the shapes as vectors.
#pragma once

#include <span>
#include <string>

#include "drawing/plot.h"

namespace unblur {

/// `rotation`: degrees clockwise (0, 90, 180, 270) that the picture is turned by to stand upright. `title`
/// is what a screen reader says.
/// Planar RGB [3,height,width], 0 to 1, as the address of a PNG within a page ("data:image/png;base64,...").
[[nodiscard]] std::string png_address(std::span<const float> rgb, int width, int height);
/// With the characters that HTML and SVG reserve written as references.
[[nodiscard]] std::string markup_escaped(const std::string& text);

[[nodiscard]] std::string plot_svg(const Plot& plot, int rotation, const std::string& title);

}  // namespace unblur
