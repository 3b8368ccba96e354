// SPDX-License-Identifier: MIT
// Libraries of this project that are loaded where they exist.
#pragma once

#include <string>

namespace unblur {

struct OpenedLibrary {
  void* handle = nullptr;  ///< of dlopen; null where it cannot be loaded
  std::string file;        ///< what was loaded
  std::string reason;      ///< why it was not
};

/// Looks beside the program (build tree), in ../lib (installed), then where the loader looks. Never unloaded:
/// LibTorch does not survive it.
[[nodiscard]] OpenedLibrary open_library(const char* name);

}  // namespace unblur
