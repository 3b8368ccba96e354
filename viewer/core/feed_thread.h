// SPDX-License-Identifier: MIT
// A feed on a thread of its own, playing into a queue, so that nothing that opens, decodes or waits for a
// camera holds a window up.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/live_queue.h"

namespace unblur {

/// Seconds of the steady clock, as all times here.
[[nodiscard]] double steady_seconds();

class FeedThread {
 public:
  /// `queue` must outlive it. FeedOptions::every_frame and cancelled are not for here.
  FeedThread(const std::string& name, FeedOptions options, LiveQueue& queue);
  /// Waits for what is being read; a camera gives up at once.
  ~FeedThread();
  FeedThread(const FeedThread&) = delete;
  FeedThread& operator=(const FeedThread&) = delete;

  // Feed's commands; they take effect soon, in order.
  void play(bool playing);
  void seek(std::int64_t index);
  void step(std::int64_t frames);
  void set_speed(double speed);
  void set_loop(bool loop);
  void set_look_ahead(int frames);
  void refresh();
  void set_control(CameraControl::What what, std::int32_t value);

  [[nodiscard]] FeedStatus status() const;

 private:
  using Command = std::function<void(Feed&)>;
  void give(Command command);
  void run(const std::stop_token& stop);
  void obey();

  std::atomic<bool> cancelled_{false};
  Feed feed_;
  LiveQueue& queue_;
  mutable std::mutex mutex_;  ///< guards the three below
  std::condition_variable_any changed_;
  std::vector<Command> commands_;
  FeedStatus status_;
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace unblur
