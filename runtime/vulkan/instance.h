// SPDX-License-Identifier: MIT
// The Vulkan instance and its validation layer. One per process, created on first use.
#pragma once

#include <vulkan/vulkan.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace unblur::vk {

class Instance {
 public:
  /// `validation`: load the Khronos layer with synchronisation validation and count every message.
  /// `extensions`: what a window system needs besides. Throws DeviceError if there is no loader or driver, or
  /// the layer is asked for and absent.
  explicit Instance(bool validation, std::span<const char* const> extensions = {});
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  [[nodiscard]] VkInstance get() const noexcept { return instance_; }
  [[nodiscard]] bool validation() const noexcept { return validation_; }
  [[nodiscard]] bool debug_names() const noexcept { return debug_utils_; }
  /// Warnings and errors of the validation layer so far. Thread-safe. Tests demand that there are none.
  [[nodiscard]] std::vector<std::string> validation_messages() const;
  void add_message(std::string message);

 private:
  VkInstance instance_ = VK_NULL_HANDLE;
  VkDebugUtilsMessengerEXT messenger_ = VK_NULL_HANDLE;
  bool validation_ = false;
  bool debug_utils_ = false;
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;
};

/// The shared instance; validation as UNBLUR_VALIDATION=1 asks (or `force_validation`). Who needs that, or
/// `extensions`, must come first.
[[nodiscard]] std::shared_ptr<Instance> shared_instance(bool force_validation = false,
                                                        std::span<const char* const> extensions = {});

}  // namespace unblur::vk
