// SPDX-License-Identifier: MIT
#include "live.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr double kKeptSeconds = 2;
constexpr std::size_t kMostKept = 240;
constexpr std::uint64_t kMostKeptBytes = std::uint64_t{512} << 20U;
constexpr double kIdleSeconds = 0.05;

std::uint64_t bytes_of(const Shown& shown) {
  std::uint64_t bytes = shown.base ? shown.base->words.size() : 0;
  for (const Outcome& o : shown.outcomes) {
    bytes += (o.after ? o.after->words.size() : 0) + (o.before ? o.before->words.size() : 0);
  }
  return bytes + (shown.motion ? shown.motion->words.size() : 0);
}

}  // namespace

Live::Live(Gpu& gpu, std::function<void()> wake)
    : processor_(gpu),
      wake_(std::move(wake)),
      queue_(0, 0, wake_ ? LiveQueue::Policy::kNewest : LiveQueue::Policy::kEvery) {
  if (wake_) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

Live::~Live() {
  thread_.request_stop();
  processor_.cancel();
  const std::scoped_lock lock(feed_mutex_);
  thread_feed_.reset();
}

void Live::open(const std::string& name, const FeedOptions& options) {
  std::shared_ptr<FeedThread> before;
  {
    const std::scoped_lock lock(feed_mutex_);
    before = std::move(thread_feed_);
  }
  before.reset();  // its last frame must not come after the new one's first
  queue_.clear();
  {
    const std::scoped_lock lock(mutex_);
    latest_.reset();
    recent_.clear();
  }
  FeedOptions own = options;
  own.look_ahead = processor_.max_offset();
  if (wake_) {
    auto made = std::make_shared<FeedThread>(name, own, queue_);
    const std::scoped_lock lock(feed_mutex_);
    thread_feed_ = std::move(made);
  } else {
    own.every_frame = true;
    feed_ = std::make_unique<Feed>(name, own);
  }
}

void Live::want(const Wanted& wanted) { processor_.want(wanted); }

/// Models open, offsets change; what stands still is shown again.
void Live::follow_wishes() {
  switch (processor_.update()) {
    case Processor::Change::kNone:
      return;
    case Processor::Change::kOffsets:
      queue_.set_offsets(processor_.min_offset(), processor_.max_offset());
      if (feed_) {
        feed_->set_look_ahead(processor_.max_offset());
        feed_->refresh();
      } else {
        const std::scoped_lock lock(feed_mutex_);
        if (thread_feed_) {
          thread_feed_->set_look_ahead(processor_.max_offset());
          thread_feed_->refresh();
        }
      }
      return;
    case Processor::Change::kWishes:
      break;
  }
  if (feed_) {
    if (feed_->status().index >= 0) feed_->refresh();
    return;
  }
  const std::scoped_lock lock(feed_mutex_);
  if (thread_feed_ && thread_feed_->status().state != FeedState::kPlaying) thread_feed_->refresh();
}

bool Live::pump() {
  follow_wishes();
  if (!feed_ || frozen_) return false;
  FrameWindow window;
  for (;;) {
    if (queue_.take(window)) {
      publish(processor_.process(window, feed_->status().info));
      return true;
    }
    const Feed::Next next = feed_->advance(clock_);
    if (next.what == Feed::Next::kFrame) {
      queue_.push(next.frame);
    } else if (next.what == Feed::Next::kEnd) {
      if (!feed_->at_end()) return false;  // paused: the scene goes on
      queue_.end_scene();
      if (!queue_.take(window)) return false;
      publish(processor_.process(window, feed_->status().info));
      return true;
    } else {
      if (feed_->status().state == FeedState::kPaused) return false;
      clock_ = std::max(clock_ + 1e-3, next.wake);
    }
  }
}

void Live::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (failed_ || frozen_) {
      std::this_thread::sleep_for(std::chrono::duration<double>(kIdleSeconds));
      continue;
    }
    try {
      follow_wishes();
      FrameWindow window;
      if (!queue_.wait(kIdleSeconds) || !queue_.take(window)) continue;
      if (!latest()) show_input(processor_.input_of(window, status().info));
      publish(processor_.process(window, status().info));
    } catch (const std::exception& error) {
      spdlog::error("{}", error.what());
      const std::scoped_lock lock(mutex_);
      failure_ = error.what();
      failed_ = true;
    }
    wake_();
  }
}

