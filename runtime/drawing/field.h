// SPDX-License-Identifier: MIT
// The paths that all pixels of one frame took during its exposure, in the one public meaning of motion:
// displacement of content in px, x right, y down, forward in time, of the surface that is visible at the
// pixel at the middle of the exposure. It is minus the gather offset o(t) of graph/exposure.h, to first
// order.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "graph/exposure.h"
#include "graph/graph.h"
#include "graph/model.h"

namespace unblur {

struct Motion {
  float dx = 0.0F, dy = 0.0F;  ///< px
  bool operator==(const Motion&) const = default;
};

class TrajectoryField {
 public:
  /// `control`: a model's output "control" [c,h,w] as stored (c = 4, or 2 for "lin"). Throws ModelError
  /// where the channels do not suit the mode or a value is not finite.
  TrajectoryField(TrajectoryInfo info, const Shape& shape, std::vector<float> control);

  [[nodiscard]] int width() const noexcept { return width_; }
  [[nodiscard]] int height() const noexcept { return height_; }
  [[nodiscard]] const TrajectoryInfo& info() const noexcept { return info_; }
  [[nodiscard]] std::span<const float> control() const noexcept { return control_; }  ///< as it came

  /// Time points in order, -1 to 1, TrajectoryInfo::points of them.
  [[nodiscard]] std::span<const float> times() const noexcept { return times_; }
  /// Displacement of content from the middle of the exposure to time point k: -o(t_k). 0 <= x < width, ...
  [[nodiscard]] Motion at(int x, int y, std::size_t k) const { return content(index(x, y), weights_[k]); }
  /// The same at any time, with the weights of path_weights(info().mode, t).
  [[nodiscard]] Motion at(int x, int y, const std::array<float, 2>& weights) const {
    return content(index(x, y), weights);
  }
  /// From the start of the exposure to its end.
  [[nodiscard]] Motion whole(int x, int y) const;
  /// Length of the path through all time points, px.
  [[nodiscard]] float length(int x, int y) const;

 private:
  [[nodiscard]] std::size_t index(int x, int y) const noexcept {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x);
  }
  [[nodiscard]] Motion content(std::size_t i, const std::array<float, 2>& weights) const;

  TrajectoryInfo info_;
  int width_, height_;
  std::vector<float> control_;
  std::vector<float> times_;
  std::vector<std::array<float, 2>> weights_;  ///< of S and E, by time point
};

/// The frame as it would have been at time t in [-1, 1]: out(y, x) = sharp(y + o_y(t), x + o_x(t)), bilinear,
/// 0 outside (motion-etr.md 3.1). Planar RGB [3,h,w] of the field's size.
[[nodiscard]] std::vector<float> gather_at(std::span<const float> sharp, const TrajectoryField& field,
                                           double t);

/// What --numbers writes: `trajectory` F32 [N,2,h,w] as (dx, dy) in order of time, `time` [N], and the
/// network's own `control` [1,c,h,w]; metadata: mode, points, directed.
[[nodiscard]] SafeTensors trajectory_numbers(const TrajectoryField& field);

/// Time point k as a Middlebury .flo file: "PIEH", width, height, then (dx, dy) row by row, little endian.
[[nodiscard]] std::vector<std::byte> flo_file(const TrajectoryField& field, std::size_t k);

}  // namespace unblur
