// SPDX-License-Identifier: MIT
#include "gpu/canvas.h"

#include <algorithm>
#include <array>

#include "vulkan/check.h"

namespace unblur {
namespace {

constexpr VkFormat kFormat = VK_FORMAT_R8G8B8A8_UNORM;

}  // namespace

Canvas::Canvas(Gpu& gpu) : gpu_(gpu) {
  make_render_pass();
  const VkDevice device = gpu.device()->get();
  VkCommandPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO};
  pool_info.flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT;
  pool_info.queueFamilyIndex = gpu.device()->physical().compute_family;
  VkCommandPool pool = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateCommandPool(device, &pool_info, nullptr, &pool));
  pool_ = vk::CommandPoolHandle(device, pool);
  VkCommandBufferAllocateInfo info{VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO};
  info.commandPool = pool;
  info.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY;
  info.commandBufferCount = kFrames;
  UNBLUR_VK(vkAllocateCommandBuffers(device, &info, commands_.data()));
  VkFenceCreateInfo fence_info{VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  fence_info.flags = VK_FENCE_CREATE_SIGNALED_BIT;
  for (FenceHandle& handle : fences_) {
    VkFence fence = VK_NULL_HANDLE;
    UNBLUR_VK(vkCreateFence(device, &fence_info, nullptr, &fence));
    handle = FenceHandle(device, fence);
  }
}

Canvas::~Canvas() {
  std::array<VkFence, kFrames> fences{};
  std::ranges::transform(fences_, fences.begin(), [](const FenceHandle& f) { return f.get(); });
  vkWaitForFences(gpu_.device()->get(), kFrames, fences.data(), VK_TRUE, UINT64_MAX);
}

void Canvas::make_render_pass() {
  VkAttachmentDescription colour{};
  colour.format = kFormat;
  colour.samples = VK_SAMPLE_COUNT_1_BIT;
  colour.loadOp = VK_ATTACHMENT_LOAD_OP_CLEAR;
  colour.storeOp = VK_ATTACHMENT_STORE_OP_STORE;
  colour.stencilLoadOp = VK_ATTACHMENT_LOAD_OP_DONT_CARE;
  colour.stencilStoreOp = VK_ATTACHMENT_STORE_OP_DONT_CARE;
  colour.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
  colour.finalLayout = VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL;
  const VkAttachmentReference reference{0, VK_IMAGE_LAYOUT_COLOR_ATTACHMENT_OPTIMAL};
  VkSubpassDescription subpass{};
  subpass.pipelineBindPoint = VK_PIPELINE_BIND_POINT_GRAPHICS;
  subpass.colorAttachmentCount = 1;
  subpass.pColorAttachments = &reference;
  // The image may still be copied from the frame before, and is copied afterwards.
  std::array<VkSubpassDependency, 2> dependencies{};
  dependencies[0] = {VK_SUBPASS_EXTERNAL,
                     0,
                     VK_PIPELINE_STAGE_TRANSFER_BIT | VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                     VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                     VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                     VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT | VK_ACCESS_COLOR_ATTACHMENT_READ_BIT,
                     0};
  dependencies[1] = {0,
                     VK_SUBPASS_EXTERNAL,
                     VK_PIPELINE_STAGE_COLOR_ATTACHMENT_OUTPUT_BIT,
                     VK_PIPELINE_STAGE_TRANSFER_BIT,
                     VK_ACCESS_COLOR_ATTACHMENT_WRITE_BIT,
                     VK_ACCESS_TRANSFER_READ_BIT,
                     0};
  VkRenderPassCreateInfo info{VK_STRUCTURE_TYPE_RENDER_PASS_CREATE_INFO};
  info.attachmentCount = 1;
  info.pAttachments = &colour;
  info.subpassCount = 1;
  info.pSubpasses = &subpass;
  info.dependencyCount = dependencies.size();
  info.pDependencies = dependencies.data();
  VkRenderPass render_pass = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateRenderPass(gpu_.device()->get(), &info, nullptr, &render_pass));
  render_pass_ = RenderPassHandle(gpu_.device()->get(), render_pass);
}

void Canvas::resize(int width, int height) {
  if (width == width_ && height == height_) return;
  wait_all();
  const VkDevice device = gpu_.device()->get();
  framebuffer_ = {};
  view_ = {};
  image_ = {};
  memory_ = {};
  counted_.reset();
  width_ = width;
  height_ = height;

  VkImageCreateInfo info{VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO};
  info.imageType = VK_IMAGE_TYPE_2D;
  info.format = kFormat;
  info.extent = {static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 1};
  info.mipLevels = 1;
  info.arrayLayers = 1;
  info.samples = VK_SAMPLE_COUNT_1_BIT;
  info.tiling = VK_IMAGE_TILING_OPTIMAL;
  info.usage = VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT | VK_IMAGE_USAGE_TRANSFER_SRC_BIT;
  info.initialLayout = VK_IMAGE_LAYOUT_UNDEFINED;
  VkImage image = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateImage(device, &info, nullptr, &image));
  image_ = ImageHandle(device, image);
  VkMemoryRequirements needs{};
  vkGetImageMemoryRequirements(device, image, &needs);
  VkMemoryAllocateInfo allocation{VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
  allocation.allocationSize = needs.size;
  VkMemoryPropertyFlags chosen = 0;
  allocation.memoryTypeIndex =
      gpu_.device()->memory_type(needs.memoryTypeBits, 0, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, &chosen);
  VkDeviceMemory memory = VK_NULL_HANDLE;
  UNBLUR_VK(vkAllocateMemory(device, &allocation, nullptr, &memory));
  memory_ = vk::MemoryHandle(device, memory);
  gpu_.device()->count_allocation(needs.size);
  counted_ = {gpu_.device().get(), vk::MemoryRelease{needs.size}};
  UNBLUR_VK(vkBindImageMemory(device, image, memory, 0));

  VkImageViewCreateInfo view_info{VK_STRUCTURE_TYPE_IMAGE_VIEW_CREATE_INFO};
  view_info.image = image;
  view_info.viewType = VK_IMAGE_VIEW_TYPE_2D;
  view_info.format = kFormat;
  view_info.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
  VkImageView view = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateImageView(device, &view_info, nullptr, &view));
  view_ = ImageViewHandle(device, view);
  VkFramebufferCreateInfo frame_info{VK_STRUCTURE_TYPE_FRAMEBUFFER_CREATE_INFO};
  frame_info.renderPass = render_pass_.get();
  frame_info.attachmentCount = 1;
  frame_info.pAttachments = &view;
  frame_info.width = info.extent.width;
  frame_info.height = info.extent.height;
  frame_info.layers = 1;
  VkFramebuffer framebuffer = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateFramebuffer(device, &frame_info, nullptr, &framebuffer));
  framebuffer_ = FramebufferHandle(device, framebuffer);
}

