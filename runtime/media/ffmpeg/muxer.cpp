// SPDX-License-Identifier: MIT
#include "media/ffmpeg/muxer.h"

extern "C" {
#include <libavutil/opt.h>
}

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "graph/error.h"

namespace unblur::ff {
namespace {

/// One output file while it is written.
class Mux {
 public:
  Mux(const MuxJob& job, PacketLog& packets) : job_(job), packets_(packets), packet_(make_packet()) {
    AVFormatContext* raw = nullptr;
    check(avformat_alloc_output_context2(&raw, job.container, nullptr, job.path.c_str()));
    out_.reset(raw);
  }

  void run() {
    if (job_.reader != nullptr) {
      input_ = open_input(job_.reader->path());
      add_input_streams();
    } else {
      add_video_stream(nullptr);
    }
    check(avio_open(&out_->pb, ("file:" + job_.path).c_str(), AVIO_FLAG_WRITE));
    AVDictionary* settings = nullptr;
    av_dict_set(&settings, "mpegts_copyts", "1", 0);  // only MPEG-TS knows it; it adds 1.4 s otherwise
    const int code = avformat_write_header(out_.get(), &settings);
    av_dict_free(&settings);
    check(code);
    packets_.rewind();
    more_video_ = packets_.next(*packet_);
    if (more_video_) first_ = packet_->pts - job_.shift;
    if (input_) copy_packets();
    while (more_video_) write_video();
    check(av_write_trailer(out_.get()));
    check(avio_closep(&out_->pb));
  }

 private:
  void check(int code) const {
    if (code < 0) throw ProcessingError(fmt::format("{}: {}", job_.path, error_text(code)));
  }

  AVStream& new_stream() {
    AVStream* s = avformat_new_stream(out_.get(), nullptr);
    if (s == nullptr) throw std::bad_alloc();
    return *s;
  }

  void add_video_stream(const AVStream* from) {
    AVStream& s = new_stream();
    check(avcodec_parameters_from_context(s.codecpar, job_.video));
    // The encoder's tag is for AVI's likes, except that it alone names the pixel format of raw video.
    if (s.codecpar->codec_id != AV_CODEC_ID_RAWVIDEO) s.codecpar->codec_tag = 0;
    // QuickTime-style players show HEVC only under this tag; FFmpeg would write hev1.
    if (s.codecpar->codec_id == AV_CODEC_ID_HEVC && from != nullptr &&
        from->codecpar->codec_tag == MKTAG('h', 'v', 'c', '1')) {
      s.codecpar->codec_tag = from->codecpar->codec_tag;
    }
    s.time_base = to_av(job_.stream->time_base);
    if (job_.stream->frame_rate.known()) s.avg_frame_rate = to_av(job_.stream->frame_rate);
    s.sample_aspect_ratio = job_.video->sample_aspect_ratio;
    video_ = s.index;
    if (from == nullptr) return;
    s.disposition = from->disposition;
    av_dict_copy(&s.metadata, from->metadata, 0);
    copy_side_data(*from, s);
  }

  /// Display matrix, mastering display, light level, stereo and spherical layout; where only the bitstream
  /// carries the HDR numbers, they are taken from the first picture.
  void copy_side_data(const AVStream& from, AVStream& to) {
    for (int i = 0; i < from.nb_side_data; ++i) {
      const AVPacketSideData& side = from.side_data[i];
      if (side.type == AV_PKT_DATA_CPB_PROPERTIES) continue;
      add_side_data(to, side.type, side.data, side.size);
    }
    constexpr std::pair<AVFrameSideDataType, AVPacketSideDataType> kHdr[] = {
        {AV_FRAME_DATA_MASTERING_DISPLAY_METADATA, AV_PKT_DATA_MASTERING_DISPLAY_METADATA},
        {AV_FRAME_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_CONTENT_LIGHT_LEVEL}};
    for (const auto& [in_frame, in_stream] : kHdr) {
      const AVFrameSideData* side = av_frame_get_side_data(&job_.reader->first_picture(), in_frame);
      if (side == nullptr || av_stream_get_side_data(&to, in_stream, nullptr) != nullptr) continue;
      add_side_data(to, in_stream, side->data, side->size);
    }
  }

  static void add_side_data(AVStream& to, AVPacketSideDataType type, const std::uint8_t* data,
                            std::size_t size) {
    std::uint8_t* copy = av_stream_new_side_data(&to, type, size);
    if (copy == nullptr) throw std::bad_alloc();
    std::memcpy(copy, data, size);
  }

  void add_input_streams() {
    av_dict_copy(&out_->metadata, input_->metadata, 0);
    for (const char* own : {"encoder", "major_brand", "minor_version", "compatible_brands"}) {
      av_dict_set(&out_->metadata, own, nullptr, 0);
    }
    target_.assign(input_->nb_streams, -1);
    for (unsigned i = 0; i < input_->nb_streams; ++i) {
      const AVStream& s = *input_->streams[i];
      if (static_cast<int>(i) == job_.reader->stream().index) {
        target_[i] = static_cast<int>(out_->nb_streams);
        add_video_stream(&s);
        input_->streams[i]->discard = AVDISCARD_ALL;
      } else {
        target_[i] = add_copied_stream(s);
      }
    }
    copy_chapters();
  }

