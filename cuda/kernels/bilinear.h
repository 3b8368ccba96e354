// SPDX-License-Identifier: MIT
// The four taps of a bilinear sample, their weights and the derivatives of those by the position.
#pragma once

#include "element.h"

namespace unblur::cuda {

enum class Outside : std::uint8_t {
  kReplicate,  ///< the position is clamped to the frame
  kZero        ///< taps outside are 0; from -1 and the size on there is no derivative, either
};

/// Weights of taps outside are 0 and their offsets inside, so that reading them does no harm. Where the
/// position is NaN, so are the weights.
template <class S>
struct Bilinear {
  std::int64_t offset[4];  ///< y * w + x
  S weight[4], by_x[4], by_y[4];

  UNBLUR_DEVICE Bilinear(S x, S y, std::int64_t h, std::int64_t w, Outside outside) {
    const Axis across(x, w, outside), down(y, h, outside);
    const bool zero = outside == Outside::kZero;
    for (int k = 0; k < 4; ++k) {
      const int dx = k % 2, dy = k / 2;
      const std::int64_t tx = across.first + dx, ty = down.first + dy;
      const bool inside = tx >= 0 && tx < w && ty >= 0 && ty < h && across.in_range && down.in_range;
      const S used = inside || !zero ? S(1) : S(0);
      const S wx = dx == 1 ? across.part : 1 - across.part, wy = dy == 1 ? down.part : 1 - down.part;
      offset[k] = clamped(ty, h) * w + clamped(tx, w);
      weight[k] = used * wx * wy;
      by_x[k] = across.moves ? used * (dx == 1 ? wy : -wy) : S(0);
      by_y[k] = down.moves ? used * (dy == 1 ? wx : -wx) : S(0);
    }
  }

  /// The sample of a plane.
  template <class T>
  [[nodiscard]] UNBLUR_DEVICE S of(const T* plane) const {
    return sum(plane, weight);
  }
  template <class T>
  [[nodiscard]] UNBLUR_DEVICE S sum(const T* plane, const S (&weights)[4]) const {
    S total = 0;
    for (int k = 0; k < 4; ++k) total += weights[k] * load(plane, offset[k]);
    return total;
  }
  /// plane += gradient * weights.
  UNBLUR_DEVICE void scatter(S* plane, S gradient) const {
    for (int k = 0; k < 4; ++k) {
      if (weight[k] != S(0)) add_shared(plane, offset[k], gradient * weight[k]);
    }
  }

 private:
  /// One coordinate: its pixel, the part of the way to the next one, and whether moving it moves the sample.
  struct Axis {
    std::int64_t first;
    S part;
    bool moves, in_range;

    UNBLUR_DEVICE Axis(S v, std::int64_t size, Outside outside) {
      // Beyond one pixel outside nothing is read: the clamp keeps the range of integers.
      const S margin = outside == Outside::kZero ? S(1.5) : S(0);
      const S low = -margin, high = static_cast<S>(size - 1) + margin;
      moves = v >= low && v <= high;
      in_range = v > S(-1) && v < static_cast<S>(size);
      const S held = v <= high ? (v >= low ? v : low) : high;
      const auto whole = static_cast<std::int64_t>(held);
      first = static_cast<S>(whole) > held ? whole - 1 : whole;
      part = (v == v ? held : v) - static_cast<S>(first);
    }
  };
  static UNBLUR_DEVICE std::int64_t clamped(std::int64_t v, std::int64_t size) {
    return v < 0 ? 0 : (v >= size ? size - 1 : v);
  }
};

}  // namespace unblur::cuda
