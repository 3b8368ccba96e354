// SPDX-License-Identifier: MIT
// What tests of LibTorch operators run on: UNBLUR_TORCH_DEVICE=cpu (the default), cuda, or host (the CPU, by
// the kernels for CUDA as loops; tests/cuda).
#pragma once

#include <c10/core/Device.h>

#include <cstdlib>
#include <string>

namespace unblur::test {

inline std::string torch_device_name() {
  const char* name = std::getenv("UNBLUR_TORCH_DEVICE");
  return name != nullptr ? name : "cpu";
}
inline bool kernels_as_loops() { return torch_device_name() == "host"; }
inline c10::Device torch_device() { return c10::Device(kernels_as_loops() ? "cpu" : torch_device_name()); }

}  // namespace unblur::test
