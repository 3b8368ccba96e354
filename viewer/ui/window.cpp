// SPDX-License-Identifier: MIT
#include "ui/window.h"

#define GLFW_INCLUDE_VULKAN
#include <GLFW/glfw3.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>

#include "graph/error.h"
#include "vulkan/check.h"

namespace unblur {
namespace {

std::string glfw_reason() {
  const char* text = nullptr;
  glfwGetError(&text);
  return text == nullptr ? "no reason given" : text;
}

vk::SemaphoreHandle make_semaphore(VkDevice device) {
  const VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
  VkSemaphore semaphore = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateSemaphore(device, &info, nullptr, &semaphore));
  return {device, semaphore};
}

/// UNORM by name: the colours are encoded already, and an sRGB format would encode them again.
VkSurfaceFormatKHR choose_format(VkPhysicalDevice device, VkSurfaceKHR surface) {
  std::uint32_t count = 0;
  UNBLUR_VK(vkGetPhysicalDeviceSurfaceFormatsKHR(device, surface, &count, nullptr));
  std::vector<VkSurfaceFormatKHR> formats(count);
  UNBLUR_VK(vkGetPhysicalDeviceSurfaceFormatsKHR(device, surface, &count, formats.data()));
  for (const VkFormat wanted : {VK_FORMAT_B8G8R8A8_UNORM, VK_FORMAT_R8G8B8A8_UNORM}) {
    for (const VkSurfaceFormatKHR& f : formats) {
      if (f.format == wanted) return f;
    }
  }
  throw DeviceError("the display offers no 8-bit format that pictures could be copied to");
}

UiEvent* event_slot(GLFWwindow* window, UiEvent::Kind kind) {
  auto* events = static_cast<std::vector<UiEvent>*>(glfwGetWindowUserPointer(window));
  UiEvent& event = events->emplace_back();
  event.kind = kind;
  return &event;
}

void image_barrier(VkCommandBuffer commands, VkImage image, VkImageLayout from, VkImageLayout to,
                   VkAccessFlags before, VkAccessFlags after, VkPipelineStageFlags stage) {
  VkImageMemoryBarrier barrier{VK_STRUCTURE_TYPE_IMAGE_MEMORY_BARRIER};
  barrier.oldLayout = from;
  barrier.newLayout = to;
  barrier.srcAccessMask = before;
  barrier.dstAccessMask = after;
  barrier.srcQueueFamilyIndex = barrier.dstQueueFamilyIndex = VK_QUEUE_FAMILY_IGNORED;
  barrier.image = image;
  barrier.subresourceRange = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 1, 0, 1};
  vkCmdPipelineBarrier(commands, VK_PIPELINE_STAGE_TRANSFER_BIT, stage, 0, 0, nullptr, 0, nullptr, 1,
                       &barrier);
}

}  // namespace

WindowSystem::WindowSystem() {
  if (glfwInit() != GLFW_TRUE) {
    throw DeviceError("no window can be opened: " + glfw_reason() + "; --offscreen needs no display");
  }
}

WindowSystem::~WindowSystem() { glfwTerminate(); }

std::vector<const char*> WindowSystem::instance_extensions() const {
  std::uint32_t count = 0;
  const char** names = glfwGetRequiredInstanceExtensions(&count);
  if (names == nullptr) throw DeviceError("no Vulkan surface on this display: " + glfw_reason());
  return {names, names + count};
}

Window::Window(Gpu& gpu, const std::string& title, int width, int height) : gpu_(gpu) {
  glfwWindowHint(GLFW_CLIENT_API, GLFW_NO_API);
  window_ = glfwCreateWindow(width, height, title.c_str(), nullptr, nullptr);
  if (window_ == nullptr) throw DeviceError("no window can be opened: " + glfw_reason());
  const vk::Device& device = *gpu.device();
  if (glfwCreateWindowSurface(device.instance().get(), window_, nullptr, &surface_) != VK_SUCCESS) {
    glfwDestroyWindow(window_);
    throw DeviceError("the window has no Vulkan surface: " + glfw_reason());
  }
  VkBool32 shows = VK_FALSE;
  UNBLUR_VK(vkGetPhysicalDeviceSurfaceSupportKHR(device.physical().handle, device.physical().compute_family,
                                                 surface_, &shows));
  if (shows != VK_TRUE) {
    throw DeviceError(device.physical().info.name +
                      " cannot show pictures on this display; choose another with -d");
  }
  format_ = choose_format(device.physical().handle, surface_).format;
  connect_events();
}

