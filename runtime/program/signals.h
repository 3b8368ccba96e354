// SPDX-License-Identifier: MIT
// Ctrl-C and SIGTERM ask for an orderly end; the second one kills.
#pragma once

#include <atomic>

namespace unblur {

/// Installs the handlers; returns the flag that they set: the signal's number.
const std::atomic<int>& catch_signals();

}  // namespace unblur
