// SPDX-License-Identifier: MIT
// The image that the viewer draws, whether a window shows it or not: so that what is shown, saved and tested
// is the same.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "gpu/gpu.h"
#include "graph/frame.h"
#include "vulkan/buffer.h"
#include "vulkan/handle.h"

namespace unblur {

using ImageHandle = vk::Handle<VkImage, vkDestroyImage>;
using ImageViewHandle = vk::Handle<VkImageView, vkDestroyImageView>;
using RenderPassHandle = vk::Handle<VkRenderPass, vkDestroyRenderPass>;
using FramebufferHandle = vk::Handle<VkFramebuffer, vkDestroyFramebuffer>;
using FenceHandle = vk::Handle<VkFence, vkDestroyFence>;

/// RGBA, 8 bits each, sRGB-encoded values as they are. Used by one thread.
class Canvas {
 public:
  explicit Canvas(Gpu& gpu);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  [[nodiscard]] VkRenderPass render_pass() const noexcept { return render_pass_.get(); }
  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  /// px, at least 1. Waits for what is being drawn.
  void resize(int width, int height);

  /// Opens commands, lets `draw` fill the render pass and `after` append what shall happen to the image (it
  /// is in TRANSFER_SRC layout), and submits. `wait` and `signal` are a window's, or null. Waits first until
  /// the frame before the last one is done.
  struct Work {
    std::function<void(VkCommandBuffer, int frame)> before;  ///< copies, outside of the render pass
    std::function<void(VkCommandBuffer, int frame)> draw;
    std::function<void(VkCommandBuffer, VkImage)> after;
    VkSemaphore wait = VK_NULL_HANDLE, signal = VK_NULL_HANDLE;
  };
  /// Frames that may be under way at once; `frame` counts 0, 1, 0, ...
  static constexpr int kFrames = 2;
  void draw(const Work& work);
  /// Index that the next `draw` will pass; its resources are free after this call.
  int wait_for_next();
  void wait_all();

  /// The image as 8-bit RGB; counted as pixels read.
  [[nodiscard]] Frame read();

 private:
  void make_render_pass();
  Gpu& gpu_;
  RenderPassHandle render_pass_;
  std::unique_ptr<vk::Device, vk::MemoryRelease> counted_;  ///< the image's memory
  vk::MemoryHandle memory_;
  ImageHandle image_;
  ImageViewHandle view_;
  FramebufferHandle framebuffer_;
  vk::CommandPoolHandle pool_;
  std::array<VkCommandBuffer, kFrames> commands_{};
  std::array<FenceHandle, kFrames> fences_;
  int next_ = 0, width_ = 0, height_ = 0;
};

}  // namespace unblur
