// SPDX-License-Identifier: MIT
// The video file sink: encoder -> packet log -> muxed file.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "graph/error.h"
#include "media/ffmpeg/encoder.h"
#include "media/ffmpeg/muxer.h"
#include "media/ffmpeg/packet_log.h"
#include "media/ffmpeg/video.h"

namespace unblur {
namespace {

using namespace ff;

class VideoWriter : public FrameSink {
 public:
  VideoWriter(std::string path, const FrameSource& source, const VideoWriteOptions& options)
      : path_(std::move(path)),
        container_(container_for(path_)),
        stream_(source.info()),
        reader_(dynamic_cast<const VideoReader*>(&source)),
        options_(options),
        encoder_(stream_, reader_, container_, options),
        log_(path_, with_encoder(options.settings), options.resume) {
    (void)encoder_.context();  // an encoder that refuses says so before any frame is computed
    frames_ = log_.manifest().frames;
    spdlog::info("{}: {}", path_, encoder_.description());
  }

  void write(const TimedFrame& frame) override {
    encoder_.encode(frame, [this](AVPacket& p) { log_.append(p); });
    ++frames_;
  }

  /// A segment of a GIF would bring a file header of its own: such a run cannot be resumed.
  [[nodiscard]] int checkpoint_interval() const override {
    return container_.video_codec == AV_CODEC_ID_GIF ? 0 : options_.segment_frames;
  }

  void checkpoint(const Checkpoint& mark) override {
    flush();
    log_.close_segment(mark.frames, mark.states);
  }

  Checkpoint resume_point() override { return {log_.manifest().frames, log_.load_states()}; }

  void finish() override {
    flush();
    log_.close_segment(frames_, {});
    save(options_.cut_copied);
    std::filesystem::rename(path_ + ".part", path_);
    log_.remove_files();
  }

  void close_partial() override {
    flush();
    if (frames_ > 0) save(true);
  }

 private:
  std::map<std::string, std::string> with_encoder(std::map<std::string, std::string> settings) const {
    settings["encoder"] = encoder_.description();
    settings["segment_frames"] = std::to_string(options_.segment_frames);
    return settings;
  }

  void flush() {
    encoder_.flush([this](AVPacket& p) { log_.append(p); });
  }

  void save(bool cut_copied) {
    MuxJob job;
    job.path = path_ + ".part";
    job.container = &container_;
    job.video = &encoder_.context();
    job.stream = &stream_;
    job.reader = reader_;
    job.cut_copied = cut_copied;
    if (options_.from_zero) {
      const PacketPtr first = make_packet();
      log_.rewind();
      if (log_.next(*first)) job.shift = first->pts;
    }
    mux(job, log_);
  }

  std::string path_;
  const AVOutputFormat& container_;
  StreamInfo stream_;
  const VideoReader* reader_;
  VideoWriteOptions options_;
  Encoder encoder_;
  PacketLog log_;
  std::int64_t frames_ = 0;
};

}  // namespace

std::unique_ptr<FrameSink> create_video(const std::string& path, const FrameSource& source,
                                        const VideoWriteOptions& options) {
  capture_log();
  return std::make_unique<VideoWriter>(path, source, options);
}

bool is_video_ending(const std::string& path) {
  const AVOutputFormat* found = av_guess_format(nullptr, path.c_str(), nullptr);
  return found != nullptr && found->video_codec != AV_CODEC_ID_NONE && (found->flags & AVFMT_NOFILE) == 0;
}

std::string ffmpeg_version() { return av_version_info(); }

}  // namespace unblur
