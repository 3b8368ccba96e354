// SPDX-License-Identifier: MIT
// Compute pipelines of one device: made in parallel, kept for the device's lifetime, their driver cache kept
// on disk.
#pragma once

#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "vulkan/device.h"
#include "vulkan/handle.h"

namespace unblur::vk {

struct PipelineKey {
  std::string shader;                         ///< without "_ssbo"
  std::vector<std::uint32_t> specialization;  ///< constant ids 0, 1, 2, ...
  std::uint32_t subgroup_size = 0;            ///< 0 = any
  auto operator<=>(const PipelineKey&) const = default;
};

/// Thread-safe.
class Pipelines {
 public:
  /// Reads the cache file; one of another device, driver or format counts as a miss.
  explicit Pipelines(std::shared_ptr<Device> device);
  ~Pipelines();
  Pipelines(const Pipelines&) = delete;
  Pipelines& operator=(const Pipelines&) = delete;

  [[nodiscard]] VkPipelineLayout layout() const noexcept { return layout_.get(); }
  /// kMaxBuffers storage buffers; null in device-address mode.
  [[nodiscard]] VkDescriptorSetLayout set_layout() const noexcept { return set_layout_.get(); }

  /// The pipelines of `keys`, in order; missing ones are compiled by several threads. The handles live as
  /// long as this object. Throws ProcessingError naming an unknown shader.
  [[nodiscard]] std::vector<VkPipeline> get(std::span<const PipelineKey> keys);
  /// Writes the cache file if anything was compiled since; failure is logged and otherwise ignored.
  void save() noexcept;
  [[nodiscard]] bool cache_was_read() const noexcept { return cache_was_read_; }
  [[nodiscard]] const std::filesystem::path& cache_file() const noexcept { return cache_file_; }

 private:
  [[nodiscard]] PipelineHandle compile(const PipelineKey& key) const;
  std::shared_ptr<Device> device_;
  SetLayoutHandle set_layout_;
  PipelineLayoutHandle layout_;
  PipelineCacheHandle cache_;
  std::filesystem::path cache_file_;
  bool cache_was_read_ = false;
  bool dirty_ = false;
  std::mutex mutex_;
  std::map<PipelineKey, PipelineHandle> made_;
};

}  // namespace unblur::vk
