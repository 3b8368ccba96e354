// SPDX-License-Identifier: MIT
#include "core/feed.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/error.h"
#include "media/camera_list.h"
#include "program/endpoints.h"

namespace unblur {
namespace {

constexpr int kCameraWait = 20;  ///< ms
constexpr int kMostLate = 8;     ///< frames dropped in a row before the clock gives way
constexpr double kNever = 3600;  ///< s; a command comes first

}  // namespace

Feed::Feed(std::string name, FeedOptions options)
    : options_(std::move(options)), camera_mode_(is_camera(name) || name == "camera") {
  if (name == "camera") name = "camera:0";
  status_.name = std::move(name);
  status_.loop = options_.loop;
  status_.speed = std::clamp(options_.speed, 1.0 / 16, 16.0);
}

void Feed::fail(const std::string& problem, double now) {
  status_.problem = problem;
  status_.state = camera_mode_ ? FeedState::kLost : FeedState::kFailed;
  retry_at_ = now + options_.retry;
  if (camera_) dropped_before_ += camera_->dropped();
  camera_.reset();
  lost_ = camera_mode_;
  status_.controls.clear();
  opened_ = false;
}

void Feed::open_camera() {
  CameraOptions wish = options_.camera;
  wish.nearest = true;  // what comes back may be another camera
  camera_ = std::make_unique<CameraSource>(options_.open_camera(status_.name), status_.name, wish,
                                           options_.patience_ms, options_.cancelled);
  status_.info = camera_->info();
  status_.mode = mode_text(camera_->mode());
  status_.controls = camera_controls(camera_->device());
}

void Feed::open(double now) {
  if (camera_mode_) {
    open_camera();
  } else {
    input_ = open_input(status_.name);
    status_.info = input_.source->info();
    status_.seekable = input_.seek != nullptr;
    at_once_ = 1 + options_.look_ahead;
  }
  const bool cuts = status_.info.kind != "pattern";  // fast motion of an even texture is none
  watcher_.emplace(status_.info.time_base, cuts);
  if (std::exchange(lost_, false)) ++status_.returns;
  opened_ = true;
  fresh_ = true;
  status_.problem.clear();
  status_.state = playing_ || camera_mode_ ? FeedState::kPlaying : FeedState::kPaused;
  retry_at_ = now;
}

Feed::Next Feed::advance(double now) {
  if (status_.state == FeedState::kFailed) return {Next::kEnd, nullptr, now + kNever};
  if (status_.state == FeedState::kLost && now < retry_at_) return {Next::kWait, nullptr, retry_at_};
  try {
    if (!opened_) open(now);
    return camera_mode_ ? advance_camera(now) : advance_file(now);
  } catch (const Error& e) {
    if (options_.every_frame) throw;
    if (status_.problem != e.what()) spdlog::warn("{}", e.what());
    fail(e.what(), now);
    return {camera_mode_ ? Next::kWait : Next::kEnd, nullptr, camera_mode_ ? retry_at_ : now + kNever};
  }
}

Feed::Next Feed::advance_camera(double now) {
  do {
    if (!camera_->wait(kCameraWait)) continue;
    TimedFrame frame;
    if (!camera_->read(frame)) throw InputError(camera_->damage().value_or(status_.name + ": no camera"));
    status_.dropped = dropped_before_ + camera_->dropped();
    // Some drivers stamp with another clock.
    const double stamp = static_cast<double>(camera_->captured()) * 1e-6;
    fresh_ = watcher_->observe(frame) != Reset::kNone || fresh_;
    return deliver(std::move(frame), stamp <= now + 0.1 && stamp > now - 10 ? stamp : now);
  } while (options_.every_frame && !(options_.cancelled != nullptr && *options_.cancelled));
  return {Next::kWait, nullptr, now};
}

double Feed::media_time(const TimedFrame& f) const {
  return static_cast<double>(f.pts) * status_.info.time_base.value();
}

/// How long it is shown, s of the source.
double Feed::length_of(const TimedFrame& f) const {
  if (f.duration > 0) return static_cast<double>(f.duration) * status_.info.time_base.value();
  return status_.info.frame_rate.known() ? 1 / status_.info.frame_rate.value() : 0.04;
}

double Feed::due_of(const TimedFrame& f) const {
  return *anchor_clock_ + (media_time(f) - anchor_media_) / status_.speed;
}

/// Goes back to the first frame; the clock runs on.
bool Feed::wrap() {
  const bool still = status_.info.frames == 1;
  if (!status_.loop || !status_.seekable || still || last_index_ < 0) return false;
  input_.seek->seek(0);
  fresh_ = true;
  if (!input_.source->read(held_.emplace())) {
    held_.reset();
    return false;
  }
  if (anchor_clock_) {
    *anchor_clock_ += (last_end_ - anchor_media_) / status_.speed;
    anchor_media_ = media_time(*held_);
  }
  return true;
}

/// Reads the next frame if none is at hand; false at the end.
bool Feed::hold_next(double now) {
  if (held_) return true;
  if (ended_) return false;
  if (!input_.source->read(held_.emplace())) {
    held_.reset();
    status_.info.frames = input_.source->info().frames;
    if (const auto damage = input_.source->damage()) status_.problem = *damage;
    if (!(playing_ && wrap())) {
      ended_ = true;
      status_.index = last_index_;
      status_.seconds = last_media_;
      if (playing_) status_.state = FeedState::kEnded;
      return false;
    }
  }
  fresh_ = watcher_->observe(*held_) != Reset::kNone || fresh_;
  if (playing_ && !anchor_clock_) {
    anchor_clock_ = now;
    anchor_media_ = media_time(*held_);
  }
  return true;
}

Feed::Next Feed::deliver(TimedFrame&& frame, double captured) {
  auto out = std::make_shared<SourceFrame>();
  last_index_ = frame.index;
  last_media_ = media_time(frame);
  last_end_ = last_media_ + length_of(frame);
  // A model with look-ahead shows an earlier one.
  status_.index = std::max<std::int64_t>(0, frame.index - (camera_mode_ ? 0 : options_.look_ahead));
  status_.seconds = last_media_ - static_cast<double>(frame.index - status_.index) * length_of(frame);
  if (status_.info.frames && status_.info.frame_rate.known())
    status_.duration = static_cast<double>(*status_.info.frames) / status_.info.frame_rate.value();
  out->timed = std::move(frame);
  out->captured = captured;
  out->fresh_start = std::exchange(fresh_, false);
  return {Next::kFrame, std::move(out), captured};
}

Feed::Next Feed::advance_file(double now) {
  for (int late = 0;; ++late) {
    if (!playing_ && at_once_ == 0) return {Next::kEnd, nullptr, now + kNever};
    if (!hold_next(now)) {
      at_once_ = 0;
      return {Next::kEnd, nullptr, now + kNever};
    }
    double due = playing_ && anchor_clock_ ? due_of(*held_) : now;
    const bool at_once = at_once_ > 0 || options_.every_frame;
    if (at_once_ > 0 && playing_) {  // what was asked for is shown now, and the clock goes on from there
      due = now;
      anchor_clock_ = now;
      anchor_media_ = media_time(*held_);
    }
    if (!at_once && due > now) return {Next::kWait, nullptr, due};
    const bool passed = !at_once && due + length_of(*held_) / status_.speed <= now;
    if (passed && late < kMostLate) {  // a newer one is due
      last_index_ = held_->index;
      last_end_ = media_time(*held_) + length_of(*held_);
      held_.reset();
      ++status_.dropped;
      continue;
    }
    if (passed) {  // decoding is slower than the clock: let it give way rather than show nothing
      due = now;
      anchor_clock_ = now;
      anchor_media_ = media_time(*held_);
    }
    at_once_ = std::max(0, at_once_ - 1);
    TimedFrame frame = std::move(*held_);
    held_.reset();
    return deliver(std::move(frame), options_.every_frame ? now : due);
  }
}

void Feed::play(bool playing, double now) {
  if (camera_mode_ || (playing == playing_ && !ended_)) return;
  playing_ = playing;
  if (!opened_) return;
  status_.state = playing ? FeedState::kPlaying : FeedState::kPaused;
  if (playing && ended_ && last_index_ >= 0) {  // from the end: once more
    ended_ = false;
    anchor_clock_.reset();
    if (status_.seekable) return seek(0);
  }
  anchor_clock_ = now;
  anchor_media_ = last_media_;
}

void Feed::seek(std::int64_t index) {
  if (camera_mode_ || !opened_ || !status_.seekable) return;
  if (status_.info.frames) index = std::min(index, *status_.info.frames - 1);
  index = std::max<std::int64_t>(0, index);
  try {
    input_.seek->seek(index);
  } catch (const Error& e) {
    if (options_.every_frame) throw;
    status_.problem = e.what();
    status_.state = FeedState::kFailed;
    return;
  }
  status_.info.frames = input_.source->info().frames;
  held_.reset();
  fresh_ = true;
  ended_ = false;
  status_.state = playing_ ? FeedState::kPlaying : FeedState::kPaused;
  at_once_ = 1 + options_.look_ahead;
  watcher_.emplace(status_.info.time_base, status_.info.kind != "pattern");
}

void Feed::step(std::int64_t frames) {
  if (camera_mode_ || !opened_) return;
  playing_ = false;
  anchor_clock_.reset();
  status_.state = FeedState::kPaused;
  if (frames == 1) {
    at_once_ += 1;
  } else if (frames != 0) {
    seek(status_.index + frames);
  }
}

void Feed::set_speed(double speed, double now) {
  if (anchor_clock_) {
    anchor_media_ += (now - *anchor_clock_) * status_.speed;
    anchor_clock_ = now;
  }
  status_.speed = std::clamp(speed, 1.0 / 16, 16.0);
}

void Feed::set_look_ahead(int frames) {
  if (frames == options_.look_ahead) return;
  options_.look_ahead = frames;
  refresh();
}

void Feed::refresh() {
  if (opened_ && (!playing_ || ended_) && status_.index >= 0) seek(status_.index);
}

void Feed::set_control(CameraControl::What what, std::int32_t value) {
  if (!camera_) throw InputError(status_.name + ": no camera");
  set_camera_control(camera_->device(), what, value);
  status_.controls = camera_controls(camera_->device());
}

}  // namespace unblur
