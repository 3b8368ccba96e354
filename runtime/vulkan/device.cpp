// SPDX-License-Identifier: MIT
#include "vulkan/device.h"

#include <spdlog/spdlog.h>

#include <array>
#include <bit>
#include <vector>

#include "graph/error.h"
#include "vulkan/check.h"
#include "vulkan/coopmat.h"
#include "vulkan/environment.h"
#include "vulkan/tuning.h"

namespace unblur::vk {

std::shared_ptr<Device> Device::open(const std::string& selector, const DeviceNeeds& needs) {
  auto instance = shared_instance();
  std::vector<PhysicalDevice> all = enumerate_devices(*instance);
  const std::size_t index = choose_device(all, selector);
  return std::make_shared<Device>(std::move(instance), std::move(all[index]), needs);
}

Device::Device(std::shared_ptr<Instance> instance, PhysicalDevice physical, const DeviceNeeds& needs)
    : instance_(std::move(instance)), physical_(std::move(physical)), needs_(needs) {
  if (environment_override("UNBLUR_TUNING").value_or(true)) {
    physical_.caps.tuning = Tuning::load(tuning_file(physical_.info.uuid), physical_.driver_version);
  }
  const Caps& caps = physical_.caps;
  vkGetPhysicalDeviceMemoryProperties(physical_.handle, &memory_);

  if (needs.drawing) take_drawing_family();
  const bool two_queues = needs.drawing && physical_.compute_queues > 1;
  const std::array priorities{1.0F, 1.0F};
  std::vector<VkDeviceQueueCreateInfo> queues;
  for (const std::uint32_t family : {physical_.compute_family, physical_.transfer_family}) {
    if (!queues.empty() && queues.front().queueFamilyIndex == family) continue;
    VkDeviceQueueCreateInfo queue{VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO};
    queue.queueFamilyIndex = family;
    queue.queueCount = two_queues && family == physical_.compute_family ? 2 : 1;
    queue.pQueuePriorities = priorities.data();
    queues.push_back(queue);
  }

  std::vector<const char*> extensions;
  VkPhysicalDeviceVulkan12Features v12{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
  v12.timelineSemaphore = VK_TRUE;
  v12.bufferDeviceAddress = caps.buffer_device_address ? VK_TRUE : VK_FALSE;
  v12.shaderFloat16 = caps.fp16_arithmetic ? VK_TRUE : VK_FALSE;
  v12.vulkanMemoryModel = physical_.memory_model ? VK_TRUE : VK_FALSE;
  v12.vulkanMemoryModelDeviceScope = v12.vulkanMemoryModel;
  VkPhysicalDeviceVulkan11Features v11{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
  v11.storageBuffer16BitAccess = caps.fp16_storage ? VK_TRUE : VK_FALSE;
  v11.pNext = &v12;
  VkPhysicalDeviceFeatures2 features{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
  features.features.shaderInt64 = caps.int64 ? VK_TRUE : VK_FALSE;
  // Robust access catches a wrong index in debug runs; with addresses it does nothing but cost.
  features.features.robustBufferAccess = !caps.buffer_device_address && physical_.robust_access;
  features.pNext = &v11;
  VkPhysicalDeviceSubgroupSizeControlFeatures size_control{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
  if (caps.subgroup_size_control) {
    size_control.subgroupSizeControl = VK_TRUE;
    size_control.computeFullSubgroups = VK_TRUE;
    size_control.pNext = v12.pNext;
    v12.pNext = &size_control;
    extensions.push_back(VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME);
  }
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrix{
      VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR, nullptr, VK_TRUE, VK_FALSE};
  if (caps.cooperative_matrix) {
    matrix.pNext = v12.pNext;
    v12.pNext = &matrix;
    extensions.push_back(VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
  }
  if (needs.window) extensions.push_back(VK_KHR_SWAPCHAIN_EXTENSION_NAME);
  if (physical_.memory_budget) extensions.push_back(VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);

  VkDeviceCreateInfo info{VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO};
  info.pNext = &features;
  info.queueCreateInfoCount = static_cast<std::uint32_t>(queues.size());
  info.pQueueCreateInfos = queues.data();
  info.enabledExtensionCount = static_cast<std::uint32_t>(extensions.size());
  info.ppEnabledExtensionNames = extensions.data();
  const VkResult result = vkCreateDevice(physical_.handle, &info, nullptr, &device_);
  if (result != VK_SUCCESS) {
    throw DeviceError(physical_.info.name + " cannot be opened: " + std::string(result_name(result)));
  }
  vkGetDeviceQueue(device_, physical_.compute_family, 0, &compute_);
  vkGetDeviceQueue(device_, physical_.transfer_family, 0, &transfer_);
  vkGetDeviceQueue(device_, physical_.compute_family, two_queues ? 1 : 0, &drawing_);
  if (instance_->debug_names()) {
    set_name_ = reinterpret_cast<PFN_vkSetDebugUtilsObjectNameEXT>(
        vkGetDeviceProcAddr(device_, "vkSetDebugUtilsObjectNameEXT"));
  }
}

Device::~Device() { vkDestroyDevice(device_, nullptr); }

void Device::submit_compute(const VkSubmitInfo& info) {
  const std::scoped_lock lock(queue_mutex_);
  UNBLUR_VK(vkQueueSubmit(compute_, 1, &info, VK_NULL_HANDLE));
}

void Device::submit_transfer(const VkSubmitInfo& info) {
  const std::scoped_lock lock(queue_mutex_);
  UNBLUR_VK(vkQueueSubmit(transfer_, 1, &info, VK_NULL_HANDLE));
}

void Device::wait_idle() {
  const std::scoped_lock lock(queue_mutex_, drawing_mutex_);
  UNBLUR_VK(vkDeviceWaitIdle(device_));
}

void Device::submit_drawing(const VkSubmitInfo& info, VkFence fence) {
  const std::scoped_lock lock(drawing_mutex());
  UNBLUR_VK(vkQueueSubmit(drawing_, 1, &info, fence));
}

VkResult Device::present(const VkPresentInfoKHR& info) {
  const std::scoped_lock lock(drawing_mutex());
  return vkQueuePresentKHR(drawing_, &info);
}

void Device::take_drawing_family() {
  if (!physical_.drawing_family) {
    throw DeviceError(physical_.info.name + " computes but cannot draw; choose another device with -d");
  }
  physical_.transfer_family = physical_.transfer_family == physical_.compute_family
                                  ? *physical_.drawing_family
                                  : physical_.transfer_family;
  physical_.compute_family = *physical_.drawing_family;
  physical_.compute_queues = physical_.drawing_queues;
}

void Device::set_name(VkObjectType type, std::uint64_t handle, const std::string& name) const {
  if (set_name_ == nullptr) return;
  VkDebugUtilsObjectNameInfoEXT info{VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT};
  info.objectType = type;
  info.objectHandle = handle;
  info.pObjectName = name.c_str();
  UNBLUR_VK(set_name_(device_, &info));
}

std::uint32_t Device::memory_type(std::uint32_t allowed, VkMemoryPropertyFlags required,
                                  VkMemoryPropertyFlags preferred, VkMemoryPropertyFlags* chosen) const {
  int best_score = -1;
  std::uint32_t best = 0;
  for (std::uint32_t i = 0; i < memory_.memoryTypeCount; ++i) {
    const VkMemoryPropertyFlags flags = memory_.memoryTypes[i].propertyFlags;
    if ((allowed >> i & 1U) == 0 || (flags & required) != required) continue;
    const int score = std::popcount(flags & preferred);
    if (score > best_score) {
      best_score = score;
      best = i;
      *chosen = flags;
    }
  }
  if (best_score < 0) throw DeviceError(physical_.info.name + " has no suitable memory type");
  return best;
}

}  // namespace unblur::vk
