// SPDX-License-Identifier: MIT
#include "core/export.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <utility>

#include "graph/error.h"
#include "media/rgb.h"
#include "program/endpoints.h"

namespace unblur {
namespace {

constexpr std::size_t kQueued = 4;

/// A description of upright 8-bit RGB frames, counted by their rate.
StreamInfo rgb_stream(int width, int height, Rational rate) {
  StreamInfo info;
  info.kind = "viewer";
  info.format.width = width;
  info.format.height = height;
  info.frame_rate = rate;
  info.time_base = {rate.den, rate.num};
  return info;
}

std::unique_ptr<FrameSink> rgb_sink(const std::string& path, const StreamInfo& info) {
  OutputOptions options;
  options.overwrite = true;
  const bool gif = std::filesystem::path(path).extension() == ".gif";
  if (!gif) options.pix_fmt = pixel_format_for(info, "");
  return create_sink(path, DescribedSource(info), options);
}

}  // namespace

std::vector<double> exposure_times(const ExposureClip& clip) {
  if (clip.frames < 2) throw UsageError("an exposure needs at least 2 frames");
  std::vector<double> times;
  for (int n = 0; n < clip.frames; ++n) times.push_back(static_cast<double>(n) / (clip.frames - 1));
  if (clip.both_ways) {
    for (int n = clip.frames - 2; n > 0; --n) times.push_back(times[static_cast<std::size_t>(n)]);
  }
  if (clip.reverse) {
    for (double& t : times) t = 1 - t;
  }
  return times;
}

std::vector<float> exposure_at(std::span<const float> sharp, const TrajectoryField& field, double t) {
  return gather_at(sharp, field, 2 * t - 1);
}

void export_exposure(const std::string& path, std::span<const float> sharp, const TrajectoryField& field,
                     const ExposureClip& clip) {
  if (!(clip.fps > 0 && clip.fps <= 1000)) throw UsageError("a clip has between 0 and 1000 frames a second");
  const bool turned = clip.rotation % 180 != 0;
  const int width = turned ? field.height() : field.width(), height = turned ? field.width() : field.height();
  const Rational rate{std::llround(clip.fps * 1000), 1000};
  const std::unique_ptr<FrameSink> sink = rgb_sink(path, rgb_stream(width, height, rate));
  TimedFrame out;
  for (const double t : exposure_times(clip)) {
    const std::vector<float> picture = exposure_at(sharp, field, t);
    out.frame = rotated(rgb_frame(picture, field.width(), field.height(), 8), clip.rotation);
    out.duration = 1;
    sink->write(out);
    out.pts = ++out.index;
  }
  sink->finish();
}

Recorder::Recorder(const std::string& path, int width, int height, int fps, bool lossless)
    : path_(path),
      info_(rgb_stream(width, height, {fps, 1})),
      lossless_(lossless),
      sink_(rgb_sink(path, info_)),
      queue_(kQueued) {
  thread_ = std::jthread([this] { run(); });
}

Recorder::~Recorder() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  if (finished_) return;
  try {
    sink_->close_partial();
  } catch (const std::exception&) {  // nobody is left to hear it
    return;
  }
}

void Recorder::run() {
  TimedFrame frame;
  while (queue_.pop(frame)) {
    try {
      sink_->write(frame);
      ++written_;
    } catch (...) {
      error_ = std::current_exception();
      failed_ = true;
      queue_.abandon();
    }
    --waiting_;
  }
}

void Recorder::rethrow() {
  if (failed_) std::rethrow_exception(error_);
}

void Recorder::add(Frame rgb, double seconds) {
  rethrow();
  if (rgb.format.width != info_.format.width || rgb.format.height != info_.format.height) {
    throw ProcessingError(fmt::format("{}: the picture changed from {}x{} to {}x{}", path_,
                                      info_.format.width, info_.format.height, rgb.format.width,
                                      rgb.format.height));
  }
  if (first_ < 0) first_ = seconds;
  const auto place = std::llround((seconds - first_) * info_.frame_rate.value());
  if (place <= last_) return;
  if (!lossless_ && waiting_ >= static_cast<int>(kQueued)) {
    ++dropped_;
    return;
  }
  TimedFrame frame;
  frame.frame = std::move(rgb);
  frame.index = frame.pts = last_ = place;
  frame.duration = 1;
  ++waiting_;
  queue_.push(std::move(frame));
}

void Recorder::finish() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
  rethrow();
  finished_ = true;
  sink_->finish();
}

}  // namespace unblur
