// SPDX-License-Identifier: MIT
// Progress on standard error: a bar with the time left, a line now and then, or JSON.
#pragma once

#include <chrono>
#include <deque>
#include <string>

#include "pipeline/deblur.h"

namespace unblur {

/// Frames per second over the last while; a pause does not spoil the estimate for long.
class Speedometer {
 public:
  void add(double seconds, std::int64_t done);
  [[nodiscard]] double per_second() const;  ///< 0 until it is known

 private:
  static constexpr double kWindow = 20;  ///< s
  struct Sample {
    double seconds;
    std::int64_t done;
  };
  std::deque<Sample> samples_;
};

class Progress {
 public:
  enum class Mode : std::uint8_t { kBar, kLines, kJson, kNone };
  /// `mode`: bar, lines, json, none, auto. Throws UsageError on anything else.
  [[nodiscard]] static Mode parse(const std::string& mode, bool quiet);

  Progress(Mode mode, std::string name);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void update(const DeblurProgress& p);

 private:
  void draw_bar(const DeblurProgress& p) const;
  Mode mode_;
  std::string name_;
  std::chrono::steady_clock::time_point start_;
  double last_shown_ = -1e9;  ///< s since start
  Speedometer speed_;
};

[[nodiscard]] std::string format_duration(double seconds);  ///< "0:07", "1:02:03"

}  // namespace unblur
