// SPDX-License-Identifier: MIT
#include "core/feed_thread.h"

#include <chrono>

#include "graph/error.h"

namespace unblur {
namespace {

FeedOptions cancelled_by(FeedOptions options, const std::atomic<bool>& cancelled) {
  options.cancelled = &cancelled;
  return options;
}

}  // namespace

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

FeedThread::FeedThread(const std::string& name, FeedOptions options, LiveQueue& queue)
    : feed_(name, cancelled_by(std::move(options), cancelled_)), queue_(queue), status_(feed_.status()) {
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

FeedThread::~FeedThread() { cancelled_ = true; }

void FeedThread::give(Command command) {
  const std::lock_guard lock(mutex_);
  commands_.push_back(std::move(command));
  changed_.notify_all();
}

void FeedThread::play(bool playing) {
  give([playing](Feed& f) { f.play(playing, steady_seconds()); });
}
void FeedThread::seek(std::int64_t index) {
  give([index](Feed& f) { f.seek(index); });
}
void FeedThread::step(std::int64_t frames) {
  give([frames](Feed& f) { f.step(frames); });
}
void FeedThread::set_speed(double speed) {
  give([speed](Feed& f) { f.set_speed(speed, steady_seconds()); });
}
void FeedThread::set_loop(bool loop) {
  give([loop](Feed& f) { f.set_loop(loop); });
}
void FeedThread::set_look_ahead(int frames) {
  give([frames](Feed& f) { f.set_look_ahead(frames); });
}
void FeedThread::refresh() {
  give([](Feed& f) { f.refresh(); });
}
void FeedThread::set_control(CameraControl::What what, std::int32_t value) {
  give([what, value](Feed& f) { f.set_control(what, value); });
}

FeedStatus FeedThread::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void FeedThread::obey() {
  std::vector<Command> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (const Command& command : commands) {
    try {
      command(feed_);
    } catch (const Error& e) {  // a control that the camera refuses
      feed_.report(e.what());
    }
  }
}

void FeedThread::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    obey();
    const Feed::Next next = feed_.advance(steady_seconds());
    if (next.what == Feed::Next::kFrame) queue_.push(next.frame);
    if (next.what == Feed::Next::kEnd && feed_.at_end()) queue_.end_scene();
    std::unique_lock lock(mutex_);
    status_ = feed_.status();
    if (next.what == Feed::Next::kFrame) continue;
    const double seconds = next.wake - steady_seconds();
    if (seconds > 0)
      changed_.wait_for(lock, stop, std::chrono::duration<double>(seconds),
                        [this] { return !commands_.empty(); });
  }
}

}  // namespace unblur
