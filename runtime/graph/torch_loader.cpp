// SPDX-License-Identifier: MIT
// Finds the LibTorch executor at run time, so that programs run where LibTorch does not exist.
#include <dlfcn.h>

#include <filesystem>
#include <variant>

#include "graph/error.h"
#include "graph/executor.h"

namespace unblur {
namespace {

constexpr const char* kLibrary = "libunblur_torch.so";
constexpr const char* kEntry = "unblur_create_torch_backend_1";  // cuda/torch_backend.h
using CreateBackend = Backend* (*)(const char* device);

/// Beside the program (build tree), in ../lib (installed), then where the loader looks.
std::vector<std::filesystem::path> candidates() {
  std::error_code ignored;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  std::vector<std::filesystem::path> paths;
  if (!program.empty()) {
    paths.push_back(program.parent_path() / kLibrary);
    paths.push_back(program.parent_path().parent_path() / "lib" / kLibrary);
  }
  paths.emplace_back(kLibrary);
  return paths;
}

/// The entry point, or why there is none. Never unloaded: LibTorch does not survive it.
std::variant<CreateBackend, std::string> load() {
  std::string reason;
  for (const std::filesystem::path& path : candidates()) {
    std::error_code ignored;
    if (path.is_absolute() && !std::filesystem::exists(path, ignored)) continue;
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* text = dlerror();
      reason = text != nullptr ? text : "unknown reason";
      continue;
    }
    if (void* entry = dlsym(library, kEntry)) return reinterpret_cast<CreateBackend>(entry);
    reason = path.string() + " belongs to another version of this program";
  }
  return "the LibTorch executor cannot be loaded: " + reason;
}

const std::variant<CreateBackend, std::string>& loaded() {
  static const std::variant<CreateBackend, std::string> result = load();
  return result;
}

}  // namespace

std::unique_ptr<Backend> load_torch_backend(const std::string& device) {
  if (const auto reason = torch_backend_missing()) throw DeviceError(*reason);
  return std::unique_ptr<Backend>(std::get<CreateBackend>(loaded())(device.c_str()));
}

std::optional<std::string> torch_backend_missing() {
  if (const auto* reason = std::get_if<std::string>(&loaded())) return *reason;
  return std::nullopt;
}

}  // namespace unblur
