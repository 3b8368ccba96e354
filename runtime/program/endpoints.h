// SPDX-License-Identifier: MIT
// Names on the command line become sources and sinks.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "media/camera_device.h"
#include "media/frame_io.h"

namespace unblur {

[[nodiscard]] bool is_camera(const std::string& input);  ///< "camera:N" or a path of /dev/video*

/// "-", a camera, a folder, a picture, a .y4m or any video file. Throws InputError, and UsageError where a
/// camera lacks the size asked for.
[[nodiscard]] std::unique_ptr<FrameSource> open_source(const std::string& input,
                                                       const CameraOptions& camera = {});

/// Inputs with "@list" replaced by the lines of the file `list`, and patterns ("clips/*.mp4") by the files
/// that they match, sorted. Throws InputError.
[[nodiscard]] std::vector<std::string> expand_inputs(const std::vector<std::string>& inputs);

struct OutputOptions {
  std::string codec, pix_fmt;
  int crf = -1;
  bool overwrite = false, resume = false, skip_existing = false;
  bool cut_start = false, cut_end = false;      ///< --start, --frames
  std::map<std::string, std::string> settings;  ///< that a resumed run must share
};

/// A folder, or a name without an ending: it will hold pictures.
[[nodiscard]] bool is_folder_name(const std::string& output);

/// `<stem>.<verb>.<ext>` beside the input; "-" for "-". Throws UsageError for cameras: they need -o.
[[nodiscard]] std::string default_output(const std::string& input, const std::string& verb);

/// Does this output exist already? A folder counts once it holds a picture.
[[nodiscard]] bool output_exists(const std::string& output);

/// Throws UsageError: output exists and may not be overwritten, is the input, or cannot hold the frames.
[[nodiscard]] std::unique_ptr<FrameSink> create_sink(const std::string& output, const FrameSource& source,
                                                     const OutputOptions& options);

/// A source that only describes what a sink will get.
class DescribedSource : public FrameSource {
 public:
  explicit DescribedSource(StreamInfo info) : info_(std::move(info)) {}
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame&) override { return false; }

 private:
  StreamInfo info_;
};

/// `wanted`, or what every player shows, for pictures that become video; 4:2:0 needs even sides.
[[nodiscard]] std::string pixel_format_for(const StreamInfo& info, const std::string& wanted);

/// Takes frames and forgets them (--null, benchmark).
[[nodiscard]] std::unique_ptr<FrameSink> create_null_sink();

}  // namespace unblur
