// SPDX-License-Identifier: MIT
// The Vulkan loader, libvulkan.so.1, opened at run time. cmake/VulkanForward.cmake writes the functions of
// vulkan.h that call it; everything else includes vulkan.h and links nothing.
#pragma once

#include <vulkan/vulkan_core.h>

namespace unblur::vk {

/// A function of the loader; null where it lacks one of that name. Opens the loader at the first call. Throws
/// DeviceError where there is none: whichever Vulkan call comes first then ends so.
[[nodiscard]] PFN_vkVoidFunction find_loader_function(const char* name);

template <typename Function>
[[nodiscard]] Function loader_function(const char* name) {
  return reinterpret_cast<Function>(find_loader_function(name));
}

}  // namespace unblur::vk