Window::~Window() {
  try {
    gpu_.device()->wait_idle();
  } catch (const Error& error) {  // a lost device shows nothing any more
    spdlog::debug("{}", error.what());
  }
  vkDestroySwapchainKHR(gpu_.device()->get(), swapchain_, nullptr);
  vkDestroySurfaceKHR(gpu_.device()->instance().get(), surface_, nullptr);
  glfwDestroyWindow(window_);
}

void Window::connect_events() {
  glfwSetWindowUserPointer(window_, &events_);
  glfwSetCursorPosCallback(window_, [](GLFWwindow* w, double x, double y) {
    UiEvent* e = event_slot(w, UiEvent::Kind::kMove);
    int window_width = 1, window_height = 1, width = 1, height = 1;
    glfwGetWindowSize(w, &window_width, &window_height);
    glfwGetFramebufferSize(w, &width, &height);
    e->x = static_cast<float>(x * width / std::max(window_width, 1));
    e->y = static_cast<float>(y * height / std::max(window_height, 1));
  });
  glfwSetMouseButtonCallback(window_, [](GLFWwindow* w, int button, int action, int) {
    UiEvent* e = event_slot(w, UiEvent::Kind::kButton);
    e->button = button;
    e->down = action == GLFW_PRESS;
  });
  glfwSetScrollCallback(window_, [](GLFWwindow* w, double, double y) {
    event_slot(w, UiEvent::Kind::kWheel)->y = static_cast<float>(y);
  });
  glfwSetKeyCallback(window_, [](GLFWwindow* w, int key, int, int action, int mods) {
    if (key == GLFW_KEY_UNKNOWN) return;
    UiEvent* e = event_slot(w, UiEvent::Kind::kKey);
    e->key = {key, (mods & GLFW_MOD_CONTROL) != 0, (mods & GLFW_MOD_SHIFT) != 0, (mods & GLFW_MOD_ALT) != 0};
    e->down = action != GLFW_RELEASE;
  });
  glfwSetCharCallback(window_,
                      [](GLFWwindow* w, unsigned text) { event_slot(w, UiEvent::Kind::kText)->text = text; });
  glfwSetDropCallback(window_, [](GLFWwindow* w, int count, const char** paths) {
    event_slot(w, UiEvent::Kind::kDrop)->files.assign(paths, paths + count);
  });
  glfwSetWindowCloseCallback(window_, [](GLFWwindow* w) { event_slot(w, UiEvent::Kind::kClose); });
}

std::pair<int, int> Window::size() const {
  int width = 0, height = 0;
  glfwGetFramebufferSize(window_, &width, &height);
  if (glfwGetWindowAttrib(window_, GLFW_ICONIFIED) == GLFW_TRUE) return {0, 0};
  return {width, height};
}

float Window::content_scale() const {
  float x = 1, y = 1;
  glfwGetWindowContentScale(window_, &x, &y);
  return std::clamp(x, 1.0F, 4.0F);
}

std::vector<UiEvent> Window::poll(double seconds) {
  seconds > 0 ? glfwWaitEventsTimeout(seconds) : glfwPollEvents();
  return std::exchange(events_, {});
}

void Window::wake() { glfwPostEmptyEvent(); }

void Window::set_title(const std::string& title) { glfwSetWindowTitle(window_, title.c_str()); }

void Window::set_full_screen(bool full) {
  if (full == full_) return;
  GLFWmonitor* monitor = glfwGetPrimaryMonitor();
  const GLFWvidmode* mode = monitor == nullptr ? nullptr : glfwGetVideoMode(monitor);
  if (mode == nullptr) return;
  full_ = full;
  if (full) {
    glfwGetWindowPos(window_, &x_, &y_);
    glfwGetWindowSize(window_, &width_, &height_);
    glfwSetWindowMonitor(window_, monitor, 0, 0, mode->width, mode->height, mode->refreshRate);
  } else {
    glfwSetWindowMonitor(window_, nullptr, x_, y_, width_, height_, GLFW_DONT_CARE);
  }
}

