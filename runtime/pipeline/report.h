// SPDX-License-Identifier: MIT
// What a run tells about itself: counts, times per stage, quality against a truth.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/executor.h"
#include "media/metrics.h"

namespace unblur {

/// Times of one stage, all of them kept (8 bytes per frame).
class StageTimes {
 public:
  void add(double ms) { ms_.push_back(ms); }
  [[nodiscard]] std::size_t count() const noexcept { return ms_.size(); }
  [[nodiscard]] double percentile(double p) const;  ///< ms, p in [0,1]; 0 if nothing was added
  [[nodiscard]] double sum() const;

 private:
  std::vector<double> ms_;
};

struct DeblurReport {
  std::int64_t frames = 0;          ///< written in this run
  std::int64_t resumed_frames = 0;  ///< kept from an interrupted run
  std::int64_t scene_cuts = 0, time_jumps = 0;
  std::int64_t retried_fp32 = 0;            ///< frames that the guard ran again
  double seconds = 0;                       ///< wall time from the first frame read to the last written
  StageTimes decode, device, wait, encode;  ///< wait: from submission to the result in hand
  SquaredError error_before, error_after;   ///< against the truth, RGB in 8 bits; empty without one
  PlanReport plan;
  int interrupted_by = 0;             ///< signal number, 0 = ran to the end
  std::optional<std::string> damage;  ///< what was wrong with the input although it was processed
  [[nodiscard]] double fps() const { return seconds > 0 ? static_cast<double>(frames) / seconds : 0; }
};

/// Peak resident memory of this process in bytes (VmHWM), 0 where the system does not tell.
[[nodiscard]] std::uint64_t peak_memory();

}  // namespace unblur
