// SPDX-License-Identifier: MIT
// Physical devices: what exists, what it can do (Caps), which one is taken.
#pragma once

#include <vulkan/vulkan.h>

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/executor.h"
#include "vulkan/kernel.h"

namespace unblur::vk {

class Instance;

/// Driver differences that capabilities do not tell; one row per entry in physical.cpp, printed by `devices`.
struct Quirks {
  bool packed_half_preferred = false;  ///< 16-bit loads are slower than unpacking words
  bool slow_driver = false;            ///< a lavapipe older than Mesa 25: six times slower, see doctor
};

/// Sizes in bytes unless said otherwise.
struct Limits {
  std::uint64_t max_allocation = 0;      ///< one VkDeviceMemory
  std::uint64_t max_buffer = 0;          ///< one VkBuffer
  std::uint64_t storage_alignment = 16;  ///< of storage-buffer descriptor offsets
  std::uint64_t flush_alignment = 1;     ///< nonCoherentAtomSize
  double timestamp_ns = 0;               ///< of one tick; 0 = no timestamps
  std::array<std::uint32_t, 3> max_groups{};
};

struct PhysicalDevice {
  VkPhysicalDevice handle = VK_NULL_HANDLE;
  DeviceInfo info;
  Caps caps;
  Quirks quirks;
  Limits limits;
  std::uint32_t compute_family = 0;
  std::uint32_t transfer_family = 0;            ///< = compute_family where there is no queue of its own
  std::optional<std::uint32_t> drawing_family;  ///< one that draws and computes
  std::uint32_t compute_queues = 1, drawing_queues = 1;  ///< how many queues those families have
  std::array<std::uint8_t, VK_UUID_SIZE> uuid{};
  std::uint32_t driver_version = 0;
  bool robust_access = false, memory_budget = false, memory_model = false;
  std::string unusable;                        ///< why it cannot be used; empty = usable
  std::map<std::string, std::string> kernels;  ///< VulkanOptions::kernels

  /// Device-local bytes that may be taken now: the driver's budget where it tells, else 80 % of the heap.
  [[nodiscard]] std::uint64_t available_bytes() const;
};

/// All devices in the loader's order; that index is what `-d N` means.
[[nodiscard]] std::vector<PhysicalDevice> enumerate_devices(const Instance& instance);

/// Index of the device to use. Empty selector: discrete > integrated > virtual > CPU, the first of its kind.
/// Else an index, a UUID (dashes allowed) or a part of the name, case ignored. Throws DeviceError that lists
/// the devices if none fits or the one named is unusable.
[[nodiscard]] std::size_t choose_device(const std::vector<PhysicalDevice>& devices,
                                        std::string_view selector);

/// fp32 for kAuto on CPU devices and without fp16 storage; fp16 asked for without it becomes packed words.
/// Throws UsageError for kBf16.
[[nodiscard]] Storage choose_storage(const PhysicalDevice& device, Precision precision);
[[nodiscard]] std::string_view storage_name(Storage storage);  ///< "fp32", "fp16", "fp16 packed"

}  // namespace unblur::vk
