// SPDX-License-Identifier: MIT
// Models whose results can be said by heart, and that cost nothing.
#pragma once

#include <string>

#include "graph/model.h"

namespace unblur::test {

/// The motion that scaling models claim: content moves by so many px to the right over a frame interval.
inline constexpr float kClaimedMotion = 8;

/// Two convolutions ("wide", "narrow") that multiply every value by `factor`, and a constant "flow".
[[nodiscard]] Model scaling_model(const std::string& name, float factor);

/// The input through so many convolutions, and the same "flow".
[[nodiscard]] Model deep_model(int steps);

/// A running mean: half of this frame, half of the result before; the first frame is its own result.
[[nodiscard]] Model memory_model();

}  // namespace unblur::test
