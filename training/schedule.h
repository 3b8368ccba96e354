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

enum class RateShape : std::uint8_t {
  kHold,            ///< warm-up, constant, linear to zero; counts iterations
  kCosineRestarts,  ///< "CA" of PVDNet's authors: five cosine segments; counts updates
  kSteps,           ///< "LD": a quarter of the rate after two thirds; counts updates
  kEpochs           ///< Motion-ETR: two epochs at the full rate, then less after each; counts updates
};

struct RateSchedule {
  RateShape shape = RateShape::kHold;
  std::int64_t warm_up = 200;    ///< kHold: iterations from zero to the full rate
  double constant_share = 0.45;  ///< kHold: of all iterations at the full rate; then linear to zero
  std::int64_t span = 600'000;   ///< the others: updates that the shape is laid out for
  double lowest = 1e-3;          ///< kCosineRestarts: factor at the end of a segment
  std::int64_t epochs = 801;     ///< kEpochs: equal parts of `span`
  /// kHold: factor in [0, 1] of iteration `i` of `total`; the warm-up is at most a tenth of the run.
  [[nodiscard]] double factor(std::int64_t i, std::int64_t total) const noexcept;
  /// The others: factor after `done` completed updates. Segments of the cosine are span/12, span/6 and three
  /// of span/4 long; all but the first begin one update later than that. Epoch e = 0, 1, ... of kEpochs has
  /// 1 - max(0, e - 1) / (epochs - 1), no less than 0.
  [[nodiscard]] double after_updates(std::int64_t done) const noexcept;
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
