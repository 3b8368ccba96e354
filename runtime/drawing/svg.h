// SPDX-License-Identifier: MIT
// A plot as a self-contained SVG file: the picture embedded as PNG, the shapes as vectors.
#pragma once

#include <string>

#include "drawing/plot.h"

namespace unblur {

/// `rotation`: degrees clockwise (0, 90, 180, 270) that the picture is turned by to stand upright. `title`
/// is what a screen reader says.
[[nodiscard]] std::string plot_svg(const Plot& plot, int rotation, const std::string& title);

}  // namespace unblur
