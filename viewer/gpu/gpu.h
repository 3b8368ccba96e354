// SPDX-License-Identifier: MIT
// The device that models and pictures share, work submitted to it outside of models, and counts of what goes
// back to the processor.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "vulkan/device.h"
#include "vulkan/frame_engine.h"
#include "vulkan/pipeline.h"
#include "vulkan/recorder.h"

namespace unblur {

/// Thread-safe.
class Gpu {
 public:
  /// `selector` as `-d` takes it. `window`: the device must be able to present. Throws DeviceError.
  Gpu(const std::string& selector, bool window);
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  [[nodiscard]] const std::shared_ptr<vk::Device>& device() const noexcept { return device_; }
  [[nodiscard]] const std::shared_ptr<vk::Pipelines>& pipelines() const noexcept { return pipelines_; }
  /// How long a slice of a model's frame may keep the device from drawing.
  [[nodiscard]] double slice_ms() const { return device_->caps().cpu_device ? 100 : 20; }

  /// Records up to `dispatches` dispatches on the compute queue and waits until they are done.
  void run(const std::string& name, std::uint32_t dispatches,
           const std::function<void(vk::Recorder&, VkCommandBuffer)>& record);
  /// What drawing must wait for so that it sees everything that `run` wrote: already reached.
  struct Ready {
    VkSemaphore semaphore = VK_NULL_HANDLE;
    std::uint64_t value = 0;
  };
  [[nodiscard]] Ready ready() const;

  /// Bytes of pictures that were copied to the host: zero in steady state unless something is saved, recorded
  /// or computed elsewhere. Small things (guard words, times, inspected pixels, lengths) are counted apart.
  void count_pixels_read(std::uint64_t bytes) noexcept { pixel_bytes_read_ += bytes; }
  void count_details_read(std::uint64_t bytes) noexcept { detail_bytes_read_ += bytes; }
  [[nodiscard]] std::uint64_t pixel_bytes_read() const noexcept { return pixel_bytes_read_; }
  [[nodiscard]] std::uint64_t detail_bytes_read() const noexcept { return detail_bytes_read_; }

 private:
  std::shared_ptr<vk::Device> device_;
  std::shared_ptr<vk::Pipelines> pipelines_;
  mutable std::mutex mutex_;
  vk::Timeline done_;
  std::atomic<std::uint64_t> pixel_bytes_read_{0}, detail_bytes_read_{0};
};

}  // namespace unblur
