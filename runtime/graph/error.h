// SPDX-License-Identifier: MIT
// Error classes of all libraries. A library throws; a program catches `Error` once, prints
// one line `unblur: error: <what>` to stderr and exits with `exit_code()`.
#pragma once

#include <stdexcept>
#include <string>

namespace unblur {

/// Process exit codes, the same for every program (docs/exit-codes.md).
enum class ExitCode : int {
  kDone = 0,
  kProcessingFailed = 1,
  kUsage = 2,
  kNoDevice = 3,
  kInputUnreadable = 4,
  kModelUnreadable = 5,
  kOutsideTolerance = 6,
  kOutOfMemory = 7,
  kInterrupted = 130,
  kTerminated = 143,
};

/// Base of all errors. The message says what went wrong, where, and what to do about it.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ExitCode code() const noexcept { return code_; }
  [[nodiscard]] int exit_code() const noexcept { return static_cast<int>(code_); }

 private:
  ExitCode code_;
};

/// One class per cause, so that a caller can catch exactly what it can handle.
template <ExitCode Code>
class ErrorOf : public Error {
 public:
  explicit ErrorOf(const std::string& message) : Error(Code, message) {}
};

using ProcessingError = ErrorOf<ExitCode::kProcessingFailed>;  ///< a frame failed, device lost, disk full
using UsageError = ErrorOf<ExitCode::kUsage>;                  ///< wrong option, value or combination
using DeviceError = ErrorOf<ExitCode::kNoDevice>;              ///< no usable device, driver or display
using InputError = ErrorOf<ExitCode::kInputUnreadable>;        ///< absent, truncated or unsupported input
using ModelError = ErrorOf<ExitCode::kModelUnreadable>;        ///< model or graph is malformed or unsupported
using ToleranceError = ErrorOf<ExitCode::kOutsideTolerance>;   ///< two results differ by more than allowed
using MemoryError = ErrorOf<ExitCode::kOutOfMemory>;           ///< the plan does not fit; says what it needs

}  // namespace unblur
