// SPDX-License-Identifier: MIT
#include "vulkan/physical.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "graph/error.h"
#include "vulkan/check.h"
#include "vulkan/coopmat.h"
#include "vulkan/environment.h"
#include "vulkan/instance.h"

namespace unblur::vk {
namespace {

/// Everything asked of the driver in one go.
struct Queried {
  VkPhysicalDeviceProperties2 properties{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
  VkPhysicalDeviceIDProperties id{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES};
  VkPhysicalDeviceDriverProperties driver{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES};
  VkPhysicalDeviceSubgroupProperties subgroup{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
  VkPhysicalDeviceMaintenance3Properties maintenance3{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES};
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV sm{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};

  VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  VkPhysicalDeviceVulkan11Features v11{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
  VkPhysicalDeviceVulkan12Features v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  VkPhysicalDeviceSubgroupSizeControlFeatures size_control{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, nullptr, VK_FALSE, VK_FALSE};
  std::vector<VkExtensionProperties> extensions;

  [[nodiscard]] bool has(const char* name) const {
    return std::ranges::any_of(extensions,
                               [&](const auto& e) { return std::strcmp(e.extensionName, name) == 0; });
  }
};

template <typename Head, typename... Tail>
void chain(Head& head, Tail&... tail) {
  void** next = &head.pNext;
  ((*next = &tail, next = &tail.pNext), ...);
}

void query(VkPhysicalDevice handle, Queried& q) {
  vkGetPhysicalDeviceProperties(handle, &q.properties.properties);
  std::uint32_t count = 0;
  UNBLUR_VK(vkEnumerateDeviceExtensionProperties(handle, nullptr, &count, nullptr));
  q.extensions.resize(count);
  UNBLUR_VK(vkEnumerateDeviceExtensionProperties(handle, nullptr, &count, q.extensions.data()));
  if (q.properties.properties.apiVersion < VK_API_VERSION_1_2) return;

  chain(q.properties, q.id, q.driver, q.subgroup, q.maintenance3);
  if (q.has(VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) q.maintenance3.pNext = &q.sm;
  vkGetPhysicalDeviceProperties2(handle, &q.properties);
  chain(q.features, q.v11, q.v12);
  void** next = &q.v12.pNext;
  if (q.properties.properties.apiVersion >= VK_API_VERSION_1_3 ||
      q.has(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME)) {
    *next = &q.size_control;
    next = &q.size_control.pNext;
  }
  if (q.has(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME)) *next = &q.matrix;
  vkGetPhysicalDeviceFeatures2(handle, &q.features);
}

bool has_16x16x16(VkInstance instance, VkPhysicalDevice handle) {
  auto query_shapes = reinterpret_cast<PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR>(
      vkGetInstanceProcAddr(instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR"));
  std::uint32_t count = 0;
  if (query_shapes == nullptr || query_shapes(handle, &count, nullptr) != VK_SUCCESS) return false;
  VkCooperativeMatrixPropertiesKHR empty{};
  empty.sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  std::vector<VkCooperativeMatrixPropertiesKHR> shapes(count, empty);
  if (query_shapes(handle, &count, shapes.data()) != VK_SUCCESS) return false;
  return std::ranges::any_of(shapes, [](const auto& s) {
    return s.MSize == 16 && s.NSize == 16 && s.KSize == 16 && s.scope == VK_SCOPE_SUBGROUP_KHR &&
           s.AType == VK_COMPONENT_TYPE_FLOAT16_KHR && s.BType == VK_COMPONENT_TYPE_FLOAT16_KHR &&
           s.CType == VK_COMPONENT_TYPE_FLOAT32_KHR && s.ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR;
  });
}

std::string type_name(VkPhysicalDeviceType type) {
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return "discrete";
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return "integrated";
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return "virtual";
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return "cpu";
    default:
      return "other";
  }
}

int rank(std::string_view type) {
  constexpr std::array<std::string_view, 5> kOrder{"discrete", "integrated", "virtual", "other", "cpu"};
  return static_cast<int>(std::ranges::find(kOrder, type) - kOrder.begin());
}

void choose_queues(PhysicalDevice& device) {
  std::uint32_t count = 0;
  vkGetPhysicalDeviceQueueFamilyProperties(device.handle, &count, nullptr);
  std::vector<VkQueueFamilyProperties> families(count);
  vkGetPhysicalDeviceQueueFamilyProperties(device.handle, &count, families.data());
  std::optional<std::uint32_t> compute;
  std::optional<std::uint32_t> transfer;
  for (std::uint32_t i = 0; i < count; ++i) {
    const VkQueueFlags flags = families[i].queueFlags;
    if ((flags & VK_QUEUE_COMPUTE_BIT) != 0 && !compute) compute = i;
    const bool dma =
        (flags & VK_QUEUE_TRANSFER_BIT) != 0 && (flags & (VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT)) == 0;
    if (dma && !transfer) transfer = i;
    constexpr VkQueueFlags kBoth = VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT;
    if ((flags & kBoth) == kBoth && !device.drawing_family) {
      device.drawing_family = i;
      device.drawing_queues = families[i].queueCount;
    }
  }
  if (!compute) {
    device.unusable = "no compute queue";
    return;
  }
  device.compute_family = *compute;
  device.compute_queues = families[*compute].queueCount;
  device.transfer_family = transfer.value_or(*compute);
  if (families[*compute].timestampValidBits == 0) device.limits.timestamp_ns = 0;
}

void fill_caps(const Queried& q, bool matrix, Caps& caps) {
  const VkPhysicalDeviceLimits& limits = q.properties.properties.limits;
  caps.cpu_device = q.properties.properties.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU;
  caps.buffer_device_address = q.v12.bufferDeviceAddress == VK_TRUE;
  caps.int64 = q.features.features.shaderInt64 == VK_TRUE;
  caps.fp16_storage = q.v11.storageBuffer16BitAccess == VK_TRUE;
  caps.fp16_arithmetic = q.v12.shaderFloat16 == VK_TRUE;
  caps.subgroup_size = q.subgroup.subgroupSize;
  constexpr VkSubgroupFeatureFlags kNeeded = VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_BALLOT_BIT;
  caps.subgroup_broadcast = (q.subgroup.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT) != 0 &&
                            (q.subgroup.supportedOperations & kNeeded) == kNeeded;
  caps.subgroup_size_control =
      q.size_control.subgroupSizeControl == VK_TRUE && q.size_control.computeFullSubgroups == VK_TRUE;
  caps.max_workgroup_invocations = limits.maxComputeWorkGroupInvocations;
  caps.max_shared_bytes = limits.maxComputeSharedMemorySize;
  caps.max_push_bytes = limits.maxPushConstantsSize;
  caps.max_storage_range = limits.maxStorageBufferRange;
  caps.core_count = q.sm.shaderSMCount;
  caps.cooperative_matrix = matrix && q.matrix.cooperativeMatrix == VK_TRUE && caps.fp16_storage &&
                            caps.fp16_arithmetic && caps.subgroup_size_control &&
                            q.v12.vulkanMemoryModel == VK_TRUE &&
                            q.v12.vulkanMemoryModelDeviceScope == VK_TRUE;
}

/// Every detected ability can be switched off (and off only) to bisect a driver bug.
void apply_environment(Caps& caps) {
  const auto restrict_to = [](bool& ability, const char* name) {
    if (const auto wanted = environment_override(name)) ability = ability && *wanted;
  };
  if (environment_flag("UNBLUR_SSBO")) caps.buffer_device_address = false;
  restrict_to(caps.fp16_storage, "UNBLUR_FP16_STORAGE");
  restrict_to(caps.fp16_arithmetic, "UNBLUR_FP16_ARITHMETIC");
  restrict_to(caps.cooperative_matrix, "UNBLUR_COOPMAT");
  restrict_to(caps.subgroup_broadcast, "UNBLUR_SUBGROUP");
  restrict_to(caps.subgroup_size_control, "UNBLUR_SUBGROUP_CONTROL");
  if (!caps.fp16_storage || !caps.fp16_arithmetic) caps.cooperative_matrix = false;
}

Quirks find_quirks(const Queried& q, const Caps& caps) {
  Quirks quirks;
  // Measured on lavapipe 25.0.7: float16_t loads take twice the time of fp32, packHalf2x16 words none.
  quirks.packed_half_preferred = caps.cpu_device;
  int major = 0;
  if (q.driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE &&
      std::sscanf(q.driver.driverInfo, "Mesa %d", &major) == 1) {
    quirks.slow_driver = major < 25;
  }
  return quirks;
}

void fill_limits(const Queried& q, Limits& limits) {
  const VkPhysicalDeviceLimits& l = q.properties.properties.limits;
  limits.max_allocation = q.maintenance3.maxMemoryAllocationSize;
  limits.max_buffer = q.maintenance3.maxMemoryAllocationSize;
  limits.storage_alignment = std::max<std::uint64_t>(l.minStorageBufferOffsetAlignment, 16);
  limits.flush_alignment = std::max<std::uint64_t>(l.nonCoherentAtomSize, 1);
  limits.timestamp_ns = l.timestampPeriod;
  std::copy_n(l.maxComputeWorkGroupCount, 3, limits.max_groups.begin());
}

std::string find_obstacle(const Queried& q) {
  const VkPhysicalDeviceProperties& p = q.properties.properties;
  if (p.apiVersion < VK_API_VERSION_1_2) return "Vulkan below 1.2; a newer driver is needed";
  if (q.v12.timelineSemaphore != VK_TRUE) return "no timeline semaphores; a newer driver is needed";
  if (p.limits.maxPushConstantsSize < sizeof(PushConstants)) return "push constants below 128 bytes";
  return {};
}

PhysicalDevice read_device(VkInstance instance, VkPhysicalDevice handle) {
  Queried q;
  query(handle, q);
  const VkPhysicalDeviceProperties& p = q.properties.properties;
  PhysicalDevice device;
  device.handle = handle;
  device.unusable = find_obstacle(q);
  // Asking a driver without the extension crashes: the loader hands out a trampoline to nowhere.
  const bool matrix = q.has(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME) && has_16x16x16(instance, handle);
  fill_caps(q, matrix, device.caps);
  fill_limits(q, device.limits);
  apply_environment(device.caps);
  device.quirks = find_quirks(q, device.caps);
  device.robust_access = q.features.features.robustBufferAccess == VK_TRUE;
  // One without the other forbids the plain atomics of colour_out.
  device.memory_model = q.v12.vulkanMemoryModel == VK_TRUE && q.v12.vulkanMemoryModelDeviceScope == VK_TRUE;
  device.memory_budget = q.has(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
  device.driver_version = p.driverVersion;
  std::copy_n(q.id.deviceUUID, VK_UUID_SIZE, device.uuid.begin());
  choose_queues(device);

  device.info.name = p.deviceName;
  device.info.driver = fmt::format("{} {}", q.driver.driverName, q.driver.driverInfo);
  device.info.uuid = fmt::format("{:02x}", fmt::join(device.uuid, ""));
  device.info.api = fmt::format("Vulkan {}.{}.{}", VK_API_VERSION_MAJOR(p.apiVersion),
                                VK_API_VERSION_MINOR(p.apiVersion), VK_API_VERSION_PATCH(p.apiVersion));
  device.info.type = type_name(p.deviceType);
  device.info.fp16_storage = device.caps.fp16_storage;
  VkPhysicalDeviceMemoryProperties memory{};
  vkGetPhysicalDeviceMemoryProperties(handle, &memory);
  for (std::uint32_t i = 0; i < memory.memoryHeapCount; ++i) {
    if ((memory.memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) != 0) {
      device.info.memory_bytes = std::max(device.info.memory_bytes, memory.memoryHeaps[i].size);
    }
  }
  return device;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) { return std::tolower(c); });
  return result;
}

std::string listing(const std::vector<PhysicalDevice>& devices) {
  std::string text;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    text += fmt::format("{}{}: {}", i == 0 ? "" : ", ", i, devices[i].info.name);
  }
  return text.empty() ? "none" : text;
}

}  // namespace

std::uint64_t PhysicalDevice::available_bytes() const {
  VkPhysicalDeviceMemoryBudgetPropertiesEXT budget{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
  VkPhysicalDeviceMemoryProperties2 memory{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
  if (memory_budget) memory.pNext = &budget;
  vkGetPhysicalDeviceMemoryProperties2(handle, &memory);
  std::uint64_t best = 0;
  for (std::uint32_t i = 0; i < memory.memoryProperties.memoryHeapCount; ++i) {
    const VkMemoryHeap& heap = memory.memoryProperties.memoryHeaps[i];
    if ((heap.flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) == 0) continue;
    const std::uint64_t used = budget.heapUsage[i];
    const std::uint64_t free =
        memory_budget && budget.heapBudget[i] > used ? budget.heapBudget[i] - used : heap.size / 10 * 8;
    best = std::max(best, free);
  }
  return best;
}

std::vector<PhysicalDevice> enumerate_devices(const Instance& instance) {
  std::uint32_t count = 0;
  UNBLUR_VK(vkEnumeratePhysicalDevices(instance.get(), &count, nullptr));
  std::vector<VkPhysicalDevice> handles(count);
  if (count > 0) UNBLUR_VK(vkEnumeratePhysicalDevices(instance.get(), &count, handles.data()));
  std::vector<PhysicalDevice> devices;
  for (VkPhysicalDevice handle : handles) devices.push_back(read_device(instance.get(), handle));
  return devices;
}

std::size_t choose_device(const std::vector<PhysicalDevice>& devices, std::string_view selector) {
  std::optional<std::size_t> found;
  const std::string wanted = lower_case(selector);
  std::string uuid = wanted;
  std::erase(uuid, '-');
  const bool number = !wanted.empty() && wanted.size() < 6 &&
                      std::ranges::all_of(wanted, [](char c) { return c >= '0' && c <= '9'; });
  if (number) {
    const std::size_t index = std::stoul(wanted);
    if (index < devices.size()) found = index;
  } else {
    for (std::size_t i = 0; i < devices.size(); ++i) {
      const DeviceInfo& info = devices[i].info;
      if (!wanted.empty()) {
        if (info.uuid != uuid && lower_case(info.name).find(wanted) == std::string::npos) continue;
        if (!found) found = i;
      } else if (devices[i].unusable.empty() &&
                 (!found || rank(info.type) < rank(devices[*found].info.type))) {
        found = i;
      }
    }
  }
  if (!found) {
    throw DeviceError(wanted.empty()
                          ? "no usable Vulkan device (found: " + listing(devices) +
                                "); `unblur doctor` says what is missing"
                          : fmt::format("no device matches \"{}\"; found: {}", selector, listing(devices)));
  }
  if (!devices[*found].unusable.empty()) {
    throw DeviceError(devices[*found].info.name + " cannot be used: " + devices[*found].unusable);
  }
  return *found;
}

Storage choose_storage(const PhysicalDevice& device, Precision precision) {
  if (precision == Precision::kBf16) throw UsageError("Vulkan stores fp32 or fp16; bf16 is for torch:");
  const bool fp16 = precision == Precision::kFp16 ||
                    (precision == Precision::kAuto && device.caps.fp16_storage && !device.caps.cpu_device);
  if (!fp16) return Storage::kF32;
  const bool native = device.caps.fp16_storage && !device.quirks.packed_half_preferred;
  return native ? Storage::kF16 : Storage::kF16Packed;
}

std::string_view storage_name(Storage storage) {
  switch (storage) {
    case Storage::kF32:
      return "fp32";
    case Storage::kF16:
      return "fp16";
    case Storage::kF16Packed:
      return "fp16 packed";
  }
  return "";
}

}  // namespace unblur::vk
