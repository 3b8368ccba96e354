// SPDX-License-Identifier: MIT
// The device that tests of LibTorch operators run on: UNBLUR_TORCH_DEVICE=cpu (the default) or cuda.
#pragma once

#include <c10/core/Device.h>

#include <cstdlib>
#include <string>

namespace unblur::test {

inline c10::Device torch_device() {
  const char* name = std::getenv("UNBLUR_TORCH_DEVICE");
  return c10::Device(name != nullptr ? std::string(name) : "cpu");
}

}  // namespace unblur::test
