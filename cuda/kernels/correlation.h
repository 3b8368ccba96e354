// SPDX-License-Identifier: MIT
// op::Correlation: a, b [n,c,h,w], out [n,(2R+1)^2,oh,ow] with oh = ceil(h / stride). No two indices write to
// one place, so that results do not depend on the order of threads.
#pragma once

#include "element.h"

namespace unblur::cuda {

struct CorrelationShape {
  Shape4 in;
  std::int64_t radius = 0, stride = 1;
  bool mean = true;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t side() const { return 2 * radius + 1; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t rows() const { return (in.h + stride - 1) / stride; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t columns() const { return (in.w + stride - 1) / stride; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t out_size() const {
    return in.n * side() * side() * rows() * columns();
  }
  template <class S>
  [[nodiscard]] UNBLUR_DEVICE S factor() const {
    return mean ? S(1) / static_cast<S>(in.c) : S(1);
  }
  [[nodiscard]] UNBLUR_DEVICE bool inside(std::int64_t y, std::int64_t x) const {
    return y >= 0 && y < in.h && x >= 0 && x < in.w;
  }
};

/// One index is one output value.
template <class T>
struct CorrelationForward {
  const T *a, *b;
  T* out;
  CorrelationShape shape;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return shape.out_size(); }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const Shape4& in = shape.in;
    const std::int64_t side = shape.side();
    const Pixel p(i, shape.rows(), shape.columns());  // p.n counts images and displacements
    const std::int64_t n = p.n / (side * side), d = p.n % (side * side), s = shape.stride;
    const std::int64_t y = s * p.y, x = s * p.x;
    const std::int64_t by = y + s * (d / side - shape.radius), bx = x + s * (d % side - shape.radius);
    Sum<T> sum = 0;
    if (shape.inside(by, bx)) {
      for (std::int64_t c = 0; c < in.c; ++c) {
        const std::int64_t plane = (n * in.c + c) * in.plane();
        sum += load(a, plane + y * in.w + x) * load(b, plane + by * in.w + bx);
      }
    }
    out[i] = static_cast<T>(sum * shape.template factor<Sum<T>>());
  }
};

/// The gradient of one operand; one index is one of its values. `sign` is 1 for a, whose displaced partner is
/// b, and -1 for b.
template <class T>
struct CorrelationBackward {
  const T *grad_out, *partner;
  T* gradient;
  CorrelationShape shape;
  int sign;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return shape.in.size(); }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const Shape4& in = shape.in;
    const Pixel p(i, in.h, in.w);  // p.n counts images and channels
    const std::int64_t s = shape.stride, rows = shape.rows(), columns = shape.columns(), r = shape.radius;
    Sum<T> sum = 0;
    if (p.y % s == 0 && p.x % s == 0) {
      const std::int64_t plane = p.n * in.plane(), first = p.n / in.c * shape.side() * shape.side();
      for (std::int64_t dy = -r; dy <= r; ++dy) {
        for (std::int64_t dx = -r; dx <= r; ++dx) {
          const std::int64_t py = p.y + sign * s * dy, px = p.x + sign * s * dx;
          if (!shape.inside(py, px)) continue;
          // Output values stand where a's pixel is.
          const std::int64_t oy = (sign > 0 ? p.y : py) / s, ox = (sign > 0 ? p.x : px) / s;
          const std::int64_t d = first + (dy + r) * shape.side() + dx + r;
          sum += load(grad_out, (d * rows + oy) * columns + ox) * load(partner, plane + py * in.w + px);
        }
      }
    }
    gradient[i] = static_cast<T>(sum * shape.template factor<Sum<T>>());
  }
};

}  // namespace unblur::cuda
