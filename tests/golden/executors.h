// SPDX-License-Identifier: MIT
// Opens the executor of a runner.
#pragma once

#include <functional>
#include <memory>

#include "golden.h"

namespace unblur::golden {

struct Executor {
  std::unique_ptr<Backend> backend;
  std::function<int()> validation_messages = [] { return 0; };
};

/// kTorch: LibTorch on the CPU. kVulkan: the device that VK_DRIVER_FILES leaves. Throws DeviceError.
[[nodiscard]] Executor open_executor(Runner runner);

}  // namespace unblur::golden
