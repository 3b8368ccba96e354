// SPDX-License-Identifier: MIT
// How much blur a picture or a clip has, and which way it goes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "drawing/field.h"

namespace unblur {

class BlurStatistics {
 public:
  /// Counts the pixels of a regular grid, at most about 65,000 per frame.
  void add(const TrajectoryField& field);

  [[nodiscard]] std::int64_t count() const noexcept { return count_; }
  /// Path length in px that the share `p` in [0, 1] of the pixels does not exceed, to 1/16 px; 0 if nothing
  /// was counted.
  [[nodiscard]] double percentile(double p) const;
  [[nodiscard]] double share_above(double px) const;
  /// Angle of the summed motion over the exposure in degrees, 0 = right, 90 = down, below 360; where a frame
  /// does not tell start from end, the angle of the axis, below 180. Nothing where nothing moves.
  [[nodiscard]] std::optional<double> main_direction() const;

 private:
  std::vector<std::int64_t> bins_ = std::vector<std::int64_t>(16 * 512);  ///< 1/16 px each, the last one open
  std::int64_t count_ = 0;
  double dx_ = 0, dy_ = 0;          ///< sum of motions
  double axis_x_ = 0, axis_y_ = 0;  ///< the same with doubled angles: opposite motions add up
  bool directed_ = true;
};

/// The full scale for maps and arrows: the smallest of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten that
/// is not below `px`, at least 2 px.
[[nodiscard]] float full_scale(double px);

}  // namespace unblur
