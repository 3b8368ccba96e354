// SPDX-License-Identifier: MIT
// Smaller frames for models that are too slow for whole ones.
#pragma once

#include "graph/frame.h"

namespace unblur {

/// The frame at `percent` (1 to 100) of its size, sides rounded to even numbers, every plane on its own: the
/// mean of the samples under each new one, partly covered ones by their share. 100 copies.
[[nodiscard]] Frame scaled(const Frame& frame, int percent);

}  // namespace unblur
