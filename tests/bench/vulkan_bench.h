// SPDX-License-Identifier: MIT
// Timing of single kernels on a device: prepared once, submitted again and again, so that rounds over many
// rows can be interleaved with the ceiling (other work on the machine then disturbs all alike).
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vulkan/buffer.h"
#include "vulkan/device.h"
#include "vulkan/kernel.h"
#include "vulkan/pipeline.h"
#include "vulkan/recorder.h"

namespace unblur::bench {

/// Of one submission.
struct Sample {
  double device_s = 0;  ///< between timestamps before and after
  double cpu_s = 0;  ///< CPU time of this process over all its threads: on CPU devices what the kernel costs,
                     ///< whoever else uses the machine
};

/// The median of samples and how far the middle half spreads.
struct Summary {
  double median = 0, low = 0, high = 0;
};
[[nodiscard]] Summary summarize(std::vector<double> values);

/// A kernel with buffers of its own, recorded into a command buffer.
class Workload {
 public:
  /// `views`: bytes of every buffer in slot order, filled with small random numbers; the last may be given
  /// as `weights`.
  Workload(std::shared_ptr<vk::Device> device, vk::Pipelines& pipelines, const std::string& name,
           const vk::Kernel& kernel, const std::vector<std::uint64_t>& buffer_bytes, int rows);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  /// Planar values for the operand in `slot`.
  void write(std::size_t slot, std::span<const float> planar, const vk::TensorView& view);

  [[nodiscard]] Sample run();
  /// Wall and CPU time from the first use of the pipeline to its first result.
  [[nodiscard]] double first_use_s() const noexcept { return first_use_s_; }
  [[nodiscard]] double first_use_cpu_s() const noexcept { return first_use_cpu_s_; }

 private:
  std::shared_ptr<vk::Device> device_;
  std::vector<vk::Buffer> buffers_;
  std::unique_ptr<vk::Recorder> recorder_;
  VkQueryPool queries_ = VK_NULL_HANDLE;
  VkCommandBuffer commands_ = VK_NULL_HANDLE;
  double first_use_s_ = 0, first_use_cpu_s_ = 0;
};

/// The multiply-add loop of shaders/bench/multiply_add.comp.
struct Ceiling {
  static constexpr int kGroups = 256, kTurns = 1500;
  static constexpr double kFlop = 2.0 * 64 * kGroups * kTurns * 8 * 12;
};
[[nodiscard]] std::unique_ptr<Workload> make_ceiling(const std::shared_ptr<vk::Device>& device,
                                                     vk::Pipelines& pipelines);

}  // namespace unblur::bench
