// SPDX-License-Identifier: MIT
#include "media/ffmpeg/encoder.h"

extern "C" {
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
}

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "graph/error.h"

namespace unblur::ff {
namespace {

bool takes(const AVCodec& codec, AVPixelFormat format) {
  if (codec.pix_fmts == nullptr) return true;
  for (const AVPixelFormat* p = codec.pix_fmts; *p != AV_PIX_FMT_NONE; ++p) {
    if (*p == format) return true;
  }
  return false;
}

/// The encoder's format that keeps most of `wanted`.
AVPixelFormat nearest_format(const AVCodec& codec, AVPixelFormat wanted, const FrameFormat& frame) {
  if (codec.id == AV_CODEC_ID_GIF) return AV_PIX_FMT_PAL8;  // FFmpeg would take a fixed palette
  if (takes(codec, wanted) && !has_alpha(wanted)) return wanted;
  const AVPixelFormat native = native_format(frame);
  if (takes(codec, native)) return native;
  return avcodec_find_best_pix_fmt_of_list(codec.pix_fmts, native, 0, nullptr);
}

/// Does `format` hold every sample of the frame?
bool is_lossless(AVPixelFormat format, const FrameFormat& frame) {
  const FrameFormat f = format_of(format, frame.width, frame.height);
  return f.layout == frame.layout && f.bit_depth == frame.bit_depth;
}

/// Software encoders of a codec: the best known first, then any that holds the pixel format without loss.
const AVCodec* encoder_for(AVCodecID id, AVPixelFormat wanted, const FrameFormat& frame) {
  constexpr const char* kPreferred[] = {"libx264",   "libx265", "libvpx-vp9",
                                        "libsvtav1", "libvpx",  "prores_ks"};
  constexpr int kHardware = AV_CODEC_CAP_HARDWARE | AV_CODEC_CAP_HYBRID;
  const AVCodec* best = nullptr;
  int best_score = -1;
  void* state = nullptr;
  while (const AVCodec* c = av_codec_iterate(&state)) {
    if (av_codec_is_encoder(c) == 0 || c->id != id || (c->capabilities & kHardware) != 0) continue;
    if ((c->capabilities & AV_CODEC_CAP_EXPERIMENTAL) != 0) continue;
    if (c->pix_fmts != nullptr && (av_pix_fmt_desc_get(c->pix_fmts[0])->flags & AV_PIX_FMT_FLAG_HWACCEL) != 0)
      continue;
    const AVPixelFormat format = nearest_format(*c, wanted, frame);
    const bool preferred = std::any_of(std::begin(kPreferred), std::end(kPreferred),
                                       [&](const char* name) { return std::string_view(name) == c->name; });
    const int score = (is_lossless(format, frame) ? 2 : 0) + (preferred ? 1 : 0);
    if (score > best_score) best = c, best_score = score;
  }
  return best;
}

const AVCodec* named_encoder(const std::string& name, AVPixelFormat wanted, const FrameFormat& frame) {
  if (const AVCodec* exact = avcodec_find_encoder_by_name(name.c_str()); exact != nullptr) {
    if (exact->type != AVMEDIA_TYPE_VIDEO)
      throw UsageError(fmt::format("--codec {}: not a video codec", name));
    return exact;
  }
  const AVCodecDescriptor* d = avcodec_descriptor_get_by_name(name.c_str());
  const AVCodec* found =
      d != nullptr && d->type == AVMEDIA_TYPE_VIDEO ? encoder_for(d->id, wanted, frame) : nullptr;
  if (found == nullptr) {
    throw UsageError(
        fmt::format("--codec {}: no such encoder; h264, hevc, vp9, av1, prores, ffv1 are usual ones", name));
  }
  return found;
}

const AVCodec* choose_encoder(const StreamInfo& stream, const VideoReader* reader, AVPixelFormat wanted,
                              const AVOutputFormat& container, const VideoWriteOptions& options) {
  // An encoder is judged by the format asked for, else by what the frames hold.
  const FrameFormat target =
      options.pix_fmt.empty() ? stream.format : format_of(wanted, stream.format.width, stream.format.height);
  const auto fits = [&](AVCodecID id) {
    if (container.video_codec == AV_CODEC_ID_GIF) return id == AV_CODEC_ID_GIF;  // FFmpeg says "unknown"
    return avformat_query_codec(&container, id, FF_COMPLIANCE_NORMAL) != 0;
  };
  if (!options.codec.empty()) {
    const AVCodec* codec = named_encoder(options.codec, wanted, target);
    if (!fits(codec->id)) {
      throw UsageError(
          fmt::format("--codec {}: {} files cannot hold it; try .mkv", options.codec, container.name));
    }
    return codec;
  }
  if (reader != nullptr && fits(reader->decoder().codec_id)) {
    if (const AVCodec* same = encoder_for(reader->decoder().codec_id, wanted, target); same != nullptr) {
      return same;
    }
  }
  for (const AVCodecID id : {AV_CODEC_ID_H264, container.video_codec}) {
    if (!fits(id)) continue;
    if (const AVCodec* codec = encoder_for(id, wanted, target); codec != nullptr) return codec;
  }
  throw UsageError(
      fmt::format("no encoder for {} files; choose another ending, .mkv takes everything", container.name));
}

bool is_lossy(const AVCodec& codec) {
  return (avcodec_descriptor_get(codec.id)->props & AV_CODEC_PROP_LOSSLESS) == 0 ||
         codec.id == AV_CODEC_ID_H264 || codec.id == AV_CODEC_ID_HEVC || codec.id == AV_CODEC_ID_VP9 ||
         codec.id == AV_CODEC_ID_AV1;
}

int default_crf(AVCodecID id) {
  switch (id) {
    case AV_CODEC_ID_H264:
      return 16;
    case AV_CODEC_ID_HEVC:
      return 18;
    case AV_CODEC_ID_VP8:
    case AV_CODEC_ID_VP9:
    case AV_CODEC_ID_AV1:
      return 20;
    default:
      return 2;
  }
}

}  // namespace

Encoder::Encoder(const StreamInfo& stream, const VideoReader* reader, const AVOutputFormat& container,
                 const VideoWriteOptions& options)
    : stream_(stream),
      reader_(reader),
      options_(options),
      global_header_((container.flags & AVFMT_GLOBALHEADER) != 0),
      packet_(make_packet()) {
  const AVPixelFormat source = reader != nullptr ? reader->pixel_format() : native_format(stream.format);
  AVPixelFormat wanted = source;
  if (!options.pix_fmt.empty()) {
    wanted = av_get_pix_fmt(options.pix_fmt.c_str());
    if (wanted == AV_PIX_FMT_NONE) {
      throw UsageError(fmt::format(
          "--pix-fmt {}: no such format; yuv420p, yuv420p10le and yuv444p are usual ones", options.pix_fmt));
    }
  }
  codec_ = choose_encoder(stream, reader, wanted, container, options);
  pixel_format_ = options.pix_fmt.empty() ? nearest_format(*codec_, wanted, stream.format) : wanted;
  if (!takes(*codec_, pixel_format_)) {
    throw UsageError(
        fmt::format("--pix-fmt {}: the encoder {} does not take it", options.pix_fmt, codec_->name));
  }
  if (options.pix_fmt.empty() && !is_lossless(pixel_format_, stream.format)) {
    spdlog::warn("{} is stored as {}: the encoder {} cannot hold it as it is", av_get_pix_fmt_name(source),
                 av_get_pix_fmt_name(pixel_format_), codec_->name);
  }
}

void Encoder::apply_quality(AVCodecContext& context) const {
  const int quality = options_.crf >= 0 ? options_.crf : default_crf(codec_->id);
  if (av_opt_find(context.priv_data, "crf", nullptr, 0, 0) != nullptr) {
    av_opt_set(context.priv_data, "crf", std::to_string(quality).c_str(), 0);
    context.bit_rate = 0;
  } else if (is_lossy(*codec_)) {
    context.flags |= AV_CODEC_FLAG_QSCALE;
    context.global_quality = FF_QP2LAMBDA * quality;
  }
  // The slowest presets of these two spend minutes per second of video.
  if (std::string_view(codec_->name) == "libvpx-vp9" || std::string_view(codec_->name) == "libaom-av1") {
    av_opt_set(context.priv_data, "cpu-used", "4", 0);
    av_opt_set(context.priv_data, "row-mt", "1", 0);
  }
  if (std::string_view(codec_->name) == "libx265")
    av_opt_set(context.priv_data, "x265-params", "log-level=error", 0);
  if (codec_->id == AV_CODEC_ID_PRORES && reader_ != nullptr &&
      reader_->decoder().codec_id == AV_CODEC_ID_PRORES) {
    context.profile = reader_->decoder().profile;
  }
}

void Encoder::open() {
  context_.reset(avcodec_alloc_context3(codec_));
  AVCodecContext& c = *context_;
  c.width = stream_.format.width;
  c.height = stream_.format.height;
  c.pix_fmt = pixel_format_;
  AVRational rate{25, 1};
  if (stream_.frame_rate.known()) {
    av_reduce(&rate.num, &rate.den, stream_.frame_rate.num, stream_.frame_rate.den, 65535);  // MPEG-4's limit
  }
  c.framerate = rate;
  c.time_base = av_inv_q(rate);
  c.sample_aspect_ratio = to_av(stream_.sample_aspect);
  c.thread_count = 0;
  if (global_header_) c.flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  const bool rgb = (av_pix_fmt_desc_get(pixel_format_)->flags & AV_PIX_FMT_FLAG_RGB) != 0;
  c.color_range =
      !rgb && stream_.format.layout != PixelLayout::kRgb && stream_.format.colour.range == ColourRange::kFull
          ? AVCOL_RANGE_JPEG
          : AVCOL_RANGE_MPEG;
  if (rgb || is_full_range_format(pixel_format_)) c.color_range = AVCOL_RANGE_JPEG;
  if (reader_ != nullptr) {
    const AVFrame& f = reader_->first_picture();
    if (f.color_range == AVCOL_RANGE_UNSPECIFIED && c.color_range == AVCOL_RANGE_MPEG) {
      c.color_range = AVCOL_RANGE_UNSPECIFIED;
    }
    c.colorspace = rgb ? AVCOL_SPC_RGB : f.colorspace;
    c.color_primaries = f.color_primaries;
    c.color_trc = f.color_trc;
    c.chroma_sample_location = f.chroma_location;
  } else if (!rgb && stream_.format.layout != PixelLayout::kRgb) {
    const ColourMatrix matrix = stream_.format.colour.matrix;
    c.colorspace = matrix == ColourMatrix::kBt709   ? AVCOL_SPC_BT709
                   : matrix == ColourMatrix::kBt601 ? AVCOL_SPC_SMPTE170M
                                                    : AVCOL_SPC_BT2020_NCL;
  } else if (!rgb) {
    const bool hd = c.height >= 720;  // as to_picture converts
    c.colorspace = hd ? AVCOL_SPC_BT709 : AVCOL_SPC_SMPTE170M;
    c.color_primaries = AVCOL_PRI_BT709;
    c.color_trc = AVCOL_TRC_IEC61966_2_1;
  }
  apply_quality(c);
  if (const int code = avcodec_open2(&c, codec_, nullptr); code < 0) {
    throw ProcessingError(fmt::format("encoder {} refuses {}x{} {}: {}", codec_->name, c.width, c.height,
                                      av_get_pix_fmt_name(pixel_format_), error_text(code)));
  }
  has_frames_ = false;
}

const AVCodecContext& Encoder::context() {
  if (!context_) open();
  return *context_;
}

std::string Encoder::description() const {
  const std::string format = av_get_pix_fmt_name(pixel_format_);
  if (!is_lossy(*codec_)) return fmt::format("{}, {}", codec_->name, format);
  return fmt::format("{} at quality {}, {}", codec_->name,
                     options_.crf >= 0 ? options_.crf : default_crf(codec_->id), format);
}

std::int64_t Encoder::time_of(std::int64_t index) const {
  if (const auto found = times_.find(index); found != times_.end()) return found->second.pts;
  // Before the first known frame: decoding times only, which lie a few frames early.
  const auto first = times_.begin();
  const auto step = std::max<std::int64_t>(1, first->second.duration);
  return first->second.pts - (first->first - index) * step;
}

void Encoder::receive(const Take& take) {
  for (;;) {
    const int code = avcodec_receive_packet(context_.get(), packet_.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    if (code < 0) throw ProcessingError(fmt::format("encoder {}: {}", codec_->name, error_text(code)));
    const std::int64_t index = packet_->pts;
    packet_->duration = times_.at(index).duration;
    packet_->pts = time_of(index);
    packet_->dts = packet_->dts == AV_NOPTS_VALUE ? packet_->pts : time_of(packet_->dts);
    take(*packet_);
    av_packet_unref(packet_.get());
  }
}

void Encoder::encode(const TimedFrame& frame, const Take& take) {
  if (frame.frame.format != stream_.format) {
    throw ProcessingError(
        fmt::format("frame {} changes size or format; a video holds one only", frame.index));
  }
  if (!context_) open();
  const double spacing =
      stream_.frame_rate.known() ? 1.0 / (stream_.frame_rate.value() * stream_.time_base.value()) : 1.0;
  const std::int64_t step =
      frame.duration > 0 ? frame.duration : std::max<std::int64_t>(1, std::llround(spacing));
  times_[frame.index] = {frame.pts, step};
  while (times_.size() > 1024) times_.erase(times_.begin());

  const FramePtr picture = converter_.to_picture(frame.frame, pixel_format_);
  picture->pts = frame.index;
  picture->sample_aspect_ratio = context_->sample_aspect_ratio;
  picture->color_range = context_->color_range;
  picture->colorspace = context_->colorspace;
  picture->color_primaries = context_->color_primaries;
  picture->color_trc = context_->color_trc;
  picture->chroma_location = context_->chroma_sample_location;
  picture->quality = context_->global_quality;
  if (!has_frames_) picture->pict_type = AV_PICTURE_TYPE_I;
  has_frames_ = true;
  const int code = avcodec_send_frame(context_.get(), picture.get());
  if (code < 0) throw ProcessingError(fmt::format("encoder {}: {}", codec_->name, error_text(code)));
  receive(take);
}

void Encoder::flush(const Take& take) {
  if (!context_ || !has_frames_) return;
  const int code = avcodec_send_frame(context_.get(), nullptr);
  if (code < 0) throw ProcessingError(fmt::format("encoder {}: {}", codec_->name, error_text(code)));
  receive(take);
  context_.reset();
}

}  // namespace unblur::ff
