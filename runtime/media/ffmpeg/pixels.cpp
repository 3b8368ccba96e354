// SPDX-License-Identifier: MIT
#include "media/ffmpeg/pixels.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "graph/error.h"
#include "media/ffmpeg/palette.h"
#include "media/rgb.h"

namespace unblur::ff {
namespace {

/// One row of one plane as numbers; every unpacking goes through it.
using Row = std::vector<std::uint16_t>;

const AVPixFmtDescriptor& descriptor(AVPixelFormat format) {
  const AVPixFmtDescriptor* d = av_pix_fmt_desc_get(format);
  if (d == nullptr) throw InputError("unknown pixel format");
  return *d;
}

int colour_components(const AVPixFmtDescriptor& d) {
  return d.nb_components - ((d.flags & AV_PIX_FMT_FLAG_ALPHA) != 0 ? 1 : 0);
}

bool is_rgb(const AVPixFmtDescriptor& d) { return (d.flags & AV_PIX_FMT_FLAG_RGB) != 0; }

/// Integer samples that can be read one by one and have 8 to 16 bits, all the same.
bool is_plain(const AVPixFmtDescriptor& d) {
  constexpr std::uint64_t kOdd = AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_HWACCEL | AV_PIX_FMT_FLAG_BAYER |
                                 AV_PIX_FMT_FLAG_FLOAT | AV_PIX_FMT_FLAG_BITSTREAM;
  if ((d.flags & kOdd) != 0 || std::strncmp(d.name, "xyz", 3) == 0) return false;
  const int n = colour_components(d);
  for (int i = 0; i < n; ++i) {
    if (d.comp[i].depth != d.comp[0].depth) return false;
  }
  return (n == 1 || n == 3) && d.comp[0].depth >= 8 && d.comp[0].depth <= 16;
}

PixelLayout layout_of(const AVPixFmtDescriptor& d) {
  if (colour_components(d) == 1) return PixelLayout::kGrey;
  if (is_rgb(d)) return PixelLayout::kRgb;
  if (d.log2_chroma_h > 0 && d.log2_chroma_w > 0) return PixelLayout::kYuv420;
  return d.log2_chroma_w > 0 ? PixelLayout::kYuv422 : PixelLayout::kYuv444;
}

/// Size of component `c` of a picture of that format.
std::pair<int, int> component_size(const AVPixFmtDescriptor& d, int c, int width, int height) {
  if (c == 0 || is_rgb(d) || colour_components(d) == 1) return {width, height};
  return {AV_CEIL_RSHIFT(width, d.log2_chroma_w), AV_CEIL_RSHIFT(height, d.log2_chroma_h)};
}

std::uint16_t get(const std::byte* row, int i, int bytes) {
  if (bytes == 1) return static_cast<std::uint16_t>(row[i]);
  std::uint16_t v;
  std::memcpy(&v, row + 2 * i, 2);
  return v;
}

void put(std::byte* row, int i, int bytes, std::uint16_t v) {
  if (bytes == 1) {
    row[i] = static_cast<std::byte>(v);
  } else {
    std::memcpy(row + 2 * i, &v, 2);
  }
}

/// Where component c of a Frame starts, how many samples lie between neighbours, its size, and by how many
/// bits its grid is finer than the picture's (1 where chroma of 4:1:1, 4:1:0 or 4:4:0 is repeated).
struct Component {
  std::byte* data;
  std::size_t row_bytes;
  int step, offset, width, height, finer_x, finer_y;
};

Component component(const Frame& frame, const AVPixFmtDescriptor& d, int c) {
  const FrameFormat& f = frame.format;
  const bool rgb = f.layout == PixelLayout::kRgb;
  const int plane = rgb ? 0 : c;
  Component r{const_cast<std::byte*>(frame.plane(plane)),
              f.row_bytes(plane),
              rgb ? 3 : 1,
              rgb ? c : 0,
              f.plane_width(plane),
              f.plane_height(plane),
              0,
              0};
  if (c > 0 && !rgb) {
    r.finer_x = d.log2_chroma_w - (f.layout == PixelLayout::kYuv444 ? 0 : 1);
    r.finer_y = d.log2_chroma_h - (f.layout == PixelLayout::kYuv420 ? 1 : 0);
  }
  return r;
}

void unpack(const AVFrame& picture, const AVPixFmtDescriptor& d, Frame& out) {
  const int bytes = out.format.bytes_per_sample();
  const int components = out.format.layout == PixelLayout::kGrey ? 1 : 3;
  const std::uint8_t* data[4] = {picture.data[0], picture.data[1], picture.data[2], picture.data[3]};
  Row row;
  for (int c = 0; c < components; ++c) {
    const Component to = component(out, d, c);
    const int w = component_size(d, c, out.format.width, out.format.height).first;
    row.resize(static_cast<std::size_t>(w));
    for (int y = 0; y < to.height; ++y) {
      av_read_image_line2(row.data(), data, picture.linesize, &d, 0, y >> to.finer_y, c, w, 0, 2);
      std::byte* dst = to.data + static_cast<std::size_t>(y) * to.row_bytes;
      for (int x = 0; x < to.width; ++x) {
        put(dst, x * to.step + to.offset, bytes, row[static_cast<std::size_t>(x >> to.finer_x)]);
      }
    }
  }
}

/// The reverse of `unpack`: of repeated chroma samples the first is stored.
void pack(const Frame& frame, const AVPixFmtDescriptor& d, AVFrame& picture) {
  const int bytes = frame.format.bytes_per_sample();
  const int components = frame.format.layout == PixelLayout::kGrey ? 1 : 3;
  Row row;
  for (int c = 0; c < components; ++c) {
    const Component from = component(frame, d, c);
    const auto [w, h] = component_size(d, c, frame.format.width, frame.format.height);
    row.resize(static_cast<std::size_t>(w));
    for (int y = 0; y < h; ++y) {
      const std::byte* src = from.data + static_cast<std::size_t>(y << from.finer_y) * from.row_bytes;
      for (int x = 0; x < w; ++x) {
        row[static_cast<std::size_t>(x)] = get(src, (x << from.finer_x) * from.step + from.offset, bytes);
      }
      av_write_image_line2(row.data(), picture.data, picture.linesize, &d, 0, y, c, w, 2);
    }
  }
}

/// Planes that lie in memory exactly as ours do: copied row by row.
bool same_planes(AVPixelFormat format, const FrameFormat& f) {
  return format == native_format(f) ||
         (is_full_range_format(format) && f.bit_depth == 8 && format_of(format, 8, 8).layout == f.layout);
}

void copy_rows(const std::uint8_t* from, std::ptrdiff_t from_stride, std::uint8_t* to,
               std::ptrdiff_t to_stride, std::size_t bytes, int rows) {
  for (int y = 0; y < rows; ++y) std::memcpy(to + y * to_stride, from + y * from_stride, bytes);
}

/// A picture with buffers of zeros: av_write_image_line2 sets bits, it clears none.
FramePtr blank_picture(AVPixelFormat format, const FrameFormat& size) {
  FramePtr picture = make_frame();
  picture->format = format;
  picture->width = size.width;
  picture->height = size.height;
  if (const int code = av_frame_get_buffer(picture.get(), 0); code < 0) {
    throw ProcessingError("no memory for a picture: " + error_text(code));
  }
  for (const AVBufferRef* buffer : picture->buf) {
    if (buffer != nullptr) std::memset(buffer->data, 0, buffer->size);
  }
  return picture;
}

int sws_matrix(ColourMatrix matrix) {
  switch (matrix) {
    case ColourMatrix::kBt601:
      return SWS_CS_ITU601;
    case ColourMatrix::kBt2020:
      return SWS_CS_BT2020;
    case ColourMatrix::kBt709:
      break;
  }
  return SWS_CS_ITU709;
}

}  // namespace

bool is_full_range_format(AVPixelFormat format) {
  return format == AV_PIX_FMT_YUVJ420P || format == AV_PIX_FMT_YUVJ422P || format == AV_PIX_FMT_YUVJ444P ||
         format == AV_PIX_FMT_YUVJ440P || format == AV_PIX_FMT_YUVJ411P;
}

bool has_alpha(AVPixelFormat format) { return (descriptor(format).flags & AV_PIX_FMT_FLAG_ALPHA) != 0; }

FrameFormat format_of(AVPixelFormat format, int width, int height) {
  const AVPixFmtDescriptor& d = descriptor(format);
  FrameFormat f;
  f.width = width;
  f.height = height;
  if (is_plain(d)) {
    f.layout = layout_of(d);
    f.bit_depth = d.comp[0].depth;
  } else {
    const bool deep = d.comp[0].depth > 8 || std::strncmp(d.name, "xyz", 3) == 0;
    f.layout = colour_components(d) == 1 && (d.flags & (AV_PIX_FMT_FLAG_PAL | AV_PIX_FMT_FLAG_BAYER)) == 0
                   ? PixelLayout::kGrey
                   : PixelLayout::kRgb;
    f.bit_depth = deep ? 16 : 8;
  }
  return f;
}

AVPixelFormat native_format(const FrameFormat& format) {
  if (format.layout == PixelLayout::kRgb && format.bit_depth > 8) {
    if (format.bit_depth == 16) return AV_PIX_FMT_RGB48LE;
    return av_get_pix_fmt(fmt::format("gbrp{}le", format.bit_depth).c_str());
  }
  const char* base = format.layout == PixelLayout::kRgb      ? "rgb24"
                     : format.layout == PixelLayout::kGrey   ? "gray"
                     : format.layout == PixelLayout::kYuv420 ? "yuv420p"
                     : format.layout == PixelLayout::kYuv422 ? "yuv422p"
                                                             : "yuv444p";
  const AVPixelFormat found =
      av_get_pix_fmt(format.bit_depth == 8 ? base : fmt::format("{}{}le", base, format.bit_depth).c_str());
  if (found == AV_PIX_FMT_NONE) {
    throw ProcessingError(fmt::format("no video format holds {} bits per sample", format.bit_depth));
  }
  return found;
}

PixelConverter::~PixelConverter() { sws_freeContext(sws_); }

void PixelConverter::scale(const AVFrame& from, AVFrame& to, const ColourDescription& from_colour,
                           const ColourDescription& to_colour) {
  constexpr int kFlags =
      SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT;
  sws_ = sws_getCachedContext(sws_, from.width, from.height, static_cast<AVPixelFormat>(from.format),
                              to.width, to.height, static_cast<AVPixelFormat>(to.format), kFlags, nullptr,
                              nullptr, nullptr);
  if (sws_ == nullptr) {
    throw ProcessingError(fmt::format("cannot convert {} to {}",
                                      av_get_pix_fmt_name(static_cast<AVPixelFormat>(from.format)),
                                      av_get_pix_fmt_name(static_cast<AVPixelFormat>(to.format))));
  }
  // Without this swscale takes BT.601 and guesses the range. It refuses for RGB to RGB, where nothing
  // matters.
  sws_setColorspaceDetails(sws_, sws_getCoefficients(sws_matrix(from_colour.matrix)),
                           from_colour.range == ColourRange::kFull ? 1 : 0,
                           sws_getCoefficients(sws_matrix(to_colour.matrix)),
                           to_colour.range == ColourRange::kFull ? 1 : 0, 0, 1 << 16, 1 << 16);
  const int rows = sws_scale(sws_, from.data, from.linesize, 0, from.height, to.data, to.linesize);
  if (rows < 0) throw ProcessingError("swscale: " + error_text(rows));
}

void PixelConverter::to_frame(const AVFrame& picture, Frame& out) {
  const auto format = static_cast<AVPixelFormat>(picture.format);
  out.data.resize(out.format.total_bytes());
  if (same_planes(format, out.format)) {
    const bool planar_rgb =
        out.format.layout == PixelLayout::kRgb && out.format.bit_depth > 8 && out.format.bit_depth < 16;
    if (!planar_rgb) {
      for (int p = 0; p < out.format.plane_count(); ++p) {
        copy_rows(picture.data[p], picture.linesize[p], reinterpret_cast<std::uint8_t*>(out.plane(p)),
                  static_cast<std::ptrdiff_t>(out.format.row_bytes(p)), out.format.row_bytes(p),
                  out.format.plane_height(p));
      }
      return;
    }
  }
  const AVPixFmtDescriptor& d = descriptor(format);
  if (is_plain(d)) {
    unpack(picture, d, out);
    return;
  }
  const FramePtr middle = blank_picture(native_format(out.format), out.format);
  scale(picture, *middle, out.format.colour, out.format.colour);
  unpack(*middle, descriptor(static_cast<AVPixelFormat>(middle->format)), out);
}

FramePtr PixelConverter::to_picture(const Frame& frame, AVPixelFormat format) {
  const FrameFormat& f = frame.format;
  FramePtr picture = blank_picture(format, f);
  if (format == AV_PIX_FMT_PAL8) {
    const PalettePicture found = to_palette(to_rgb(frame, 8));
    copy_rows(found.pixels.data(), f.width, picture->data[0], picture->linesize[0],
              static_cast<std::size_t>(f.width), f.height);
    std::memcpy(picture->data[1], found.colours.data(), sizeof found.colours);
    return picture;
  }
  const AVPixFmtDescriptor& d = descriptor(format);
  const FrameFormat holds = format_of(format, f.width, f.height);
  const bool planar_rgb = f.layout == PixelLayout::kRgb && f.bit_depth > 8 && f.bit_depth < 16;
  if (same_planes(format, f) && !planar_rgb) {
    for (int p = 0; p < f.plane_count(); ++p) {
      copy_rows(reinterpret_cast<const std::uint8_t*>(frame.plane(p)),
                static_cast<std::ptrdiff_t>(f.row_bytes(p)), picture->data[p], picture->linesize[p],
                f.row_bytes(p), f.plane_height(p));
    }
  } else if (is_plain(d) && !has_alpha(format) && holds.layout == f.layout &&
             holds.bit_depth == f.bit_depth) {
    pack(frame, d, *picture);
  } else {
    const AVPixelFormat own = native_format(f);
    const FramePtr middle = blank_picture(own, f);
    pack(frame, descriptor(own), *middle);
    ColourDescription target = f.colour;
    if (holds.layout == PixelLayout::kRgb) target.range = ColourRange::kFull;
    if (f.layout == PixelLayout::kRgb && holds.layout != PixelLayout::kRgb) {
      target.range = is_full_range_format(format) ? ColourRange::kFull : ColourRange::kLimited;
      target.matrix = f.height >= 720 ? ColourMatrix::kBt709 : ColourMatrix::kBt601;
    }
    scale(*middle, *picture, f.colour, target);
  }
  return picture;
}

}  // namespace unblur::ff
