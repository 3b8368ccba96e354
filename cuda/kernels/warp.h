// SPDX-License-Identifier: MIT
// op::Warp: x [n,c,h,w], flow [n,2,h,w] in px as (dx, dy), out [n,c,h,w]. One index is one pixel of all
// channels.
#pragma once

#include "bilinear.h"

namespace unblur::cuda {

template <class T>
struct WarpForward {
  const T* x;
  const Sum<T>* flow;
  T* out;
  Shape4 shape;
  Outside outside;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return shape.n * shape.plane(); }
  [[nodiscard]] UNBLUR_DEVICE Bilinear<Sum<T>> taps(const Pixel& p) const {
    const std::int64_t at = p.n * 2 * shape.plane() + p.y * shape.w + p.x;
    return {static_cast<Sum<T>>(p.x) + flow[at], static_cast<Sum<T>>(p.y) + flow[at + shape.plane()], shape.h,
            shape.w, outside};
  }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const Pixel p(i, shape.h, shape.w);
    const Bilinear<Sum<T>> sample = taps(p);
    for (std::int64_t c = 0; c < shape.c; ++c) {
      const std::int64_t plane = (p.n * shape.c + c) * shape.plane();
      out[plane + p.y * shape.w + p.x] = static_cast<T>(sample.of(x + plane));
    }
  }
};

template <class T>
struct WarpBackward {
  WarpForward<T> forward;  ///< `out` is not used
  const T* grad_out;
  Sum<T>*grad_x, *grad_flow;  ///< zeroed; may be null where not wanted

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return forward.count(); }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const Shape4& s = forward.shape;
    const Pixel p(i, s.h, s.w);
    const Bilinear<Sum<T>> sample = forward.taps(p);
    const std::int64_t at = p.y * s.w + p.x;
    Sum<T> by_x = 0, by_y = 0;
    for (std::int64_t c = 0; c < s.c; ++c) {
      const std::int64_t plane = (p.n * s.c + c) * s.plane();
      const Sum<T> gradient = load(grad_out, plane + at);
      if (grad_x != nullptr) sample.scatter(grad_x + plane, gradient);
      if (grad_flow == nullptr) continue;
      by_x += gradient * sample.sum(forward.x + plane, sample.by_x);
      by_y += gradient * sample.sum(forward.x + plane, sample.by_y);
    }
    if (grad_flow == nullptr) return;
    grad_flow[p.n * 2 * s.plane() + at] = by_x;
    grad_flow[(p.n * 2 + 1) * s.plane() + at] = by_y;
  }
};

}  // namespace unblur::cuda
