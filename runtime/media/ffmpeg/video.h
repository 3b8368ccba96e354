// SPDX-License-Identifier: MIT
// Video files through FFmpeg. Time stamps, colour metadata, rotation, sample aspect, HDR side data, audio,
// subtitles, attachments, chapters and tags of the input reach the output.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "media/frame_io.h"

namespace unblur {

struct VideoWriteOptions {
  std::string codec;        ///< encoder or codec name ("libx265", "hevc"); empty = the input's, else H.264
  std::string pix_fmt;      ///< FFmpeg's name; empty = the input's where the encoder takes it
  int crf = -1;             ///< constant quality, codec's own scale; -1 = nearly transparent (H.264: 16)
  bool resume = false;      ///< go on where the manifest `<path>.part.json` says
  bool from_zero = false;   ///< shift time so that the first frame keeps 0 (an output that starts later)
  bool cut_copied = false;  ///< end copied streams with the last frame (an output that ends early)
  int segment_frames = 96;  ///< what a kill -9 may lose; every segment starts with a key frame
  std::map<std::string, std::string> settings;  ///< stored in the manifest; a resume must find the same
};

/// Opens the best video stream of a file. Throws InputError: absent, unreadable, no video in it.
[[nodiscard]] std::unique_ptr<FrameSource> open_video(const std::string& path);

/// Creates `path`. `source` gives frame format and rate, and, if it came from `open_video`, everything else
/// that the output keeps. Throws UsageError (unknown codec, pixel format or file ending; resume with other
/// settings), ProcessingError (cannot write).
[[nodiscard]] std::unique_ptr<FrameSink> create_video(const std::string& path, const FrameSource& source,
                                                      const VideoWriteOptions& options);

/// File endings FFmpeg can write, to tell a video name from a folder name: "mp4", "mkv", ...
[[nodiscard]] bool is_video_ending(const std::string& path);

/// Version line of the FFmpeg libraries in use, for `doctor` and `--version`.
[[nodiscard]] std::string ffmpeg_version();

}  // namespace unblur
