// SPDX-License-Identifier: MIT
#include "program/pause_key.h"

#include <poll.h>
#include <unistd.h>

#include "program/log.h"

namespace unblur {
namespace {

/// Changing a terminal from the background would stop the process.
bool is_foreground() {
  return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1 &&
         ::tcgetpgrp(STDIN_FILENO) == ::getpgrp();
}

/// Keys come at once and are not shown; Ctrl-C and Ctrl-Z stay signals.
void take_single_keys() {
  termios raw{};
  if (::tcgetattr(STDIN_FILENO, &raw) != 0) return;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

}  // namespace

PauseKey::PauseKey() {
  if (!is_foreground() || ::tcgetattr(STDIN_FILENO, &before_) != 0) return;
  thread_ = std::thread([this] { listen(); });
}

PauseKey::~PauseKey() {
  if (!thread_.joinable()) return;
  stop_ = true;
  thread_.join();
  if (is_foreground()) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
}

void PauseKey::listen() {
  while (!stop_) {
    pollfd p{STDIN_FILENO, POLLIN, 0};
    if (!is_foreground()) {
      ::poll(nullptr, 0, 200);
      continue;
    }
    take_single_keys();  // anew each time: a shell that stopped us has set its own modes
    if (::poll(&p, 1, 200) <= 0) continue;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) != 1) return;
    if (key != ' ') continue;
    paused_ = !paused_;
    print_line(paused_ ? "unblur: paused; space goes on" : "unblur: going on");
  }
}

}  // namespace unblur
