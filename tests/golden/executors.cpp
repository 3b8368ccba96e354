// SPDX-License-Identifier: MIT
#include "executors.h"

#include "graph/error.h"
#ifdef UNBLUR_GOLDEN_VULKAN
#include "vulkan/backend.h"
#endif

namespace unblur::golden {

Executor open_executor(Runner runner) {
  if (runner == Runner::kTorch) return {load_torch_backend("cpu")};
#ifdef UNBLUR_GOLDEN_VULKAN
  return {create_vulkan_backend(), [] { return static_cast<int>(vulkan_validation_messages().size()); }};
#else
  throw DeviceError("this runner was built without Vulkan");
#endif
}

}  // namespace unblur::golden