/// So that something is seen while a model takes its time for the first frame.
void Live::show_input(ShownPtr shown) {
  {
    const std::scoped_lock lock(mutex_);
    latest_ = std::move(shown);
  }
  wake_();
}

void Live::publish(ShownPtr shown) {
  const std::scoped_lock lock(mutex_);
  latest_ = shown;
  ++count_;
  // Shown again (another model, a step on the spot): it takes its place.
  if (!recent_.empty() && recent_.back()->index == shown->index) recent_.pop_back();
  // After a jump, what was before it is no neighbour.
  if (!recent_.empty() && shown->index < recent_.back()->index) recent_.clear();
  recent_.push_back(std::move(shown));
  std::uint64_t bytes = 0;
  for (const ShownPtr& s : recent_) bytes += bytes_of(*s);
  while (recent_.size() > 1 && (recent_.size() > kMostKept || bytes > kMostKeptBytes ||
                                recent_.back()->seconds - recent_.front()->seconds > kKeptSeconds)) {
    bytes -= bytes_of(*recent_.front());
    recent_.pop_front();
  }
}

namespace {

template <typename OnThread, typename OnFeed>
void command(std::mutex& mutex, const std::shared_ptr<FeedThread>& thread, Feed* feed,
             const OnThread& on_thread, const OnFeed& on_feed) {
  if (feed != nullptr) {
    on_feed(*feed);
    return;
  }
  const std::scoped_lock lock(mutex);
  if (thread) on_thread(*thread);
}

}  // namespace

void Live::play(bool playing) {
  command(
      feed_mutex_, thread_feed_, feed_.get(), [&](FeedThread& f) { f.play(playing); },
      [&](Feed& f) { f.play(playing, clock_); });
}
void Live::step(std::int64_t frames) {
  const auto go = [&](auto& f) { f.step(frames); };
  command(feed_mutex_, thread_feed_, feed_.get(), go, go);
}
void Live::seek(std::int64_t index) {
  const auto go = [&](auto& f) { f.seek(index); };
  command(feed_mutex_, thread_feed_, feed_.get(), go, go);
}
void Live::set_speed(double speed) {
  command(
      feed_mutex_, thread_feed_, feed_.get(), [&](FeedThread& f) { f.set_speed(speed); },
      [&](Feed& f) { f.set_speed(speed, clock_); });
}
void Live::set_loop(bool loop) {
  const auto go = [&](auto& f) { f.set_loop(loop); };
  command(feed_mutex_, thread_feed_, feed_.get(), go, go);
}
void Live::set_control(CameraControl::What what, std::int32_t value) {
  const auto go = [&](auto& f) { f.set_control(what, value); };
  command(feed_mutex_, thread_feed_, feed_.get(), go, go);
}

FeedStatus Live::status() const {
  if (feed_) return feed_->status();
  const std::scoped_lock lock(feed_mutex_);
  return thread_feed_ ? thread_feed_->status() : FeedStatus{};
}

std::int64_t Live::dropped() const { return queue_.dropped() + status().dropped; }

ShownPtr Live::latest() const {
  const std::scoped_lock lock(mutex_);
  return latest_;
}

std::int64_t Live::count() const {
  const std::scoped_lock lock(mutex_);
  return count_;
}

std::deque<ShownPtr> Live::recent() const {
  const std::scoped_lock lock(mutex_);
  return recent_;
}

void Live::set_frozen(bool frozen) { frozen_ = frozen; }

std::string Live::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

void Live::restart() {
  processor_.forget();
  const std::scoped_lock lock(mutex_);
  failure_.clear();
  failed_ = false;
}

}  // namespace unblur
