// SPDX-License-Identifier: MIT
// A comparison as one self-contained page: verdict, tables, pictures with heat maps, drift over frames,
// layers. No script, nothing fetched.
#pragma once

#include <string>

#include "comparison.h"

namespace unblur {

[[nodiscard]] std::string comparison_html(const Comparison& c);

}  // namespace unblur
