// SPDX-License-Identifier: MIT
// Frames to packets. The encoder is opened anew for every segment, so that a segment needs nothing from the
// one before and an interrupted run can go on at a segment's end. Internal to media/ffmpeg.
#pragma once

#include <functional>
#include <map>

#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/pixels.h"
#include "media/ffmpeg/reader.h"
#include "media/ffmpeg/video.h"

namespace unblur::ff {

class Encoder {
 public:
  using Take = std::function<void(AVPacket&)>;

  /// Chooses codec and pixel format for `container`. `reader` is null unless the source is a video file.
  Encoder(const StreamInfo& stream, const VideoReader* reader, const AVOutputFormat& container,
          const VideoWriteOptions& options);

  /// Encodes a frame; packets that are ready go to `take`, with times in the stream's time base.
  void encode(const TimedFrame& frame, const Take& take);
  /// Ends the segment: all packets come out, the next frame starts with a key frame.
  void flush(const Take& take);

  /// What the file header must say; complete once a frame was encoded or `open` was called.
  [[nodiscard]] const AVCodecContext& context();
  [[nodiscard]] std::string description() const;  ///< "libx264 crf 16, yuv420p"

 private:
  void open();
  void apply_quality(AVCodecContext& context) const;
  void receive(const Take& take);
  [[nodiscard]] std::int64_t time_of(std::int64_t index) const;

  StreamInfo stream_;
  const VideoReader* reader_;
  VideoWriteOptions options_;
  bool global_header_;
  const AVCodec* codec_ = nullptr;
  AVPixelFormat pixel_format_ = AV_PIX_FMT_NONE;
  CodecContext context_;
  bool has_frames_ = false;
  PixelConverter converter_;
  PacketPtr packet_;
  /// Encoders see frame numbers, since some refuse fine time bases and few handle uneven spacing well; this
  /// maps them back: pts and duration by frame number. Also decoding times, which run a few frames behind.
  struct Time {
    std::int64_t pts, duration;
  };
  std::map<std::int64_t, Time> times_;
};

}  // namespace unblur::ff
