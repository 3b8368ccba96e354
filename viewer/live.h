// SPDX-License-Identifier: MIT
// The source, the models and the last seconds of what came of them. With a window each has a thread of its
// own; off-screen `pump` does everything, frame by frame.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/feed_thread.h"
#include "processor.h"

namespace unblur {

class Live {
 public:
  /// `wake` is called after every frame, by the processing thread; empty: off-screen.
  Live(Gpu& gpu, std::function<void()> wake);
  ~Live();
  Live(const Live&) = delete;
  Live& operator=(const Live&) = delete;

  /// Off-screen it throws what `Feed` throws, at the next `pump`.
  void open(const std::string& name, const FeedOptions& options);
  void want(const Wanted& wanted);
  [[nodiscard]] const Processor& processor() const noexcept { return processor_; }

  /// Off-screen: reads and processes the next frame. False if none will come by itself.
  bool pump();

  // ---- playback ----
  void play(bool playing);
  void step(std::int64_t frames);
  void seek(std::int64_t index);
  void set_speed(double speed);
  void set_loop(bool loop);
  void set_control(CameraControl::What what, std::int32_t value);
  [[nodiscard]] FeedStatus status() const;
  [[nodiscard]] std::int64_t dropped() const;

  // ---- what came of it ----
  [[nodiscard]] ShownPtr latest() const;
  /// Frames processed so far.
  [[nodiscard]] std::int64_t count() const;
  /// The last two seconds, oldest first, as far as memory allows.
  [[nodiscard]] std::deque<ShownPtr> recent() const;
  /// No further frame is processed, so that `recent` stands still.
  void set_frozen(bool frozen);
  [[nodiscard]] bool frozen() const noexcept { return frozen_; }
  /// Why processing ended altogether; empty: it goes on. `restart` tries again.
  [[nodiscard]] std::string failure() const;
  void restart();

 private:
  void run(const std::stop_token& stop);
  void follow_wishes();
  void show_input(ShownPtr shown);
  void publish(ShownPtr shown);
  [[nodiscard]] bool has_source() const { return thread_feed_ != nullptr || feed_ != nullptr; }

  Processor processor_;
  std::function<void()> wake_;
  LiveQueue queue_;
  mutable std::mutex feed_mutex_;  ///< guards the pointer; FeedThread itself is safe
  std::shared_ptr<FeedThread> thread_feed_;
  std::unique_ptr<Feed> feed_;  ///< off-screen
  double clock_ = 0;            ///< off-screen: virtual, s

  mutable std::mutex mutex_;  ///< guards the next four
  ShownPtr latest_;
  std::deque<ShownPtr> recent_;
  std::int64_t count_ = 0;
  std::string failure_;
  std::atomic<bool> frozen_{false}, failed_{false};
  std::jthread thread_;  ///< last: it uses all of the above
};

}  // namespace unblur