int Canvas::wait_for_next() {
  const VkFence fence = fences_.at(static_cast<std::size_t>(next_)).get();
  UNBLUR_VK(vkWaitForFences(gpu_.device()->get(), 1, &fence, VK_TRUE, UINT64_MAX));
  return next_;
}

void Canvas::wait_all() {
  for (const FenceHandle& handle : fences_) {
    const VkFence fence = handle.get();
    UNBLUR_VK(vkWaitForFences(gpu_.device()->get(), 1, &fence, VK_TRUE, UINT64_MAX));
  }
}

void Canvas::draw(const Work& work) {
  const int frame = wait_for_next();
  const auto at = static_cast<std::size_t>(frame);
  const VkCommandBuffer commands = commands_.at(at);
  VkCommandBufferBeginInfo begin{VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  begin.flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT;
  UNBLUR_VK(vkBeginCommandBuffer(commands, &begin));
  if (work.before) work.before(commands, frame);
  VkRenderPassBeginInfo pass{VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO};
  pass.renderPass = render_pass_.get();
  pass.framebuffer = framebuffer_.get();
  pass.renderArea.extent = {static_cast<std::uint32_t>(width_), static_cast<std::uint32_t>(height_)};
  const VkClearValue black{};
  pass.clearValueCount = 1;
  pass.pClearValues = &black;
  vkCmdBeginRenderPass(commands, &pass, VK_SUBPASS_CONTENTS_INLINE);
  work.draw(commands, frame);
  vkCmdEndRenderPass(commands);
  if (work.after) work.after(commands, image_.get());
  UNBLUR_VK(vkEndCommandBuffer(commands));

  // Pictures come from the compute queue; the window's image is not written before it is free.
  const Gpu::Ready ready = gpu_.ready();
  std::array<VkSemaphore, 2> waits{ready.semaphore, work.wait};
  constexpr std::array<VkPipelineStageFlags, 2> kStages{VK_PIPELINE_STAGE_VERTEX_SHADER_BIT |
                                                            VK_PIPELINE_STAGE_FRAGMENT_SHADER_BIT |
                                                            VK_PIPELINE_STAGE_TRANSFER_BIT,
                                                        VK_PIPELINE_STAGE_TRANSFER_BIT};
  const std::array<std::uint64_t, 2> wait_values{ready.value, 0};
  const std::uint64_t signal_value = 0;
  VkTimelineSemaphoreSubmitInfo values{VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO};
  VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.pNext = &values;
  info.waitSemaphoreCount = values.waitSemaphoreValueCount = work.wait == VK_NULL_HANDLE ? 1 : 2;
  values.pWaitSemaphoreValues = wait_values.data();
  info.pWaitSemaphores = waits.data();
  info.pWaitDstStageMask = kStages.data();
  info.signalSemaphoreCount = values.signalSemaphoreValueCount = work.signal == VK_NULL_HANDLE ? 0 : 1;
  values.pSignalSemaphoreValues = &signal_value;
  info.pSignalSemaphores = &work.signal;
  info.commandBufferCount = 1;
  info.pCommandBuffers = &commands;
  const VkFence fence = fences_.at(at).get();
  UNBLUR_VK(vkResetFences(gpu_.device()->get(), 1, &fence));
  gpu_.device()->submit_drawing(info, fence);
  next_ = (next_ + 1) % kFrames;
}

Frame Canvas::read() {
  wait_all();
  const auto pixels = static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_);
  const vk::Buffer host(gpu_.device(), pixels * 4, vk::MemoryUse::kReadback, "screenshot");
  gpu_.run("screenshot", 0, [&](vk::Recorder& recorder, VkCommandBuffer commands) {
    VkBufferImageCopy region{};
    region.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
    region.imageExtent = {static_cast<std::uint32_t>(width_), static_cast<std::uint32_t>(height_), 1};
    vkCmdCopyImageToBuffer(commands, image_.get(), VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, host.get(), 1,
                           &region);
    recorder.barrier_to_host(commands);
  });
  host.invalidate();
  gpu_.count_pixels_read(pixels * 4);
  Frame frame(FrameFormat{.layout = PixelLayout::kRgb, .width = width_, .height = height_});
  for (std::size_t i = 0; i < pixels; ++i) {
    std::copy_n(host.mapped().data() + 4 * i, 3, frame.data.data() + 3 * i);
  }
  return frame;
}

}  // namespace unblur
