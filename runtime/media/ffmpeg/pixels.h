// SPDX-License-Identifier: MIT
// FFmpeg's pixel formats and our frames. Every format of integer samples maps to a FrameFormat without
// loss; formats with coarser chroma than ours (4:1:1, 4:1:0, 4:4:0) repeat their chroma samples, so that
// going back returns the same codes. Alpha is not kept. Internal to media/ffmpeg.
#pragma once

extern "C" {
#include <libavutil/frame.h>
#include <libavutil/pixfmt.h>
}

#include <memory>

#include "media/ffmpeg/handles.h"

struct SwsContext;

namespace unblur::ff {

/// Layout and depth that hold `format` without loss. Palettes, fewer than 8 bits and other oddities give
/// 8-bit RGB, floating point gives 16 bits. Colour is left at its default.
[[nodiscard]] FrameFormat format_of(AVPixelFormat format, int width, int height);

/// Our planes' own pixel format: yuv420p10le, rgb24, gray, ...; full-range 8-bit YUV has no "j" here.
[[nodiscard]] AVPixelFormat native_format(const FrameFormat& format);

[[nodiscard]] bool is_full_range_format(AVPixelFormat format);  ///< yuvj420p and its siblings
[[nodiscard]] bool has_alpha(AVPixelFormat format);

/// Converts pictures of one format; keeps what swscale needs between calls.
class PixelConverter {
 public:
  PixelConverter() = default;
  ~PixelConverter();
  PixelConverter(const PixelConverter&) = delete;
  PixelConverter& operator=(const PixelConverter&) = delete;

  /// Decoded picture to frame. `out.format` says what is wanted (from `format_of`, with colour filled in).
  void to_frame(const AVFrame& picture, Frame& out);
  /// Frame to a picture of `format`: sample by sample where that is lossless, else through swscale with the
  /// frame's matrix and range. The picture's buffers are new.
  [[nodiscard]] FramePtr to_picture(const Frame& frame, AVPixelFormat format);

 private:
  void scale(const AVFrame& from, AVFrame& to, const ColourDescription& from_colour,
             const ColourDescription& to_colour);
  SwsContext* sws_ = nullptr;
};

}  // namespace unblur::ff
