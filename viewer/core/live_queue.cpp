// SPDX-License-Identifier: MIT
#include "core/live_queue.h"

#include <algorithm>
#include <chrono>

namespace unblur {

LiveQueue::LiveQueue(int min_offset, int max_offset, Policy policy)
    : min_(min_offset), max_(max_offset), policy_(policy) {}

void LiveQueue::set_offsets(int min_offset, int max_offset) {
  const std::lock_guard lock(mutex_);
  min_ = min_offset;
  max_ = max_offset;
  scenes_.clear();
}

/// How many windows, from the scene's first frame, have all that they need.
std::size_t LiveQueue::Scene::ready(int max_offset) const {
  if (ended) return frames.size();
  return frames.size() - std::min(frames.size(), static_cast<std::size_t>(max_offset));
}

/// Frames that no window will want again go.
void LiveQueue::trim(Scene& scene) const {
  const auto back = static_cast<std::size_t>(-min_);
  for (; scene.next > back && !scene.frames.empty(); --scene.next) scene.frames.pop_front();
}

void LiveQueue::push(SourceFramePtr frame) {
  const std::lock_guard lock(mutex_);
  if (scenes_.empty() || frame->fresh_start || scenes_.back().ended) {
    if (!scenes_.empty()) scenes_.back().ended = true;
    if (policy_ == Policy::kNewest) {
      for (const Scene& s : scenes_) dropped_ += static_cast<std::int64_t>(s.frames.size() - s.next);
      scenes_.clear();
    }
    scenes_.emplace_back().fresh = true;
  }
  Scene& scene = scenes_.back();
  scene.frames.push_back(std::move(frame));
  if (const std::size_t ready = scene.ready(max_); policy_ == Policy::kNewest && ready > scene.next + 1) {
    dropped_ += static_cast<std::int64_t>(ready - 1 - scene.next);
    scene.next = ready - 1;
    trim(scene);
  }
  changed_.notify_all();
}

void LiveQueue::end_scene() {
  const std::lock_guard lock(mutex_);
  if (scenes_.empty()) return;
  scenes_.back().ended = true;
  changed_.notify_all();
}

void LiveQueue::clear() {
  const std::lock_guard lock(mutex_);
  scenes_.clear();
}

bool LiveQueue::available() const {
  return std::ranges::any_of(scenes_, [&](const Scene& s) { return s.ready(max_) > s.next; });
}

bool LiveQueue::take(FrameWindow& window) {
  const std::lock_guard lock(mutex_);
  while (scenes_.size() > 1 && scenes_.front().next == scenes_.front().frames.size()) scenes_.pop_front();
  if (scenes_.empty()) return false;
  Scene& scene = scenes_.front();
  const std::size_t ready = scene.ready(max_);
  if (ready <= scene.next) return false;
  if (policy_ == Policy::kNewest) {
    dropped_ += static_cast<std::int64_t>(ready - 1 - scene.next);
    scene.next = ready - 1;
  }
  window.frames.clear();
  const auto last = static_cast<std::ptrdiff_t>(scene.frames.size()) - 1;
  for (int offset = min_; offset <= max_; ++offset) {
    const auto at = std::clamp<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(scene.next) + offset, 0, last);
    window.frames.push_back(scene.frames[static_cast<std::size_t>(at)]);
  }
  window.centre = static_cast<std::size_t>(-min_);
  window.fresh_start = std::exchange(scene.fresh, false);
  ++scene.next;
  trim(scene);
  return true;
}

bool LiveQueue::wait(double seconds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return available(); });
}

std::int64_t LiveQueue::dropped() const {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

}  // namespace unblur
