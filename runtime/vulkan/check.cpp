// SPDX-License-Identifier: MIT
#include "vulkan/check.h"

#include <fmt/format.h>

#include <filesystem>

#include "graph/error.h"

namespace unblur::vk {

std::string_view result_name(VkResult result) noexcept {
  switch (result) {
    case VK_SUCCESS:
      return "success";
    case VK_NOT_READY:
      return "not ready";
    case VK_TIMEOUT:
      return "timeout";
    case VK_INCOMPLETE:
      return "incomplete";
    case VK_ERROR_OUT_OF_HOST_MEMORY:
      return "out of host memory";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
      return "out of device memory";
    case VK_ERROR_INITIALIZATION_FAILED:
      return "initialisation failed";
    case VK_ERROR_DEVICE_LOST:
      return "device lost";
    case VK_ERROR_MEMORY_MAP_FAILED:
      return "memory map failed";
    case VK_ERROR_LAYER_NOT_PRESENT:
      return "layer not present";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
      return "extension not present";
    case VK_ERROR_FEATURE_NOT_PRESENT:
      return "feature not present";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
      return "incompatible driver";
    case VK_ERROR_TOO_MANY_OBJECTS:
      return "too many objects";
    case VK_ERROR_FRAGMENTED_POOL:
      return "fragmented pool";
    case VK_ERROR_OUT_OF_POOL_MEMORY:
      return "out of pool memory";
    default:
      return "unexpected result";
  }
}

void throw_result(VkResult result, const char* call, const char* file, int line) {
  const std::string where = fmt::format("{} ({}): {} at {}:{}", result_name(result), static_cast<int>(result),
                                        call, std::filesystem::path(file).filename().string(), line);
  if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY) {
    throw MemoryError("Vulkan " + where + "; lower --memory-limit or close other programs");
  }
  if (result == VK_ERROR_DEVICE_LOST) {
    throw ProcessingError("the Vulkan device was lost (driver reset or hang): " + where +
                          "; try --memory-limit, another device (-d) or a newer driver");
  }
  throw ProcessingError("Vulkan " + where);
}

}  // namespace unblur::vk
