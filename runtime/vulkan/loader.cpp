// SPDX-License-Identifier: MIT
#include "vulkan/loader.h"

#include <dlfcn.h>

#include "graph/error.h"

namespace unblur::vk {
namespace {

void* open_loader() {
  void* library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    throw DeviceError(
        "the Vulkan loader (libvulkan.so.1) is not installed: apt install libvulkan1 mesa-vulkan-drivers");
  }
  return library;
}

}  // namespace

PFN_vkVoidFunction find_loader_function(const char* name) {
  static void* const library = open_loader();  // never closed: drivers have threads of their own
  return reinterpret_cast<PFN_vkVoidFunction>(dlsym(library, name));
}

}  // namespace unblur::vk
