// SPDX-License-Identifier: MIT
// YUV4MPEG2, the raw video of pipes: a text header, then per frame a "FRAME" line and the planes.
// Written by mpegtools, read and written by FFmpeg, mpv, x264, VapourSynth. Reading survives any bytes.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string_view>

#include "media/frame_io.h"

namespace unblur {

/// Parses the stream header without its newline. Frames that the header does not describe fully take
/// limited range unless XCOLORRANGE says otherwise, and the matrix that the height suggests (BT.709 from
/// 720 lines, else BT.601). Throws InputError.
[[nodiscard]] StreamInfo parse_y4m_header(std::string_view line);

/// The header of such a stream, newline included. RGB frames are refused (UsageError): y4m has none.
[[nodiscard]] std::string y4m_header(const StreamInfo& info);

class Y4mSource : public FrameSource {
 public:
  /// Reads from an open file, which stays the caller's. `name` is for messages.
  Y4mSource(std::FILE* file, const std::string& name);
  /// Opens a file; "-" is standard input.
  static std::unique_ptr<Y4mSource> open(const std::string& path);

  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame& out) override;

 private:
  struct Closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Closer> owned_;
  std::FILE* file_;
  StreamInfo info_;
  std::int64_t next_ = 0;
};

/// Writes to standard output ("-": data as it comes) or to `<path>.part`, renamed at the end.
class Y4mSink : public FrameSink {
 public:
  Y4mSink(const std::string& path, const StreamInfo& info);
  ~Y4mSink() override;
  Y4mSink(const Y4mSink&) = delete;
  Y4mSink& operator=(const Y4mSink&) = delete;
  void write(const TimedFrame& frame) override;
  void finish() override;
  void close_partial() override;

 private:
  void put(const void* data, std::size_t bytes);
  std::string path_;
  std::FILE* file_;
  FrameFormat format_;
};

}  // namespace unblur
