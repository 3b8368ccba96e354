// SPDX-License-Identifier: MIT
// op::PixelVolume: previous, current [n,3,h,w], flow [n,2,h,w] in px, out [n,(2R+1)^2,h,w]. Positions are
// truncated, so that no gradient reaches the flow.
#pragma once

#include "element.h"

namespace unblur::cuda {

struct PixelVolumeShape {
  std::int64_t n = 0, h = 0, w = 0, radius = 0;
  float outside = 0;
  [[nodiscard]] UNBLUR_DEVICE std::int64_t side() const { return 2 * radius + 1; }
};

template <class S>
UNBLUR_DEVICE S grey_weight(int channel) {
  return channel == 0 ? S(0.2989) : channel == 1 ? S(0.5870) : S(0.1140);
}

/// Where one output value comes from.
struct PixelVolumeSource {
  enum Kind : std::uint8_t { kOutside, kCurrent, kPrevious } kind;
  std::int64_t n, y, x;  ///< of the picture it is read from

  /// Motion is float32 by definition, whatever the pictures' type.
  UNBLUR_DEVICE PixelVolumeSource(std::int64_t i, const PixelVolumeShape& s, const float* flow) {
    const Pixel p(i, s.h, s.w);  // p.n counts images and neighbours
    const std::int64_t side = s.side(), k = p.n % (side * side);
    n = p.n / (side * side), y = p.y, x = p.x;
    const std::int64_t di = k / side - s.radius, dj = k % side - s.radius, qx = x - di, qy = y - dj;
    kind = kOutside;
    if (qx < 0 || qx >= s.w || qy < 0 || qy >= s.h) return;
    kind = kCurrent;
    const std::int64_t at = n * 2 * s.h * s.w + qy * s.w + qx;
    const float fx = static_cast<float>(qx) + flow[at], fy = static_cast<float>(qy) + flow[at + s.h * s.w];
    // Written so that NaN matches nothing, and before any conversion that could leave the range of integers.
    const auto limit = [](float v, std::int64_t size) {
      return v > -1e6F && v < static_cast<float>(size) + 1e6F;
    };
    if (!limit(fx, s.w) || !limit(fy, s.h)) return;
    const std::int64_t px = static_cast<std::int64_t>(fx) + di, py = static_cast<std::int64_t>(fy) + dj;
    if (px < 1 || px > s.w - 2 || py < 1 || py > s.h - 2) return;
    kind = kPrevious, y = py, x = px;
  }
};

template <class T>
struct PixelVolumeForward {
  const T *previous, *current;
  const float* flow;
  T* out;
  PixelVolumeShape shape;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const {
    return shape.n * shape.side() * shape.side() * shape.h * shape.w;
  }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const PixelVolumeSource from(i, shape, flow);
    if (from.kind == PixelVolumeSource::kOutside) {
      out[i] = static_cast<T>(shape.outside);
      return;
    }
    const T* picture = from.kind == PixelVolumeSource::kPrevious ? previous : current;
    const std::int64_t plane = shape.h * shape.w, at = from.n * 3 * plane + from.y * shape.w + from.x;
    Sum<T> grey = 0;
    for (int c = 0; c < 3; ++c) grey += grey_weight<Sum<T>>(c) * load(picture, at + c * plane);
    out[i] = static_cast<T>(grey);
  }
};

template <class T>
struct PixelVolumeBackward {
  const T* grad_out;
  const float* flow;
  Sum<T>*grad_previous, *grad_current;  ///< zeroed; may be null where not wanted
  PixelVolumeShape shape;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const {
    return shape.n * shape.side() * shape.side() * shape.h * shape.w;
  }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const PixelVolumeSource from(i, shape, flow);
    Sum<T>* gradient = from.kind == PixelVolumeSource::kPrevious  ? grad_previous
                       : from.kind == PixelVolumeSource::kCurrent ? grad_current
                                                                  : nullptr;
    if (gradient == nullptr) return;
    const std::int64_t plane = shape.h * shape.w, at = from.n * 3 * plane + from.y * shape.w + from.x;
    for (int c = 0; c < 3; ++c)
      add_shared(gradient, at + c * plane, grey_weight<Sum<T>>(c) * load(grad_out, i));
  }
};

}  // namespace unblur::cuda
