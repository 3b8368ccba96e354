// SPDX-License-Identifier: MIT
#include "torch_device.h"

#include <ATen/Context.h>
#include <dlfcn.h>

#include "graph/shared_library.h"

namespace unblur {
namespace {

struct Kernels {
  const DeviceOperators* operators = nullptr;
  std::string reason;
};

Kernels find_kernels() {
  if (!load_cuda().empty()) return {nullptr, load_cuda()};
  const OpenedLibrary library = open_library("libunblur_cuda.so");
  if (library.handle == nullptr) return {nullptr, "no library of CUDA kernels: " + library.reason};
  using Entry = decltype(&unblur_cuda_operators_1);
  const auto entry = reinterpret_cast<Entry>(dlsym(library.handle, "unblur_cuda_operators_1"));
  if (entry == nullptr) return {nullptr, library.file + " belongs to another version of this program"};
  return {entry(), ""};
}

const Kernels& kernels() {
  static const Kernels found = find_kernels();
  return found;
}

}  // namespace

const std::string& load_cuda() {
  static const std::string reason = []() -> std::string {
    if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
      const char* text = dlerror();
      return std::string("LibTorch has no CUDA here: ") + (text != nullptr ? text : "unknown reason");
    }
    const bool answers = at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0;
    return answers ? "" : "LibTorch finds no CUDA device";
  }();
  return reason;
}

const std::string& load_cuda_kernels() { return kernels().reason; }

const DeviceOperators* device_operators(const at::Tensor& x) {
  return x.is_cuda() ? kernels().operators : nullptr;
}

}  // namespace unblur
