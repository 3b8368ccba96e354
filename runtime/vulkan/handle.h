// SPDX-License-Identifier: MIT
// Move-only owners of Vulkan objects. An owner destroys at once: whoever holds it waits for the last
// submission that used it first (Session does, by timeline value).
#pragma once

#include <vulkan/vulkan.h>

#include <atomic>
#include <cstdint>
#include <utility>

namespace unblur::vk {

/// Objects that handles own now, of all devices: what is never given back shows here.
inline std::atomic<std::int64_t> live_objects{0};

/// Owns one object created from a VkDevice.
template <typename T, void (*Destroy)(VkDevice, T, const VkAllocationCallbacks*)>
class Handle {
 public:
  Handle() = default;
  Handle(VkDevice device, T object) noexcept : device_(device), object_(object) {
    if (object != VK_NULL_HANDLE) ++live_objects;
  }
  Handle(Handle&& other) noexcept
      : device_(other.device_), object_(std::exchange(other.object_, VK_NULL_HANDLE)) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      device_ = other.device_;
      object_ = std::exchange(other.object_, VK_NULL_HANDLE);
    }
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { reset(); }

  [[nodiscard]] T get() const noexcept { return object_; }
  [[nodiscard]] explicit operator bool() const noexcept { return object_ != VK_NULL_HANDLE; }

 private:
  void reset() noexcept {
    if (object_ == VK_NULL_HANDLE) return;
    Destroy(device_, object_, nullptr);
    object_ = VK_NULL_HANDLE;
    --live_objects;
  }
  VkDevice device_ = VK_NULL_HANDLE;
  T object_ = VK_NULL_HANDLE;
};

using BufferHandle = Handle<VkBuffer, vkDestroyBuffer>;
using MemoryHandle = Handle<VkDeviceMemory, vkFreeMemory>;
using SemaphoreHandle = Handle<VkSemaphore, vkDestroySemaphore>;
using CommandPoolHandle = Handle<VkCommandPool, vkDestroyCommandPool>;
using QueryPoolHandle = Handle<VkQueryPool, vkDestroyQueryPool>;
using ShaderHandle = Handle<VkShaderModule, vkDestroyShaderModule>;
using PipelineHandle = Handle<VkPipeline, vkDestroyPipeline>;
using PipelineCacheHandle = Handle<VkPipelineCache, vkDestroyPipelineCache>;
using PipelineLayoutHandle = Handle<VkPipelineLayout, vkDestroyPipelineLayout>;
using SetLayoutHandle = Handle<VkDescriptorSetLayout, vkDestroyDescriptorSetLayout>;
using DescriptorPoolHandle = Handle<VkDescriptorPool, vkDestroyDescriptorPool>;

}  // namespace unblur::vk
