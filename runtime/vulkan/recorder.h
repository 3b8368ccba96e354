// SPDX-License-Identifier: MIT
// Command buffers with dispatches and barriers in them, in both forms of buffer access. Recorded once,
// submitted many times.
#pragma once

#include <vulkan/vulkan.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vulkan/buffer.h"
#include "vulkan/kernel.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

/// One operand of a dispatch.
struct Binding {
  const Buffer* buffer = nullptr;
  std::int64_t base = 0;  ///< byte offset of element 0 of row 0; may lie outside the buffer for row strips
  std::uint64_t begin = 0, end = 0;  ///< bytes of the buffer that this dispatch may touch
  std::uint64_t element_bytes = 4;
};

/// Command pool, descriptor pool (storage-buffer form) and the buffers allocated from them.
class Recorder {
 public:
  /// `max_dispatches` bounds the descriptor pool; it counts over all command buffers of this recorder.
  Recorder(std::shared_ptr<Device> device, const Pipelines& pipelines, std::uint32_t queue_family,
           std::uint32_t max_dispatches);

  /// A new command buffer that may be submitted again and again, opened for recording.
  [[nodiscard]] VkCommandBuffer begin(const std::string& name);
  void end(VkCommandBuffer commands) const;

  void dispatch(VkCommandBuffer commands, VkPipeline pipeline, std::span<const Binding> bindings,
                const Dispatch& work);
  /// Everything that shaders and copies wrote before becomes visible to shaders and copies after.
  void barrier(VkCommandBuffer commands) const;
  /// The same towards the host, for read-back.
  void barrier_to_host(VkCommandBuffer commands) const;
  /// The same on a queue that only copies.
  void copy_to_host(VkCommandBuffer commands) const;

 private:
  void bind_buffers(VkCommandBuffer commands, std::span<const Binding> bindings, PushConstants& push);
  std::shared_ptr<Device> device_;
  VkPipelineLayout layout_ = VK_NULL_HANDLE;
  VkDescriptorSetLayout set_layout_ = VK_NULL_HANDLE;
  CommandPoolHandle commands_;
  DescriptorPoolHandle descriptors_;
};

/// Submits once and waits; for tests and set-up work.
void submit_and_wait(Device& device, VkCommandBuffer commands);

}  // namespace unblur::vk
