// SPDX-License-Identifier: MIT
// What a person, or a script, does to the window.
#pragma once

#include <string>
#include <vector>

#include "core/keys.h"

namespace unblur {

struct UiEvent {
  enum class Kind : std::uint8_t { kMove, kButton, kWheel, kKey, kText, kDrop, kClose };
  Kind kind = Kind::kMove;
  float x = 0, y = 0;              ///< px of the canvas: of kMove; kWheel: notches in y
  int button = 0;                  ///< of kButton: 0 left, 1 right, 2 middle
  Key key;                         ///< of kKey
  bool down = false;               ///< of kButton and kKey
  unsigned text = 0;               ///< of kText: a character
  std::vector<std::string> files;  ///< of kDrop
};

}  // namespace unblur
