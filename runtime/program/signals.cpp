// SPDX-License-Identifier: MIT
#include "program/signals.h"

#include <csignal>

namespace unblur {
namespace {

std::atomic<int> caught{0};
static_assert(std::atomic<int>::is_always_lock_free);

void on_signal(int number) { caught = number; }

}  // namespace

const std::atomic<int>& catch_signals() {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);  // back to default: the next one kills
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return caught;
}

}  // namespace unblur
