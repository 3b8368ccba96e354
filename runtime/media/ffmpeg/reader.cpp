// SPDX-License-Identifier: MIT
#include "media/ffmpeg/reader.h"

extern "C" {
#include <libavutil/display.h>
#include <libavutil/parseutils.h>
#include <libavutil/pixdesc.h>
}

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cmath>
#include <utility>

#include "graph/error.h"
#include "media/ffmpeg/video.h"

namespace unblur::ff {
namespace {

int rotation_of(const AVStream& stream) {
  const auto* matrix = reinterpret_cast<const std::int32_t*>(
      av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr));
  if (matrix == nullptr) return 0;
  // FFmpeg counts counter-clockwise; quarter turns only, anything else is for the player.
  const double degrees = -av_display_rotation_get(matrix);
  if (std::isnan(degrees)) return 0;
  return ((static_cast<int>(std::lround(degrees / 90.0)) * 90) % 360 + 360) % 360;
}

ChromaLocation chroma_of(AVChromaLocation location, bool full_range) {
  switch (location) {
    case AVCHROMA_LOC_CENTER:
    case AVCHROMA_LOC_TOP:
    case AVCHROMA_LOC_BOTTOM:
      return ChromaLocation::kCentre;
    case AVCHROMA_LOC_TOPLEFT:
      return ChromaLocation::kTopLeft;
    case AVCHROMA_LOC_UNSPECIFIED:
      return full_range ? ChromaLocation::kCentre : ChromaLocation::kLeft;
    default:
      return ChromaLocation::kLeft;
  }
}

}  // namespace

VideoReader::VideoReader(const std::string& path)
    : path_(path),
      input_(open_input(path)),
      first_(make_frame()),
      picture_(make_frame()),
      packet_(make_packet()) {
  open_decoder(path);
  if (!decode(*first_)) {
    throw InputError(fmt::format("{}: no frame can be decoded{}", path,
                                 damaged_ > 0 ? fmt::format(", {} packets are damaged", damaged_) : ""));
  }
  describe();
}

