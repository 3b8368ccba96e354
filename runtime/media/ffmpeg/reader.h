// SPDX-License-Identifier: MIT
// Decoder of one video stream. Internal to media/ffmpeg; programs use `open_video`.
#pragma once

#include <vector>

#include "media/ffmpeg/handles.h"
#include "media/ffmpeg/pixels.h"
#include "media/seekable.h"

namespace unblur::ff {

class VideoReader : public SeekableSource {
 public:
  explicit VideoReader(const std::string& path);
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame& out) override;
  /// From the key frame before it, or from the start of the file where its packets do not tell their times.
  /// Reads all packets of the file once, the first time.
  void seek(std::int64_t index) override;
  [[nodiscard]] std::optional<std::string> damage() const override;

  // What the writer carries over.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const AVStream& stream() const { return *input_->streams[stream_]; }
  [[nodiscard]] const AVCodecContext& decoder() const { return *decoder_; }
  [[nodiscard]] AVPixelFormat pixel_format() const { return pixel_format_; }
  /// The first picture, decoded at opening: its side data may hold HDR metadata that the file header lacks.
  [[nodiscard]] const AVFrame& first_picture() const { return *first_; }

 private:
  void open_decoder(const std::string& path);
  void describe();
  ColourDescription describe_colour() const;
  bool decode(AVFrame& picture);
  bool feed();
  void check_length();
  void stamp(const AVFrame& picture, TimedFrame& out);
  void deliver(const AVFrame& picture, TimedFrame& out);

  // seek.cpp
  struct Key {
    std::int64_t pts = 0, dts = 0;
  };
  void index_packets();
  bool land(std::int64_t index, std::int64_t pts, const Key& key);
  void restart();
  void pass(std::int64_t index);

  std::string path_;
  InputContext input_;
  CodecContext decoder_;
  unsigned stream_ = 0;
  AVPixelFormat pixel_format_ = AV_PIX_FMT_NONE;
  StreamInfo info_;
  FramePtr first_, picture_;
  PacketPtr packet_;
  PixelConverter converter_;
  bool first_pending_ = true, drained_ = false;
  bool picture_pending_ = false;     ///< `picture_` was decoded by a seek and comes next
  bool indexed_ = false;             ///< the two below are filled, as far as the file allows
  std::vector<std::int64_t> times_;  ///< pts of every frame; empty where packets do not tell
  std::vector<Key> keys_;            ///< by pts
  std::int64_t next_ = 0;
  std::int64_t last_pts_ = AV_NOPTS_VALUE;
  std::int64_t last_duration_ = 0;
  std::int64_t longest_gap_ = 0;  ///< between two frames
  std::int64_t damaged_ = 0;      ///< packets that could not be decoded or came incomplete
  std::string cut_;               ///< why reading ended before the end of the file
};

}  // namespace unblur::ff
