// SPDX-License-Identifier: MIT
#include "vulkan/recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "graph/error.h"
#include "vulkan/check.h"

namespace unblur::vk {

Recorder::Recorder(std::shared_ptr<Device> device, const Pipelines& pipelines, std::uint32_t queue_family,
                   std::uint32_t max_dispatches)
    : device_(std::move(device)), layout_(pipelines.layout()), set_layout_(pipelines.set_layout()) {
  VkCommandPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
  pool_info.queueFamilyIndex = queue_family;
  VkCommandPool pool = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateCommandPool(device_->get(), &pool_info, nullptr, &pool));
  commands_ = CommandPoolHandle(device_->get(), pool);
  if (set_layout_ == VK_NULL_HANDLE || max_dispatches == 0) return;

  const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, max_dispatches * kMaxBuffers};
  VkDescriptorPoolCreateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
  info.maxSets = max_dispatches;
  info.poolSizeCount = 1;
  info.pPoolSizes = &size;
  VkDescriptorPool descriptors = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateDescriptorPool(device_->get(), &info, nullptr, &descriptors));
  descriptors_ = DescriptorPoolHandle(device_->get(), descriptors);
}

VkCommandBuffer Recorder::begin(const std::string& name) {
  VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
  info.commandPool = commands_.get();
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = 1;
  VkCommandBuffer commands = VK_NULL_HANDLE;
  UNBLUR_VK(vkAllocateCommandBuffers(device_->get(), &info, &commands));
  device_->set_name(VK_OBJECT_TYPE_COMMAND_BUFFER, reinterpret_cast<std::uint64_t>(commands), name);
  const VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  UNBLUR_VK(vkBeginCommandBuffer(commands, &begin));
  return commands;
}

void Recorder::end(VkCommandBuffer commands) const { UNBLUR_VK(vkEndCommandBuffer(commands)); }

void Recorder::bind_buffers(VkCommandBuffer commands, std::span<const Binding> bindings,
                            PushConstants& push) {
  VkDescriptorSetAllocateInfo info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO};
  info.descriptorPool = descriptors_.get();
  info.descriptorSetCount = 1;
  info.pSetLayouts = &set_layout_;
  VkDescriptorSet set = VK_NULL_HANDLE;
  UNBLUR_VK(vkAllocateDescriptorSets(device_->get(), &info, &set));

  const std::uint64_t alignment = device_->physical().limits.storage_alignment;
  std::array<VkDescriptorBufferInfo, kMaxBuffers> ranges{};
  std::array<VkWriteDescriptorSet, kMaxBuffers> writes{};
  for (std::uint32_t i = 0; i < kMaxBuffers; ++i) {
    // Slots behind the last operand are never read, yet every binding must be valid.
    const Binding& b = bindings[std::min<std::size_t>(i, bindings.size() - 1)];
    const std::uint64_t offset = b.begin / alignment * alignment;
    const std::uint64_t end = std::min(b.buffer->size(), (b.end + 15) / 16 * 16);
    if (end - offset > device_->caps().max_storage_range) {
      throw MemoryError(
          fmt::format("an operand of {} bytes exceeds the {} that one storage-buffer binding "
                      "of this device covers; use smaller frames or device addresses",
                      end - offset, device_->caps().max_storage_range));
    }
    ranges[i] = {b.buffer->get(), offset, end - offset};
    writes[i] = {VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET};
    writes[i].dstSet = set;
    writes[i].dstBinding = i;
    writes[i].descriptorCount = 1;
    writes[i].descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER;
    writes[i].pBufferInfo = &ranges[i];
    if (i < bindings.size()) {
      const std::int64_t bytes = b.base - static_cast<std::int64_t>(offset);
      push.buffers[i] = static_cast<std::uint64_t>(bytes / static_cast<std::int64_t>(b.element_bytes));
    }
  }
  vkUpdateDescriptorSets(device_->get(), kMaxBuffers, writes.data(), 0, nullptr);
  vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout_, 0, 1, &set, 0, nullptr);
}

void Recorder::dispatch(VkCommandBuffer commands, VkPipeline pipeline, std::span<const Binding> bindings,
                        const Dispatch& work) {
  assert(!bindings.empty() && bindings.size() <= kMaxBuffers);
  PushConstants push;
  push.words = work.words;
  if (device_->storage_buffers()) {
    bind_buffers(commands, bindings, push);
  } else {
    for (std::size_t i = 0; i < bindings.size(); ++i) {
      push.buffers[i] = bindings[i].buffer->address() + static_cast<std::uint64_t>(bindings[i].base);
    }
  }
  vkCmdBindPipeline(commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
  vkCmdPushConstants(commands, layout_, VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof push, &push);
  vkCmdDispatch(commands, work.groups[0], work.groups[1], work.groups[2]);
}

void Recorder::barrier(VkCommandBuffer commands) const {
  constexpr VkPipelineStageFlags kStages =
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  VkMemoryBarrier all{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  all.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  all.dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_READ_BIT |
                      VK_ACCESS_TRANSFER_WRITE_BIT;
  vkCmdPipelineBarrier(commands, kStages, kStages, 0, 1, &all, 0, nullptr, 0, nullptr);
}

void Recorder::barrier_to_host(VkCommandBuffer commands) const {
  VkMemoryBarrier all{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  all.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  all.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
  vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
                       VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &all, 0, nullptr, 0, nullptr);
}

void Recorder::copy_to_host(VkCommandBuffer commands) const {
  VkMemoryBarrier all{VK_STRUCTURE_TYPE_MEMORY_BARRIER};
  all.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT;
  all.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
  vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &all, 0,
                       nullptr, 0, nullptr);
}

void submit_and_wait(Device& device, VkCommandBuffer commands) {
  VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.commandBufferCount = 1;
  info.pCommandBuffers = &commands;
  device.submit_compute(info);
  device.wait_idle();
}

}  // namespace unblur::vk
