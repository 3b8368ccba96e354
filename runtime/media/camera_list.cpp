// SPDX-License-Identifier: MIT
#include "media/camera_list.h"

#include <fmt/format.h>
#include <linux/videodev2.h>
#include <unistd.h>

#include <cstring>

#include "graph/error.h"

namespace unblur {

std::optional<CameraEntry> describe_camera(CameraDevice& device, const std::string& name) {
  v4l2_capability capability{};
  if (device.control(VIDIOC_QUERYCAP, &capability) != 0) return std::nullopt;
  const std::uint32_t caps = (capability.capabilities & V4L2_CAP_DEVICE_CAPS) != 0 ? capability.device_caps
                                                                                   : capability.capabilities;
  if ((caps & V4L2_CAP_VIDEO_CAPTURE) == 0) return std::nullopt;
  CameraEntry entry;
  entry.name = name;
  const auto* card = reinterpret_cast<const char*>(capability.card);
  entry.card = std::string(card, strnlen(card, sizeof capability.card));
  try {
    entry.modes = camera_modes(device, name);
  } catch (const Error& e) {
    entry.problem = e.what();
  }
  return entry;
}

std::vector<CameraEntry> list_cameras() {
  std::vector<CameraEntry> found;
  for (int number = 0; number < 64; ++number) {
    const std::string name = fmt::format("camera:{}", number);
    try {
      const std::unique_ptr<CameraDevice> device = open_camera_device(name);
      if (auto entry = describe_camera(*device, name)) found.push_back(std::move(*entry));
    } catch (const Error& e) {
      if (::access(camera_path(name).c_str(), F_OK) == 0) found.push_back({name, "", {}, e.what()});
    }
  }
  return found;
}

std::string mode_text(const CameraMode& mode) {
  const char* format = mode.pixel_format == V4L2_PIX_FMT_YUYV ? "YUYV" : "MJPEG";
  std::string text = fmt::format("{} {}x{}", format, mode.width, mode.height);
  if (mode.rate.known()) text += fmt::format(" {:.4g} fps", mode.rate.value());
  return text;
}

}  // namespace unblur