  /// Index of the new stream, or -1 where the container cannot hold it.
  int add_copied_stream(const AVStream& s) {
    const AVCodecParameters& p = *s.codecpar;
    const bool attachment = p.codec_type == AVMEDIA_TYPE_ATTACHMENT;
    const bool fits =
        p.codec_id != AV_CODEC_ID_NONE &&
        (attachment ? std::strcmp(out_->oformat->name, "matroska") == 0
                    : avformat_query_codec(out_->oformat, p.codec_id, FF_COMPLIANCE_NORMAL) > 0);
    if (!fits) {
      const char* type = av_get_media_type_string(p.codec_type);
      spdlog::warn("stream {} ({}, {}) is left out: {} files cannot hold it", s.index,
                   type == nullptr ? "data" : type, avcodec_get_name(p.codec_id), out_->oformat->name);
      return -1;
    }
    AVStream& copy = new_stream();
    check(avcodec_parameters_copy(copy.codecpar, &p));
    // The old tag is kept where it means the same in this container.
    const unsigned tag = p.codec_tag;
    if (out_->oformat->codec_tag == nullptr || av_codec_get_id(out_->oformat->codec_tag, tag) != p.codec_id) {
      copy.codecpar->codec_tag = 0;
    }
    copy.time_base = s.time_base;
    copy.avg_frame_rate = s.avg_frame_rate;
    copy.disposition = s.disposition;
    copy.duration = s.duration;
    av_dict_copy(&copy.metadata, s.metadata, 0);
    for (int i = 0; i < s.nb_side_data; ++i) {
      add_side_data(copy, s.side_data[i].type, s.side_data[i].data, s.side_data[i].size);
    }
    return copy.index;
  }

  void copy_chapters() {
    const auto count = static_cast<std::size_t>(input_->nb_chapters);
    if (count == 0) return;
    auto** chapters = static_cast<AVChapter**>(av_calloc(count, sizeof(AVChapter*)));
    if (chapters == nullptr) throw std::bad_alloc();
    out_->chapters = chapters;
    for (unsigned i = 0; i < count; ++i) {
      const AVChapter& from = *input_->chapters[i];
      auto* chapter = static_cast<AVChapter*>(av_mallocz(sizeof(AVChapter)));
      if (chapter == nullptr) throw std::bad_alloc();
      const std::int64_t shift = av_rescale_q(job_.shift, to_av(job_.stream->time_base), from.time_base);
      chapter->id = from.id;
      chapter->time_base = from.time_base;
      chapter->start = std::max<std::int64_t>(0, from.start - shift);
      chapter->end = std::max(chapter->start, from.end - shift);
      av_dict_copy(&chapter->metadata, from.metadata, 0);
      chapters[out_->nb_chapters++] = chapter;
    }
  }

  void write(AVPacket& packet, int target, AVRational time_base) {
    av_packet_rescale_ts(&packet, time_base, out_->streams[target]->time_base);
    packet.stream_index = target;
    packet.pos = -1;
    check(av_interleaved_write_frame(out_.get(), &packet));
  }

  void write_video() {
    packet_->pts -= job_.shift;
    packet_->dts = std::min(packet_->dts - job_.shift, packet_->pts);
    if (last_dts_ != AV_NOPTS_VALUE && packet_->dts <= last_dts_) packet_->dts = last_dts_ + 1;
    last_dts_ = packet_->dts;
    write(*packet_, video_, to_av(job_.stream->time_base));
    more_video_ = packets_.next(*packet_);
  }

  /// Packets of the other streams in file order, each after the video that is decoded before it.
  void copy_packets() {
    const AVRational video_base = to_av(job_.stream->time_base);
    const PacketPtr other = make_packet();
    std::vector<AVPacket*> kept;
    while (av_read_frame(input_.get(), other.get()) >= 0) {
      const auto from = static_cast<std::size_t>(other->stream_index);
      const bool wanted = from < target_.size() && target_[from] >= 0 && target_[from] != video_;
      if (wanted) {
        const AVRational base = input_->streams[from]->time_base;
        const std::int64_t shift = av_rescale_q(job_.shift, video_base, base);
        if (other->pts != AV_NOPTS_VALUE) other->pts -= shift;
        if (other->dts != AV_NOPTS_VALUE) other->dts -= shift;
        const std::int64_t when = other->dts != AV_NOPTS_VALUE ? other->dts : other->pts;
        while (more_video_ && when != AV_NOPTS_VALUE &&
               av_compare_ts(packet_->dts - job_.shift, video_base, when, base) <= 0) {
          write_video();
        }
        if (!job_.cut_copied || is_inside(*other, base)) write(*other, target_[from], base);
      }
      av_packet_unref(other.get());
    }
  }

  /// With a cut output: does the packet start between the first frame and the last frame written?
  [[nodiscard]] bool is_inside(const AVPacket& packet, AVRational base) const {
    if (packet.pts == AV_NOPTS_VALUE) return true;
    const AVRational video_base = to_av(job_.stream->time_base);
    return av_compare_ts(packet.pts + packet.duration, base, first_, video_base) > 0 && more_video_;
  }

  const MuxJob& job_;
  PacketLog& packets_;
  PacketPtr packet_;
  OutputContext out_;
  InputContext input_;
  std::vector<int> target_;  ///< output stream by input stream, -1 = left out
  int video_ = 0;
  bool more_video_ = false;
  std::int64_t first_ = 0;  ///< time of the first frame as written
  std::int64_t last_dts_ = AV_NOPTS_VALUE;
};

}  // namespace

void mux(const MuxJob& job, PacketLog& packets) { Mux(job, packets).run(); }

const AVOutputFormat& container_for(const std::string& path) {
  const AVOutputFormat* found = av_guess_format(nullptr, path.c_str(), nullptr);
  if (found == nullptr || found->video_codec == AV_CODEC_ID_NONE) {
    throw UsageError(
        fmt::format("{}: not a video file ending; .mp4, .mkv, .mov and .webm are usual ones", path));
  }
  return *found;
}

}  // namespace unblur::ff
