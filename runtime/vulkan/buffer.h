// SPDX-License-Identifier: MIT
// A buffer with memory of its own. Few exist: one or more arenas per plan, weights, states, frame I/O.
#pragma once

#include <vulkan/vulkan.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "vulkan/device.h"

namespace unblur::vk {

/// What the memory is for; the mapping to memory types lives in buffer.cpp alone.
enum class MemoryUse : std::uint8_t {
  kDevice,    ///< kernels only; mapped where the device's memory happens to be the host's
  kUpload,    ///< written by the host in order, read once by the device
  kReadback,  ///< host-cached: reading uncached memory is thirty times slower
};

/// Tells the device when memory goes.
struct MemoryRelease {
  std::uint64_t bytes = 0;
  void operator()(Device* device) const noexcept { device->count_release(bytes); }
};

class Buffer {
 public:
  Buffer() = default;
  /// Throws MemoryError if it does not fit. `name` appears in validation messages.
  Buffer(std::shared_ptr<Device> device, std::uint64_t bytes, MemoryUse use, const std::string& name);

  [[nodiscard]] VkBuffer get() const noexcept { return buffer_.get(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return bytes_; }
  /// 0 in storage-buffer mode.
  [[nodiscard]] VkDeviceAddress address() const noexcept { return address_; }
  /// Host view of the whole buffer; empty where the memory cannot be mapped (kDevice on discrete GPUs).
  [[nodiscard]] std::span<std::byte> mapped() const noexcept { return mapped_; }
  void flush() const;       ///< host writes become visible to the device
  void invalidate() const;  ///< device writes (after a wait) become visible to the host

 private:
  std::shared_ptr<Device> device_;
  std::unique_ptr<Device, MemoryRelease> counted_;  // empty after a move
  MemoryHandle memory_;                             // before the buffer: destroyed after it
  BufferHandle buffer_;
  std::uint64_t bytes_ = 0;
  VkDeviceAddress address_ = 0;
  std::span<std::byte> mapped_;
  bool coherent_ = true;
};

}  // namespace unblur::vk
