// SPDX-License-Identifier: MIT
// Deformable convolution (Zhu et al. 2019, modulated; docs/operators.md) as columns and a matrix product,
// which the caller's library computes: out[o] = sum over rows of weight[o][c*K+k] * columns[c*K+k]. Columns
// are made for `rows` output rows at a time, so that their memory is bounded.
#pragma once

#include "bilinear.h"

namespace unblur::cuda {

struct DeformShape {
  std::int64_t c = 0, h = 0, w = 0;      ///< of one picture
  std::int64_t out_h = 0, out_w = 0;     ///< of offsets and output
  std::int64_t first_row = 0, rows = 0;  ///< output rows of the columns
  std::int64_t kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1,
               dilation_w = 1;
  std::int64_t deformable_groups = 1;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t taps() const { return kernel_h * kernel_w; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t pixels() const { return rows * out_w; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t group_channels() const { return c / deformable_groups; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return deformable_groups * taps() * pixels(); }
};

/// One index: a deformable group, a tap and an output pixel.
template <class S>
struct DeformTap {
  std::int64_t group, tap, row, column, in_rows;  ///< `in_rows`: pixel within the columns
  std::int64_t offset_y, offset_x, mask;          ///< where those stand in their tensors

  UNBLUR_DEVICE DeformTap(std::int64_t i, const DeformShape& s) {
    in_rows = i % s.pixels();
    tap = i / s.pixels() % s.taps();
    group = i / s.pixels() / s.taps();
    row = s.first_row + in_rows / s.out_w;
    column = in_rows % s.out_w;
    const std::int64_t plane = s.out_h * s.out_w, at = row * s.out_w + column;
    offset_y = (group * 2 * s.taps() + 2 * tap) * plane + at;
    offset_x = offset_y + plane;
    mask = (group * s.taps() + tap) * plane + at;
  }
  [[nodiscard]] UNBLUR_DEVICE Bilinear<S> sample(const S* offset, const DeformShape& s) const {
    const std::int64_t y = row * s.stride_h - s.pad_h + tap / s.kernel_w * s.dilation_h;
    const std::int64_t x = column * s.stride_w - s.pad_w + tap % s.kernel_w * s.dilation_w;
    return {static_cast<S>(x) + offset[offset_x], static_cast<S>(y) + offset[offset_y], s.h, s.w,
            Outside::kZero};
  }
};

template <class T>
struct DeformColumns {
  const T* x;                  ///< [c,h,w]
  const Sum<T>*offset, *mask;  ///< [D*2K,oh,ow], [D*K,oh,ow] or null
  T* columns;                  ///< [c*K, rows*ow]
  DeformShape shape;

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return shape.count(); }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const DeformTap<Sum<T>> at(i, shape);
    const Bilinear<Sum<T>> sample = at.sample(offset, shape);
    const Sum<T> factor = mask != nullptr ? mask[at.mask] : Sum<T>(1);
    const std::int64_t plane = shape.h * shape.w;
    for (std::int64_t c = at.group * shape.group_channels(), end = c + shape.group_channels(); c < end; ++c) {
      columns[(c * shape.taps() + at.tap) * shape.pixels() + at.in_rows] =
          static_cast<T>(factor * sample.of(x + c * plane));
    }
  }
};

/// From the gradient of the columns to those of picture, offsets and mask.
template <class T>
struct DeformBackward {
  DeformColumns<T> forward;  ///< `columns` is not used
  const T* grad_columns;
  Sum<T>*grad_x, *grad_offset, *grad_mask;  ///< grad_x zeroed; each may be null where not wanted

  [[nodiscard]] UNBLUR_DEVICE std::int64_t count() const { return forward.count(); }
  UNBLUR_DEVICE void operator()(std::int64_t i) const {
    const DeformShape& shape = forward.shape;
    const DeformTap<Sum<T>> at(i, shape);
    const Bilinear<Sum<T>> sample = at.sample(forward.offset, shape);
    const Sum<T> factor = forward.mask != nullptr ? forward.mask[at.mask] : Sum<T>(1);
    const std::int64_t plane = shape.h * shape.w;
    Sum<T> by_x = 0, by_y = 0, by_mask = 0;
    for (std::int64_t c = at.group * shape.group_channels(), end = c + shape.group_channels(); c < end; ++c) {
      const Sum<T> gradient = load(grad_columns, (c * shape.taps() + at.tap) * shape.pixels() + at.in_rows);
      const T* picture = forward.x + c * plane;
      if (grad_x != nullptr) sample.scatter(grad_x + c * plane, factor * gradient);
      by_x += gradient * sample.sum(picture, sample.by_x);
      by_y += gradient * sample.sum(picture, sample.by_y);
      by_mask += gradient * sample.of(picture);
    }
    if (grad_offset != nullptr) {
      grad_offset[at.offset_y] = factor * by_y;
      grad_offset[at.offset_x] = factor * by_x;
    }
    if (grad_mask != nullptr) grad_mask[at.mask] = by_mask;
  }
};

}  // namespace unblur::cuda
