// SPDX-License-Identifier: MIT
// Cameras at the level of the kernel's interface (V4L2): the few calls that a device answers, what modes it
// has, and which one fits. Tests put a device of their own behind the same calls.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "media/frame_io.h"

namespace unblur {

/// An open video device.
class CameraDevice {
 public:
  enum class Wait : std::uint8_t { kFrame, kTimeout, kGone };
  virtual ~CameraDevice() = default;
  /// ioctl(2) with a VIDIOC_ request: 0, or the error number. Never interrupted by signals.
  virtual int control(unsigned long request, void* argument) = 0;
  /// A capture buffer in memory; null if it cannot be mapped.
  virtual void* map(std::size_t bytes, std::int64_t offset) = 0;
  virtual void unmap(void* data, std::size_t bytes) = 0;
  /// Waits for a filled buffer. kGone: the device is no longer there.
  virtual Wait wait(int milliseconds) = 0;
};

/// "camera:2" is /dev/video2; a path stays. Throws UsageError where N is no number.
[[nodiscard]] std::string camera_path(const std::string& name);

/// Opens a device of the system. Throws InputError that says what to do: absent, not allowed, in use.
[[nodiscard]] std::unique_ptr<CameraDevice> open_camera_device(const std::string& name);

/// What a camera can deliver in a form that is read here: MJPEG, or YUYV (4:2:2, 8 bits, not compressed).
struct CameraMode {
  std::uint32_t pixel_format = 0;  ///< V4L2_PIX_FMT_MJPEG, _JPEG or _YUYV
  int width = 0, height = 0;
  Rational rate;  ///< frames per second; unknown where the device does not tell
  bool operator==(const CameraMode&) const = default;
};

/// Wishes; 0 = no wish.
struct CameraOptions {
  int width = 0, height = 0;
  double fps = 0;
  std::uint32_t pixel_format = 0;  ///< where several deliver that size and rate
  bool nearest = false;            ///< the nearest size will do where the camera lacks the one asked for
};

/// Every mode that can be read, in the device's order. Sizes of continuous ranges are represented by the
/// largest, and by `wish` where it lies inside. Throws InputError if the device is no camera or has other
/// formats only.
[[nodiscard]] std::vector<CameraMode> camera_modes(CameraDevice& device, const std::string& name,
                                                   const CameraOptions& wish = {});

/// The size asked for, else the one whose pixel count is nearest to 1280x720; then the rate nearest to the
/// one asked for, else to 30; then YUYV before MJPEG. Throws UsageError that lists the sizes if the camera
/// lacks the one asked for, unless `nearest`.
[[nodiscard]] CameraMode choose_mode(const std::vector<CameraMode>& modes, const std::string& name,
                                     const CameraOptions& wish);

}  // namespace unblur
