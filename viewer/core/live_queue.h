// SPDX-License-Identifier: MIT
// Between a source and a model: the newest frame wins, and at most one waits. A window is a frame with the
// neighbours that a model asks for; where two models run side by side, the union of both.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <vector>

#include "core/feed.h"

namespace unblur {

struct FrameWindow {
  std::vector<SourceFramePtr> frames;  ///< by offset; beyond the ends of a scene the nearest is repeated
  std::size_t centre = 0;              ///< the frame that is restored and shown
  bool fresh_start = false;            ///< states are reset before it
  [[nodiscard]] const SourceFrame& shown() const { return *frames[centre]; }
};

/// Filled by one thread and emptied by another.
class LiveQueue {
 public:
  enum class Policy : std::uint8_t { kNewest, kEvery };
  /// `min_offset` <= 0 <= `max_offset`, as Session::min_offset and max_offset.
  LiveQueue(int min_offset, int max_offset, Policy policy);

  /// For another model: what was pushed is forgotten, see Feed::refresh.
  void set_offsets(int min_offset, int max_offset);
  void push(SourceFramePtr frame);
  /// No frame will follow for now: those that wait for look-ahead get the last one instead.
  void end_scene();
  void clear();

  /// The window of the newest frame whose look-ahead is there (kEvery: of the oldest that was not taken);
  /// false if there is none.
  bool take(FrameWindow& window);
  /// Waits until `take` would succeed, at most so long.
  bool wait(double seconds);
  /// Frames that a newer one replaced before they were taken.
  [[nodiscard]] std::int64_t dropped() const;

 private:
  struct Scene {
    std::deque<SourceFramePtr> frames;
    std::size_t next = 0;  ///< of the first window not taken
    bool fresh = false, ended = false;
    [[nodiscard]] std::size_t ready(int max_offset) const;
  };
  [[nodiscard]] bool available() const;
  void trim(Scene& scene) const;

  int min_, max_;
  Policy policy_;
  std::deque<Scene> scenes_;
  std::int64_t dropped_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
};

}  // namespace unblur
