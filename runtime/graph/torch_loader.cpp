// SPDX-License-Identifier: MIT
// Finds the LibTorch executor at run time, so that programs run where LibTorch does not exist.
#include <dlfcn.h>

#include <variant>

#include "graph/error.h"
#include "graph/executor.h"
#include "graph/shared_library.h"

namespace unblur {
namespace {

constexpr const char* kLibrary = "libunblur_torch.so";
constexpr const char* kEntry = "unblur_create_torch_backend_2";  // cuda/torch_backend.h
using CreateBackend = Backend* (*)(const char* device);

/// The entry point, or why there is none.
std::variant<CreateBackend, std::string> load() {
  const OpenedLibrary library = open_library(kLibrary);
  std::string reason = library.reason;
  if (library.handle != nullptr) {
    if (void* entry = dlsym(library.handle, kEntry)) return reinterpret_cast<CreateBackend>(entry);
    reason = library.file + " belongs to another version of this program";
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
