// SPDX-License-Identifier: MIT
#include "schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "graph/error.h"

namespace unblur {
namespace {

/// First iteration after phase `p`.
std::int64_t phase_end(const std::vector<Phase>& phases, std::size_t p, std::int64_t total) {
  if (p + 1 == phases.size()) return total;
  double share = 0;
  for (std::size_t i = 0; i <= p; ++i) share += phases[i].share;
  return std::llround(share * static_cast<double>(total));
}

}  // namespace

double RateSchedule::factor(std::int64_t i, std::int64_t total) const noexcept {
  if (i < 0 || i >= total) return 0.0;
  const auto n = static_cast<double>(total), at = static_cast<double>(i);
  const double ramp = std::min(static_cast<double>(warm_up), std::floor(n / 10));
  const double up = at < ramp ? (at + 1) / (ramp + 1) : 1.0;
  const double hold = constant_share * n;
  const double down = at < hold ? 1.0 : (n - at) / (n - hold);
  return std::min(up, down);
}

double RateSchedule::after_updates(std::int64_t done) const noexcept {
  const auto n = static_cast<double>(done), whole = static_cast<double>(span);
  if (shape == RateShape::kSteps) return n <= whole * 2 / 3 ? 1.0 : 0.25;
  if (shape == RateShape::kEpochs) {
    const auto epoch = static_cast<double>(done * epochs / span);
    return std::max(0.0, 1 - std::max(0.0, epoch - 1) / static_cast<double>(epochs - 1));
  }
  constexpr std::array kTwelfths{1, 2, 3, 3, 3};
  double begin = 0, length = 0, next = 0;
  for (const int part : kTwelfths) {
    const double restart = next > 0 ? next + 1 : 0;
    if (restart > n) break;
    begin = restart;
    length = whole * part / 12;
    next += length;
  }
  return lowest + (1 - lowest) * (1 + std::cos(std::numbers::pi * (n - begin) / length)) / 2;
}

std::size_t phase_index(const std::vector<Phase>& phases, std::int64_t i, std::int64_t total) {
  if (phases.empty()) throw UsageError("a stage needs at least one phase");
  for (std::size_t p = 0; p + 1 < phases.size(); ++p) {
    if (i < phase_end(phases, p, total)) return p;
  }
  return phases.size() - 1;
}

std::int64_t plan_iterations(const std::vector<Phase>& phases, double seconds, double seconds_per_pixel) {
  double mean_pixels = 0;
  for (const Phase& p : phases) mean_pixels += p.share * p.pixels();
  return std::max<std::int64_t>(1, std::llround(seconds / (mean_pixels * seconds_per_pixel)));
}

double remaining_seconds(const std::vector<Phase>& phases, std::int64_t from, std::int64_t total,
                         double seconds_per_pixel) {
  double pixels = 0;
  std::int64_t begin = 0;
  for (std::size_t p = 0; p < phases.size(); ++p) {
    const std::int64_t end = phase_end(phases, p, total);
    pixels +=
        phases[p].pixels() * static_cast<double>(std::max<std::int64_t>(0, end - std::max(begin, from)));
    begin = end;
  }
  return pixels * seconds_per_pixel;
}

}  // namespace unblur
