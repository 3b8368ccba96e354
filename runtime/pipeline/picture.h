// SPDX-License-Identifier: MIT
// Before and after side by side, as a PNG that can be shown to a person.
#pragma once

#include <filesystem>
#include <string>

#include "graph/frame.h"

namespace unblur {

/// An 8-bit RGB picture: `before` left, `after` right, a caption on each. `rotation` is what a player would
/// turn the video by, in degrees clockwise. Both frames have the same format.
[[nodiscard]] Frame side_by_side(const Frame& before, const Frame& after, const std::string& left_caption,
                                 const std::string& right_caption, int rotation);

}  // namespace unblur
