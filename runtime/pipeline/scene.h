// SPDX-License-Identifier: MIT
// Decides where recurrence must start afresh: at scene cuts, at jumps of the time stamps, where the frame
// format changes.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "media/frame_io.h"

namespace unblur {

enum class Reset : std::uint8_t { kNone, kStart, kSceneCut, kTimeJump, kFormat };

class SceneWatcher {
 public:
  SceneWatcher(Rational time_base, bool detect_cuts) : time_base_(time_base), detect_cuts_(detect_cuts) {}

  /// Looks at the next frame. The same frames give the same answers, whatever came of them elsewhere.
  Reset observe(const TimedFrame& frame);

  /// How much the last observed frame differs from the one before, 0 to 1, pans included.
  [[nodiscard]] double difference() const noexcept { return difference_; }

 private:
  static constexpr int kColumns = 32, kRows = 18;
  using Thumbnail = std::array<float, kColumns * kRows>;  ///< mean luma per cell, 0 to 1
  static Thumbnail thumbnail(const Frame& frame);
  bool is_time_jump(std::int64_t pts);
  bool is_cut(const Thumbnail& now);

  Rational time_base_;
  bool detect_cuts_;
  std::optional<FrameFormat> format_;
  Thumbnail before_{};
  std::int64_t last_pts_ = 0;
  std::deque<double> spacings_;     ///< s, the last few
  std::deque<double> differences_;  ///< unmatched luma, the last few
  double difference_ = 0;
};

}  // namespace unblur
