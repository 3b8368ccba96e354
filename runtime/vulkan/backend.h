// SPDX-License-Identifier: MIT
// Entry points of the Vulkan executor for programs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/executor.h"

namespace unblur {

struct VulkanOptions {
  std::string device;            ///< index, part of the name or UUID; empty: the best (discrete > ... > CPU)
  bool storage_buffers = false;  ///< bindings in place of device addresses, as UNBLUR_SSBO
  /// By operator ("conv2d"): the kernel to use, as UNBLUR_KERNEL names them ("conv_tile:32x128").
  std::map<std::string, std::string> kernels;
};

/// Opens the device and its pipeline cache. Throws DeviceError.
[[nodiscard]] std::unique_ptr<Backend> create_vulkan_backend(const VulkanOptions& options = {});

/// What `unblur devices` and `doctor` print.
struct VulkanDeviceEntry {
  DeviceInfo info;
  bool chosen = false;                 ///< by create_vulkan_backend with the same selector
  std::string unusable;                ///< why not; empty = usable
  std::string remark;                  ///< "older than Mesa 25: about six times slower, ..."; mostly empty
  std::vector<std::string> abilities;  ///< "fp16 storage: yes", one per line
};
/// Never throws for want of a device: the list is then empty. Throws DeviceError if there is no loader or
/// driver.
[[nodiscard]] std::vector<VulkanDeviceEntry> list_vulkan_devices(const std::string& selector = {});

/// Messages of the validation layer so far (UNBLUR_VALIDATION=1); tests demand none.
[[nodiscard]] std::vector<std::string> vulkan_validation_messages();

}  // namespace unblur
