// SPDX-License-Identifier: MIT
// A camera that exists only in memory: answers the kernel's requests, sends frames that the test makes, and
// can be unplugged, stalled and broken while it runs. Programs get it through tests/fake_v4l2.
#pragma once

#include <atomic>
#include <functional>

#include "media/camera_device.h"

namespace unblur::test {

/// What a running camera is told to do.
enum class FakeCommand : std::uint8_t {
  kRun,
  kBroken,  ///< pictures are cut in half
  kStall,   ///< no pictures
  kError,   ///< EIO
  kGone,    ///< ENODEV
};

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
  int answer_width = 0, answer_height = 0;  ///< the size that S_FMT answers whatever was asked; 0 = as asked
  bool real_time = false;                   ///< frames carry the steady clock
  std::shared_ptr<std::atomic<FakeCommand>> command =
      std::make_shared<std::atomic<FakeCommand>>(FakeCommand::kRun);
};

struct FakeCameraLog {
  std::atomic<bool> streaming = false;
  std::atomic<int> mapped = 0, opened = 0;
  std::atomic<int> gain = 0;  ///< as its control was set
  std::atomic<int> lost = 0;  ///< frames for which no buffer was free
  int width = 0, height = 0;
  std::uint32_t fourcc = 0;
};

class FakeCamera : public CameraDevice {
 public:
  /// One frame's time has passed: fills a buffer if one is queued. True if a frame came of it.
  virtual bool produce() = 0;
};

/// Frame n has the time stamp 1000 s + n * 33333 us, unless `real_time`. `wait` lets frames come.
[[nodiscard]] std::unique_ptr<FakeCamera> make_fake_camera(FakeCameraScript script, FakeCameraLog* log);

}  // namespace unblur::test
