// SPDX-License-Identifier: MIT
// The space bar pauses a run and lets it go on, where a person sits at the terminal.
#pragma once

#include <termios.h>

#include <atomic>
#include <thread>

namespace unblur {

/// Listens while it lives. Does nothing unless standard input and standard error are the terminal of a
/// foreground program. Ctrl-Z needs no help: the system stops the process, and `fg` goes on.
class PauseKey {
 public:
  PauseKey();
  ~PauseKey();
  PauseKey(const PauseKey&) = delete;
  PauseKey& operator=(const PauseKey&) = delete;
  [[nodiscard]] const std::atomic<bool>& paused() const noexcept { return paused_; }

 private:
  void listen();
  termios before_{};
  std::atomic<bool> paused_{false}, stop_{false};
  std::thread thread_;
};

}  // namespace unblur
