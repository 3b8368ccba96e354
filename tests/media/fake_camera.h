// SPDX-License-Identifier: MIT
// A camera that exists only in memory: answers the kernel's requests, sends frames that the test makes, and
// can be unplugged.
#pragma once

#include <functional>

#include "media/camera_device.h"

namespace unblur::test {

struct FakeCameraScript {
  struct Size {
    int width, height;
    std::vector<int> rates;  ///< frames per second
  };
  struct Format {
    std::uint32_t fourcc;
    std::vector<Size> sizes;
  };
  std::vector<Format> formats;
  std::function<std::vector<std::byte>(int)> picture;  ///< bytes of frame n; empty = the camera is silent
  int padding = 0;                                     ///< bytes after each row of YUYV
  int interval_us = 2000;                              ///< real time between frames
  int unplug_after = -1;                               ///< frames; then the device is gone
  bool unplug_in_poll = true;                          ///< else dequeuing says so
  bool captures = true, busy = false;
};

struct FakeCameraLog {
  bool streaming = false;
  int mapped = 0, opened = 0;
  int width = 0, height = 0;
  std::uint32_t fourcc = 0;
};

/// Frame n has the time stamp 1000 s + n * 33333 us.
[[nodiscard]] std::unique_ptr<CameraDevice> make_fake_camera(FakeCameraScript script, FakeCameraLog* log);

}  // namespace unblur::test
