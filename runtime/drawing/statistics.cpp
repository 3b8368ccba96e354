// SPDX-License-Identifier: MIT
#include "drawing/statistics.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "drawing/colours.h"

namespace unblur {
namespace {
constexpr double kBinsPerPixel = 16;
}  // namespace

void BlurStatistics::add(const TrajectoryField& field) {
  directed_ = directed_ && field.info().directed;
  int step = 1;
  while (static_cast<std::int64_t>(field.width() / step) * (field.height() / step) > 65536) ++step;
  for (int y = step / 2; y < field.height(); y += step) {
    for (int x = step / 2; x < field.width(); x += step, ++count_) {
      const double bin = field.length(x, y) * kBinsPerPixel;
      ++bins_[static_cast<std::size_t>(std::min(bin, static_cast<double>(bins_.size() - 1)))];
      const Motion m = field.whole(x, y), axis = doubled_angle(m);
      dx_ += m.dx, dy_ += m.dy;
      axis_x_ += axis.dx, axis_y_ += axis.dy;
    }
  }
}

double BlurStatistics::percentile(double p) const {
  const double wanted = p * static_cast<double>(count_);
  std::int64_t seen = 0;
  for (std::size_t i = 0; i < bins_.size(); ++i) {
    if (bins_[i] == 0) continue;
    const auto before = static_cast<double>(seen);
    seen += bins_[i];
    if (static_cast<double>(seen) >= wanted)  // evenly spread inside a bin
      return (static_cast<double>(i) + (wanted - before) / static_cast<double>(bins_[i])) / kBinsPerPixel;
  }
  return 0;
}

double BlurStatistics::share_above(double px) const {
  std::int64_t above = 0;
  for (auto i = static_cast<std::size_t>(px * kBinsPerPixel); i < bins_.size(); ++i) above += bins_[i];
  return count_ > 0 ? static_cast<double>(above) / static_cast<double>(count_) : 0;
}

std::optional<double> BlurStatistics::main_direction() const {
  const double x = directed_ ? dx_ : axis_x_, y = directed_ ? dy_ : axis_y_;
  if (std::hypot(x, y) < 1e-3 * static_cast<double>(std::max<std::int64_t>(count_, 1))) return std::nullopt;
  double degrees = std::atan2(y, x) * 180 / std::numbers::pi;
  if (degrees < 0) degrees += 360;
  return directed_ ? degrees : degrees / 2;
}

float full_scale(double px) {
  const double wanted = std::clamp(px, 2.0, 1e6);
  const double decade = std::pow(10, std::floor(std::log10(wanted)));
  for (const double step : {1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0}) {
    if (step * decade >= wanted) return static_cast<float>(step * decade);
  }
  return static_cast<float>(10 * decade);
}

}  // namespace unblur
