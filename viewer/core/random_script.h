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
  std::vector<std::string> widgets;  ///< labels, for `click`
  int width = 1280, height = 800;    ///< of the window, px
  int most_wait = 6;                 ///< frames after an action
};

/// `actions` lines and the waits between them, then `quit`. The same seed gives the same script everywhere.
/// Lists may be empty: such actions do not occur.
[[nodiscard]] std::string random_script(std::uint32_t seed, int actions, const RandomScriptOptions& options);

}  // namespace unblur
