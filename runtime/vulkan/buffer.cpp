// SPDX-License-Identifier: MIT
#include "vulkan/buffer.h"

#include <algorithm>

#include "vulkan/check.h"
#include "vulkan/fault.h"

namespace unblur::vk {
namespace {

struct Flags {
  VkMemoryPropertyFlags required, preferred;
};

Flags flags_of(MemoryUse use) {
  constexpr VkMemoryPropertyFlags kMapped = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT;
  switch (use) {
    case MemoryUse::kUpload:
      return {kMapped, VK_MEMORY_PROPERTY_HOST_COHERENT_BIT};
    case MemoryUse::kReadback:
      return {kMapped, VK_MEMORY_PROPERTY_HOST_CACHED_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT};
    case MemoryUse::kDevice:
      break;
  }
  return {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0};
}

}  // namespace

Buffer::Buffer(std::shared_ptr<Device> device, std::uint64_t bytes, MemoryUse use, const std::string& name)
    : device_(std::move(device)), bytes_(std::max<std::uint64_t>(bytes, 16)) {
  fault_on_allocation();
  const bool addressed = !device_->storage_buffers();
  VkBufferCreateInfo info{VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO};
  info.size = bytes_;
  info.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
               VK_BUFFER_USAGE_TRANSFER_DST_BIT;
  if (addressed) info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
  const std::uint32_t families[] = {device_->physical().compute_family, device_->physical().transfer_family};
  if (device_->has_transfer_queue()) {
    info.sharingMode = VK_SHARING_MODE_CONCURRENT;
    info.queueFamilyIndexCount = 2;
    info.pQueueFamilyIndices = families;
  }
  VkBuffer buffer = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateBuffer(device_->get(), &info, nullptr, &buffer));
  buffer_ = BufferHandle(device_->get(), buffer);
  device_->set_name(VK_OBJECT_TYPE_BUFFER, reinterpret_cast<std::uint64_t>(buffer), name);

  VkMemoryRequirements needs{};
  vkGetBufferMemoryRequirements(device_->get(), buffer, &needs);
  const Flags flags = flags_of(use);
  VkMemoryPropertyFlags chosen = 0;
  VkMemoryAllocateInfo allocation{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
  allocation.allocationSize = needs.size;
  allocation.memoryTypeIndex =
      device_->memory_type(needs.memoryTypeBits, flags.required, flags.preferred, &chosen);
  VkMemoryAllocateFlagsInfo address_flag{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO};
  address_flag.flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT;
  if (addressed) allocation.pNext = &address_flag;
  VkDeviceMemory memory = VK_NULL_HANDLE;
  UNBLUR_VK(vkAllocateMemory(device_->get(), &allocation, nullptr, &memory));
  memory_ = MemoryHandle(device_->get(), memory);
  device_->count_allocation(bytes_);
  counted_ = {device_.get(), MemoryRelease{bytes_}};
  UNBLUR_VK(vkBindBufferMemory(device_->get(), buffer, memory, 0));

  coherent_ = (chosen & VK_MEMORY_PROPERTY_HOST_COHERENT_BIT) != 0;
  if ((chosen & VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT) != 0) {
    void* pointer = nullptr;
    UNBLUR_VK(vkMapMemory(device_->get(), memory, 0, VK_WHOLE_SIZE, 0, &pointer));
    mapped_ = {static_cast<std::byte*>(pointer), bytes_};
  }
  if (addressed) {
    VkBufferDeviceAddressInfo query{VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO};
    query.buffer = buffer;
    address_ = vkGetBufferDeviceAddress(device_->get(), &query);
  }
}

void Buffer::flush() const {
  if (coherent_ || mapped_.empty()) return;
  VkMappedMemoryRange range{VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE};
  range.memory = memory_.get();
  range.size = VK_WHOLE_SIZE;
  UNBLUR_VK(vkFlushMappedMemoryRanges(device_->get(), 1, &range));
}

void Buffer::invalidate() const {
  if (coherent_ || mapped_.empty()) return;
  VkMappedMemoryRange range{VK_STRUCTURE_TYPE_MAPPED_MEMORY_RANGE};
  range.memory = memory_.get();
  range.size = VK_WHOLE_SIZE;
  UNBLUR_VK(vkInvalidateMappedMemoryRanges(device_->get(), 1, &range));
}

}  // namespace unblur::vk
