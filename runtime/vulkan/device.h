// SPDX-License-Identifier: MIT
// The logical device: queues, memory types, pipeline layout. Everything else is created from it and keeps it
// alive through a shared_ptr.
#pragma once

#include <vulkan/vulkan.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "vulkan/handle.h"
#include "vulkan/instance.h"
#include "vulkan/physical.h"

namespace unblur::vk {

class Device {
 public:
  /// `selector` as choose_device takes it. Throws DeviceError.
  static std::shared_ptr<Device> open(const std::string& selector = {});
  Device(std::shared_ptr<Instance> instance, PhysicalDevice physical);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] VkDevice get() const noexcept { return device_; }
  [[nodiscard]] Instance& instance() const noexcept { return *instance_; }
  [[nodiscard]] const PhysicalDevice& physical() const noexcept { return physical_; }
  [[nodiscard]] const Caps& caps() const noexcept { return physical_.caps; }
  /// True where buffers are bound as storage buffers instead of reached by address.
  [[nodiscard]] bool storage_buffers() const noexcept { return !physical_.caps.buffer_device_address; }
  [[nodiscard]] bool has_transfer_queue() const noexcept {
    return physical_.transfer_family != physical_.compute_family;
  }

  /// Thread-safe. Throws ProcessingError if the device is lost.
  void submit_compute(const VkSubmitInfo& info);
  void submit_transfer(const VkSubmitInfo& info);
  void wait_idle();

  /// Memory that buffers hold now, and how many were ever made: tests compare the first with plans and demand
  /// that the second stands still while frames run.
  [[nodiscard]] std::uint64_t allocated_bytes() const noexcept { return allocated_bytes_; }
  [[nodiscard]] std::uint64_t allocation_count() const noexcept { return allocation_count_; }
  void count_allocation(std::uint64_t bytes) noexcept {
    allocated_bytes_ += bytes;
    ++allocation_count_;
  }
  void count_release(std::uint64_t bytes) noexcept { allocated_bytes_ -= bytes; }

  /// Names an object for validation messages and captures; nothing without VK_EXT_debug_utils.
  void set_name(VkObjectType type, std::uint64_t handle, const std::string& name) const;

  /// The memory type for these flags: all of `required`, then as many of `preferred` as possible.
  [[nodiscard]] std::uint32_t memory_type(std::uint32_t allowed, VkMemoryPropertyFlags required,
                                          VkMemoryPropertyFlags preferred,
                                          VkMemoryPropertyFlags* chosen) const;

 private:
  std::shared_ptr<Instance> instance_;
  PhysicalDevice physical_;
  VkDevice device_ = VK_NULL_HANDLE;
  VkQueue compute_ = VK_NULL_HANDLE;
  VkQueue transfer_ = VK_NULL_HANDLE;
  std::mutex queue_mutex_;
  std::atomic<std::uint64_t> allocated_bytes_{0}, allocation_count_{0};
  VkPhysicalDeviceMemoryProperties memory_{};
  PFN_vkSetDebugUtilsObjectNameEXT set_name_ = nullptr;
};

}  // namespace unblur::vk
