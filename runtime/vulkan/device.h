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

/// What a program that draws needs beyond computing. The compute queue is then of a family that draws, too,
/// and drawing gets a second queue of that family where there is one: pictures move between the two without
/// any transfer of ownership.
struct DeviceNeeds {
  bool drawing = false;
  bool window = false;  ///< VK_KHR_swapchain
};

class Device {
 public:
  /// `selector` as choose_device takes it. Throws DeviceError.
  static std::shared_ptr<Device> open(const std::string& selector = {}, const DeviceNeeds& needs = {});
  Device(std::shared_ptr<Instance> instance, PhysicalDevice physical, const DeviceNeeds& needs = {});
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  [[nodiscard]] VkDevice get() const noexcept { return device_; }
  [[nodiscard]] Instance& instance() const noexcept { return *instance_; }
  [[nodiscard]] const PhysicalDevice& physical() const noexcept { return physical_; }
  [[nodiscard]] const Caps& caps() const noexcept { return physical_.caps; }
  [[nodiscard]] const DeviceNeeds& needs() const noexcept { return needs_; }
  /// True where buffers are bound as storage buffers instead of reached by address.
  [[nodiscard]] bool storage_buffers() const noexcept { return !physical_.caps.buffer_device_address; }
  [[nodiscard]] bool has_transfer_queue() const noexcept {
    return physical_.transfer_family != physical_.compute_family;
  }

  /// Thread-safe. Throws ProcessingError if the device is lost.
  void submit_compute(const VkSubmitInfo& info);
  void submit_transfer(const VkSubmitInfo& info);
  void wait_idle();
  /// With DeviceNeeds::drawing. `fence` may be null.
  void submit_drawing(const VkSubmitInfo& info, VkFence fence);
  /// With DeviceNeeds::window: what vkQueuePresentKHR says. The queue is of `compute_family`.
  [[nodiscard]] VkResult present(const VkPresentInfoKHR& info);

  /// Memory that is allocated now, in how many pieces, and how many were ever made: tests compare the first
  /// with plans and demand that the last stands still while frames run.
  [[nodiscard]] std::uint64_t allocated_bytes() const noexcept { return allocated_bytes_; }
  [[nodiscard]] std::int64_t live_allocations() const noexcept { return live_allocations_; }
  [[nodiscard]] std::uint64_t allocation_count() const noexcept { return allocation_count_; }
  void count_allocation(std::uint64_t bytes) noexcept {
    allocated_bytes_ += bytes;
    ++allocation_count_;
    ++live_allocations_;
  }
  void count_release(std::uint64_t bytes) noexcept {
    allocated_bytes_ -= bytes;
    --live_allocations_;
  }

  /// Names an object for validation messages and captures; nothing without VK_EXT_debug_utils.
  void set_name(VkObjectType type, std::uint64_t handle, const std::string& name) const;

  /// The memory type for these flags: all of `required`, then as many of `preferred` as possible.
  [[nodiscard]] std::uint32_t memory_type(std::uint32_t allowed, VkMemoryPropertyFlags required,
                                          VkMemoryPropertyFlags preferred,
                                          VkMemoryPropertyFlags* chosen) const;

 private:
  void take_drawing_family();
  [[nodiscard]] std::mutex& drawing_mutex() noexcept {
    return drawing_ == compute_ ? queue_mutex_ : drawing_mutex_;
  }
  std::shared_ptr<Instance> instance_;
  PhysicalDevice physical_;
  VkDevice device_ = VK_NULL_HANDLE;
  VkQueue compute_ = VK_NULL_HANDLE;
  VkQueue transfer_ = VK_NULL_HANDLE;
  VkQueue drawing_ = VK_NULL_HANDLE;
  DeviceNeeds needs_;
  std::mutex queue_mutex_;    ///< compute and transfer
  std::mutex drawing_mutex_;  ///< the drawing queue, where it is one of its own
  std::atomic<std::uint64_t> allocated_bytes_{0}, allocation_count_{0};
  std::atomic<std::int64_t> live_allocations_{0};
  VkPhysicalDeviceMemoryProperties memory_{};
  PFN_vkSetDebugUtilsObjectNameEXT set_name_ = nullptr;
};

}  // namespace unblur::vk
