// SPDX-License-Identifier: MIT
#include "gpu/gpu.h"

#include "vulkan/check.h"
#include "vulkan/coopmat_check.h"

namespace unblur {

Gpu::Gpu(const std::string& selector, bool window)
    : device_(vk::without_broken_matrices(vk::Device::open(selector, {.drawing = true, .window = window}))),
      pipelines_(std::make_shared<vk::Pipelines>(device_)) {
  done_.semaphore = vk::make_timeline(*device_);
}

void Gpu::run(const std::string& name, std::uint32_t dispatches,
              const std::function<void(vk::Recorder&, VkCommandBuffer)>& record) {
  vk::Recorder recorder(device_, *pipelines_, device_->physical().compute_family, dispatches);
  const VkCommandBuffer commands = recorder.begin(name);
  recorder.barrier(commands);
  record(recorder, commands);
  recorder.end(commands);

  std::uint64_t value = 0;
  {
    const std::scoped_lock lock(mutex_);
    value = ++done_.value;
    const VkSemaphore semaphore = done_.semaphore.get();
    VkTimelineSemaphoreSubmitInfo values{VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO};
    values.signalSemaphoreValueCount = 1;
    values.pSignalSemaphoreValues = &value;
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.pNext = &values;
    info.commandBufferCount = 1;
    info.pCommandBuffers = &commands;
    info.signalSemaphoreCount = 1;
    info.pSignalSemaphores = &semaphore;
    device_->submit_compute(info);
  }
  done_.wait(*device_, value);
}

Gpu::Ready Gpu::ready() const {
  const std::scoped_lock lock(mutex_);
  return {done_.semaphore.get(), done_.value};
}

}  // namespace unblur