void VideoReader::open_decoder(const std::string& path) {
  const AVCodec* codec = nullptr;
  const int found = av_find_best_stream(input_.get(), AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
  if (found == AVERROR_DECODER_NOT_FOUND) {
    throw InputError(fmt::format("{}: this FFmpeg has no decoder for its video", path));
  }
  if (found < 0 || (input_->streams[found]->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0) {
    throw InputError(fmt::format("{}: no video in this file", path));
  }
  stream_ = static_cast<unsigned>(found);
  for (unsigned i = 0; i < input_->nb_streams; ++i) {
    if (i != stream_) input_->streams[i]->discard = AVDISCARD_ALL;
  }
  decoder_.reset(avcodec_alloc_context3(codec));
  int code = avcodec_parameters_to_context(decoder_.get(), stream().codecpar);
  if (code >= 0) {
    decoder_->pkt_timebase = stream().time_base;
    decoder_->thread_count = 0;
    code = avcodec_open2(decoder_.get(), codec, nullptr);
  }
  if (code < 0) throw InputError(fmt::format("{}: {}", path, error_text(code)));
}

ColourDescription VideoReader::describe_colour() const {
  const AVPixFmtDescriptor& d = *av_pix_fmt_desc_get(pixel_format_);
  const bool rgb = (d.flags & AV_PIX_FMT_FLAG_RGB) != 0;
  ColourDescription colour;
  const bool full = rgb || d.nb_components < 3 || is_full_range_format(pixel_format_);
  const bool said_full = first_->color_range == AVCOL_RANGE_JPEG;
  const bool said_limited = first_->color_range == AVCOL_RANGE_MPEG;
  colour.range = !rgb && (said_full || (full && !said_limited)) ? ColourRange::kFull
                 : rgb                                          ? ColourRange::kFull
                                                                : ColourRange::kLimited;
  colour.chroma = chroma_of(first_->chroma_location, colour.range == ColourRange::kFull);
  if (rgb) return colour;

  switch (first_->colorspace) {
    case AVCOL_SPC_BT709:
    case AVCOL_SPC_SMPTE240M:
      colour.matrix = ColourMatrix::kBt709;
      break;
    case AVCOL_SPC_FCC:
    case AVCOL_SPC_BT470BG:
    case AVCOL_SPC_SMPTE170M:
      colour.matrix = ColourMatrix::kBt601;
      break;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
      colour.matrix = ColourMatrix::kBt2020;
      break;
    default:
      colour.matrix = first_->height >= 720 ? ColourMatrix::kBt709 : ColourMatrix::kBt601;
      if (d.nb_components < 3) break;
      spdlog::info("{}: colour matrix not given, {} assumed ({} lines)", path_,
                   colour.matrix == ColourMatrix::kBt709 ? "BT.709" : "BT.601", first_->height);
  }
  return colour;
}

void VideoReader::describe() {
  const AVStream& s = stream();
  pixel_format_ = static_cast<AVPixelFormat>(first_->format);
  info_.name = path_;
  info_.kind = "video";
  info_.codec = avcodec_get_name(s.codecpar->codec_id);
  info_.format = format_of(pixel_format_, first_->width, first_->height);
  info_.format.colour = describe_colour();
  info_.time_base = from_av(s.time_base);
  info_.frame_rate = from_av(s.avg_frame_rate.num != 0 ? s.avg_frame_rate : s.r_frame_rate);
  const AVRational aspect =
      av_guess_sample_aspect_ratio(input_.get(), input_->streams[stream_], first_.get());
  info_.sample_aspect = aspect.num > 0 ? from_av(aspect) : Rational{1, 1};
  info_.rotation = rotation_of(s);
  if (s.nb_frames > 0) {
    info_.frames = s.nb_frames;
  } else if (input_->duration > 0 && info_.frame_rate.known()) {
    info_.frames =
        std::llround(static_cast<double>(input_->duration) / AV_TIME_BASE * info_.frame_rate.value());
  }
  if (has_alpha(pixel_format_)) spdlog::warn("{}: its alpha channel is not kept", path_);
  if (first_->interlaced_frame != 0) {
    spdlog::warn("{}: interlaced video; deinterlace it first for a good result", path_);
  }
}

/// Sends one packet, or the end, to the decoder; false when nothing is left to send.
bool VideoReader::feed() {
  if (drained_) return false;
  for (;;) {
    av_packet_unref(packet_.get());
    const int code = av_read_frame(input_.get(), packet_.get());
    if (code < 0) {
      if (code != AVERROR_EOF) cut_ = error_text(code);
      drained_ = true;
      avcodec_send_packet(decoder_.get(), nullptr);
      return true;
    }
    if (packet_->stream_index != static_cast<int>(stream_)) continue;
    // A packet that the file cuts short would decode to a half grey picture.
    if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) {
      ++damaged_;
      cut_ = "a packet is incomplete";
      continue;
    }
    const int sent = avcodec_send_packet(decoder_.get(), packet_.get());
    if (sent < 0) {
      ++damaged_;
      spdlog::debug("{}: packet skipped: {}", path_, error_text(sent));
      continue;
    }
    return true;
  }
}

bool VideoReader::decode(AVFrame& picture) {
  for (;;) {
    const int code = avcodec_receive_frame(decoder_.get(), &picture);
    if (code >= 0) return true;
    if (code == AVERROR_EOF) return false;
    if (code == AVERROR(EAGAIN)) {
      if (!feed()) return false;
    } else {
      ++damaged_;
      if (damaged_ > 1000) throw InputError(fmt::format("{}: {}", path_, error_text(code)));
    }
  }
}

/// Place in time of the next frame.
void VideoReader::stamp(const AVFrame& picture, TimedFrame& out) {
  out.index = next_++;
  out.duration = picture.pkt_duration;
  const double spacing =
      info_.frame_rate.known() ? 1.0 / (info_.frame_rate.value() * info_.time_base.value()) : 1.0;
  const std::int64_t step =
      out.duration > 0 ? out.duration : std::max<std::int64_t>(1, std::llround(spacing));
  out.pts = picture.best_effort_timestamp;
  // Encoders need strictly rising times; a stream without any gets its frame rate.
  if (out.pts == AV_NOPTS_VALUE) out.pts = last_pts_ == AV_NOPTS_VALUE ? 0 : last_pts_ + step;
  if (last_pts_ != AV_NOPTS_VALUE && out.pts <= last_pts_) out.pts = last_pts_ + 1;
  if (last_pts_ != AV_NOPTS_VALUE) longest_gap_ = std::max(longest_gap_, out.pts - last_pts_);
  last_pts_ = out.pts;
  last_duration_ = step;
  out.name.clear();
}

void VideoReader::deliver(const AVFrame& picture, TimedFrame& out) {
  if (picture.width != info_.format.width || picture.height != info_.format.height ||
      picture.format != pixel_format_) {
    throw InputError(
        fmt::format("{}: frame {} changes from {}x{} to {}x{} or to another pixel format; split the "
                    "file there",
                    path_, next_, info_.format.width, info_.format.height, picture.width, picture.height));
  }
  out.frame.format = info_.format;
  converter_.to_frame(picture, out.frame);
  stamp(picture, out);
}

/// Some containers lose their tail without an error: they said how long the stream is, so look.
void VideoReader::check_length() {
  const AVStream& s = stream();
  double expected = -1;  // end time in s
  const AVDictionaryEntry* tag = av_dict_get(s.metadata, "DURATION", nullptr, 0);
  std::int64_t micros = 0;
  if (s.duration > 0 && input_->duration_estimation_method == AVFMT_DURATION_FROM_STREAM) {
    expected =
        static_cast<double>(s.duration + std::max<std::int64_t>(0, s.start_time)) * av_q2d(s.time_base);
  } else if (tag != nullptr && av_parse_time(&micros, tag->value, 1) >= 0) {
    expected = static_cast<double>(micros) / 1e6;  // Matroska
  }
  const double unit = av_q2d(s.time_base), end = static_cast<double>(last_pts_ + last_duration_) * unit;
  // The last frame may stay longer than its stream says, though hardly longer than twice any other.
  if (expected - end > std::max(0.2, 2 * unit * static_cast<double>(longest_gap_)))
    cut_ = fmt::format("{:.1f} s of {:.1f} s", end, expected);
}

bool VideoReader::read(TimedFrame& out) {
  if (first_pending_) {
    first_pending_ = false;
    deliver(*first_, out);
    return true;
  }
  if (std::exchange(picture_pending_, false)) {
    deliver(*picture_, out);
    return true;
  }
  if (!decode(*picture_)) {
    if (cut_.empty()) check_length();
    if (damaged_ > 0)
      spdlog::warn("{}: {} damaged packets could not be decoded", path_, std::exchange(damaged_, 0));
    return false;
  }
  deliver(*picture_, out);
  return true;
}

std::optional<std::string> VideoReader::damage() const {
  if (!cut_.empty()) return fmt::format("{}: cut off after frame {} ({})", path_, next_, cut_);
  return std::nullopt;
}

}  // namespace unblur::ff

namespace unblur {

std::unique_ptr<FrameSource> open_video(const std::string& path) {
  return std::make_unique<ff::VideoReader>(path);
}

}  // namespace unblur
