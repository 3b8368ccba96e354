// SPDX-License-Identifier: MIT
// A person who tries everything, for the soak test.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace unblur {

struct RandomScriptOptions {
  std::vector<std::string> sources;  ///< for `open`
  std::vector<std::string> keys;     ///< core/keys.h
  std::vector<std::string> twice;    ///< keys that are pressed again at once after the wait
  std::vector<std::string> widgets;  ///< labels, for `click`
  int width = 1280, height = 800;    ///< px: places lie inside, from the upper left corner of the window
  int most_wait = 6;                 ///< frames after an action
};

/// Every source and key once, so that what is made once is made early; `actions` lines at random; waits
/// between them; then `quit`. The same seed gives the same script everywhere. Lists may be empty: such
/// actions do not occur.
[[nodiscard]] std::string random_script(std::uint32_t seed, int actions, const RandomScriptOptions& options);

}  // namespace unblur
