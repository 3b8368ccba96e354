// SPDX-License-Identifier: MIT
// FFmpeg's objects as C++ owners, and its errors as text. Internal to media/ffmpeg.
#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
}

#include <memory>
#include <string>

#include "media/frame_io.h"

namespace unblur::ff {

template <auto Free>
struct FreeByPointer {
  template <typename T>
  void operator()(T* p) const {
    Free(&p);
  }
};
struct FreeInput {
  void operator()(AVFormatContext* c) const { avformat_close_input(&c); }
};
struct FreeOutput {
  void operator()(AVFormatContext* c) const {
    if (c->pb != nullptr) avio_closep(&c->pb);
    avformat_free_context(c);
  }
};

using InputContext = std::unique_ptr<AVFormatContext, FreeInput>;
using OutputContext = std::unique_ptr<AVFormatContext, FreeOutput>;
using CodecContext = std::unique_ptr<AVCodecContext, FreeByPointer<avcodec_free_context>>;
using CodecParameters = std::unique_ptr<AVCodecParameters, FreeByPointer<avcodec_parameters_free>>;
using FramePtr = std::unique_ptr<AVFrame, FreeByPointer<av_frame_free>>;
using PacketPtr = std::unique_ptr<AVPacket, FreeByPointer<av_packet_free>>;

/// Throws std::bad_alloc where FFmpeg returned no object.
[[nodiscard]] FramePtr make_frame();
[[nodiscard]] PacketPtr make_packet();
[[nodiscard]] CodecParameters make_parameters();

/// FFmpeg's words for an error code, with the last error line it logged, if any, in parentheses.
[[nodiscard]] std::string error_text(int code);

/// Sends FFmpeg's log to ours: errors are remembered for `error_text`, all else goes to debug. Idempotent.
void capture_log();

[[nodiscard]] inline AVRational to_av(const Rational& r) {
  return {static_cast<int>(r.num), static_cast<int>(r.den)};
}
[[nodiscard]] inline Rational from_av(AVRational r) {
  return r.num == 0 || r.den == 0 ? Rational{} : Rational{r.num, r.den};
}

/// Opens a media file and reads enough of it to know its streams. Throws InputError.
[[nodiscard]] InputContext open_input(const std::string& path);

}  // namespace unblur::ff