void Window::make_swapchain(int width, int height) {
  gpu_.device()->wait_idle();
  const VkDevice device = gpu_.device()->get();
  VkSurfaceCapabilitiesKHR caps{};
  UNBLUR_VK(vkGetPhysicalDeviceSurfaceCapabilitiesKHR(gpu_.device()->physical().handle, surface_, &caps));
  if ((caps.supportedUsageFlags & VK_IMAGE_USAGE_TRANSFER_DST_BIT) == 0)
    throw DeviceError("pictures cannot be copied to this display");
  VkSwapchainCreateInfoKHR info{VK_STRUCTURE_TYPE_SWAPCHAIN_CREATE_INFO_KHR};
  info.surface = surface_;
  info.minImageCount = std::max(caps.minImageCount, 2U);
  info.imageFormat = format_;
  info.imageColorSpace = VK_COLOR_SPACE_SRGB_NONLINEAR_KHR;
  info.imageExtent = {
      std::clamp(static_cast<std::uint32_t>(width), caps.minImageExtent.width, caps.maxImageExtent.width),
      std::clamp(static_cast<std::uint32_t>(height), caps.minImageExtent.height, caps.maxImageExtent.height)};
  info.imageArrayLayers = 1;
  info.imageUsage = VK_IMAGE_USAGE_TRANSFER_DST_BIT;
  info.preTransform = caps.currentTransform;
  info.compositeAlpha = VK_COMPOSITE_ALPHA_OPAQUE_BIT_KHR;
  info.presentMode = VK_PRESENT_MODE_FIFO_KHR;
  info.clipped = VK_TRUE;
  info.oldSwapchain = swapchain_;
  VkSwapchainKHR made = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateSwapchainKHR(device, &info, nullptr, &made));
  vkDestroySwapchainKHR(device, swapchain_, nullptr);
  swapchain_ = made;
  swap_width_ = static_cast<int>(info.imageExtent.width);
  swap_height_ = static_cast<int>(info.imageExtent.height);
  std::uint32_t count = 0;
  UNBLUR_VK(vkGetSwapchainImagesKHR(device, swapchain_, &count, nullptr));
  images_.resize(count);
  UNBLUR_VK(vkGetSwapchainImagesKHR(device, swapchain_, &count, images_.data()));
  acquired_.clear();
  drawn_.clear();
  for (int i = 0; i < Canvas::kFrames; ++i) acquired_.push_back(make_semaphore(device));
  for (std::uint32_t i = 0; i < count; ++i) drawn_.push_back(make_semaphore(device));
  turn_ = 0;
  stale_ = false;
}

void Window::copy_to(VkCommandBuffer commands, VkImage from, const Canvas& canvas, VkImage to) const {
  image_barrier(commands, to, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 0,
                VK_ACCESS_TRANSFER_WRITE_BIT, VK_PIPELINE_STAGE_TRANSFER_BIT);
  VkImageBlit region{};
  region.srcSubresource = region.dstSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1};
  region.srcOffsets[1] = {canvas.width(), canvas.height(), 1};
  region.dstOffsets[1] = {swap_width_, swap_height_, 1};
  vkCmdBlitImage(commands, from, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL, to,
                 VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, 1, &region, VK_FILTER_NEAREST);
  image_barrier(commands, to, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL, VK_IMAGE_LAYOUT_PRESENT_SRC_KHR,
                VK_ACCESS_TRANSFER_WRITE_BIT, 0, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT);
}

void Window::show(Canvas& canvas, Canvas::Work work) {
  const auto [width, height] = size();
  if (width == 0 || height == 0) return;
  if (stale_ || width != swap_width_ || height != swap_height_) make_swapchain(width, height);
  // The semaphore of this turn is free once the canvas's frame of two turns ago is done.
  canvas.wait_for_next();
  const VkSemaphore acquired = acquired_.at(turn_).get();
  std::uint32_t image = 0;
  const VkResult got =
      vkAcquireNextImageKHR(gpu_.device()->get(), swapchain_, UINT64_MAX, acquired, VK_NULL_HANDLE, &image);
  if (got == VK_ERROR_OUT_OF_DATE_KHR) {
    stale_ = true;
    canvas.draw(work);  // what was prepared for this frame is used up all the same
    return;
  }
  if (got != VK_SUBOPTIMAL_KHR) UNBLUR_VK(got);
  turn_ = (turn_ + 1) % acquired_.size();
  const VkSemaphore drawn = drawn_.at(image).get();
  work.wait = acquired;
  work.signal = drawn;
  work.after = [&](VkCommandBuffer commands, VkImage from) {
    copy_to(commands, from, canvas, images_.at(image));
  };
  canvas.draw(work);
  VkPresentInfoKHR info{VK_STRUCTURE_TYPE_PRESENT_INFO_KHR};
  info.waitSemaphoreCount = 1;
  info.pWaitSemaphores = &drawn;
  info.swapchainCount = 1;
  info.pSwapchains = &swapchain_;
  info.pImageIndices = &image;
  const VkResult presented = gpu_.device()->present(info);
  if (presented == VK_ERROR_OUT_OF_DATE_KHR || presented == VK_SUBOPTIMAL_KHR || got == VK_SUBOPTIMAL_KHR) {
    stale_ = true;
  } else {
    UNBLUR_VK(presented);
  }
}

}  // namespace unblur
