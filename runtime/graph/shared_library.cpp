// SPDX-License-Identifier: MIT
#include "graph/shared_library.h"

#include <dlfcn.h>

#include <filesystem>
#include <vector>

namespace unblur {

OpenedLibrary open_library(const char* name) {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::vector<std::filesystem::path> candidates;
  if (!program.empty()) {
    candidates.push_back(program.parent_path() / name);
    candidates.push_back(program.parent_path().parent_path() / "lib" / name);
  }
  candidates.emplace_back(name);

  OpenedLibrary library;
  for (const std::filesystem::path& path : candidates) {
    if (path.is_absolute() && !std::filesystem::exists(path, ignored)) continue;
    library.handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    library.file = path.string();
    if (library.handle != nullptr) break;
    const char* text = dlerror();
    library.reason = text != nullptr ? text : "unknown reason";
  }
  return library;
}

}  // namespace unblur
