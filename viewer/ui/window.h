// SPDX-License-Identifier: MIT
// The window: GLFW, a swapchain that the canvas is copied to, events.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gpu/canvas.h"
#include "ui/event.h"

struct GLFWwindow;

namespace unblur {

/// GLFW, from the first window to the last; must live on the main thread.
class WindowSystem {
 public:
  /// Throws DeviceError where there is no display.
  WindowSystem();
  ~WindowSystem();
  WindowSystem(const WindowSystem&) = delete;
  WindowSystem& operator=(const WindowSystem&) = delete;
  /// Instance extensions that surfaces need.
  [[nodiscard]] std::vector<const char*> instance_extensions() const;
};

class Window {
 public:
  /// Throws DeviceError where the device cannot show anything on this display.
  Window(Gpu& gpu, const std::string& title, int width, int height);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// px; 0 x 0 while it is minimised.
  [[nodiscard]] std::pair<int, int> size() const;
  [[nodiscard]] float content_scale() const;
  /// Waits for events or `wake`, at most so long (s; 0: not at all).
  std::vector<UiEvent> poll(double seconds);
  static void wake();  ///< from any thread
  void set_full_screen(bool full);
  [[nodiscard]] bool full_screen() const noexcept { return full_; }
  void set_title(const std::string& title);

  /// Draws `work` into the canvas and shows it. Rebuilds the swapchain where the window has changed.
  void show(Canvas& canvas, Canvas::Work work);

 private:
  void connect_events();
  void make_swapchain(int width, int height);
  void copy_to(VkCommandBuffer commands, VkImage from, const Canvas& canvas, VkImage to) const;

  Gpu& gpu_;
  GLFWwindow* window_ = nullptr;
  VkSurfaceKHR surface_ = VK_NULL_HANDLE;
  VkSwapchainKHR swapchain_ = VK_NULL_HANDLE;
  VkFormat format_ = VK_FORMAT_UNDEFINED;
  int swap_width_ = 0, swap_height_ = 0;
  std::vector<VkImage> images_;
  std::vector<vk::SemaphoreHandle> acquired_, drawn_;  ///< by turn; by image
  std::size_t turn_ = 0;
  bool full_ = false, stale_ = true;
  int x_ = 0, y_ = 0, width_ = 0, height_ = 0;  ///< before it filled the screen
  std::vector<UiEvent> events_;
};

}  // namespace unblur
