// SPDX-License-Identifier: MIT
// The plan of a run: how many iterations fit into a time budget, what each iteration looks like and at which
// learning rate. Pure arithmetic on the iteration number, so that a resumed run continues exactly.
#pragma once

#include <cstdint>
#include <vector>

namespace unblur {

/// A stretch of the run with one shape of batch. `share` is its part of the iterations; shares sum to 1.
struct Phase {
  double share = 1.0;
  int batch = 4;   ///< clips per iteration
  int frames = 4;  ///< frames per clip
  int crop = 128;  ///< px, square
  /// What an iteration costs is nearly proportional to this.
  [[nodiscard]] double pixels() const noexcept { return static_cast<double>(batch) * frames * crop * crop; }
};

struct RateSchedule {
  std::int64_t warm_up = 200;    ///< iterations from zero to the full rate
  double constant_share = 0.45;  ///< of all iterations at the full rate; then linear to zero
  /// Factor in [0, 1] of iteration `i` of `total`; the warm-up is at most a tenth of the run.
  [[nodiscard]] double factor(std::int64_t i, std::int64_t total) const noexcept;
};

/// Index of the phase that iteration `i` of `total` belongs to.
[[nodiscard]] std::size_t phase_index(const std::vector<Phase>& phases, std::int64_t i, std::int64_t total);

/// How many iterations of these phases fit into `seconds`, where one pixel costs `seconds_per_pixel`; at
/// least 1.
[[nodiscard]] std::int64_t plan_iterations(const std::vector<Phase>& phases, double seconds,
                                           double seconds_per_pixel);

/// Seconds that iterations [from, total) still need.
[[nodiscard]] double remaining_seconds(const std::vector<Phase>& phases, std::int64_t from,
                                       std::int64_t total, double seconds_per_pixel);

}  // namespace unblur
