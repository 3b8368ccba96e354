// SPDX-License-Identifier: MIT
// What a person names as input, opened for the viewer.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "media/camera.h"
#include "media/seekable.h"

namespace unblur {

using CameraOpener = std::function<std::unique_ptr<CameraDevice>(const std::string&)>;

/// "pattern[:WxH[@FPS]]"; a file or folder of that name is reached as ./pattern.
[[nodiscard]] bool is_pattern_name(const std::string& name);

/// A file, a folder of pictures, y4m, or the test pattern: whatever is no camera. Files that have no index of
/// their own are read from the start to seek; standard input ("-") cannot seek: null in `Input::seek`.
struct Input {
  std::unique_ptr<FrameSource> source;
  SeekableSource* seek = nullptr;  ///< the source, where it can
};
/// Throws InputError, UsageError.
[[nodiscard]] Input open_input(const std::string& name);

/// Frames of a second file by their number, for comparison. Used by one thread at a time.
class FileFrames {
 public:
  explicit FileFrames(const std::string& name) : input_(open_input(name)) {}
  [[nodiscard]] const StreamInfo& info() const { return input_.source->info(); }
  /// Null beyond the end. Stays valid until the next call. Throws InputError.
  [[nodiscard]] const TimedFrame* at(std::int64_t index);

 private:
  Input input_;
  TimedFrame frame_;
  std::int64_t have_ = -1;
};

}  // namespace unblur
