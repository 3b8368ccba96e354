// SPDX-License-Identifier: MIT
#include "torch_sampling.h"

#include <ATen/ATen.h>

#include <array>
#include <vector>

namespace unblur::sample {
namespace {

using at::Tensor;

/// [1,1,w] column and [1,h,1] row numbers.
Tensor columns(std::int64_t w, const at::TensorOptions& options) {
  return at::arange(w, options).view({1, 1, w});
}
Tensor rows(std::int64_t h, const at::TensorOptions& options) {
  return at::arange(h, options).view({1, h, 1});
}

Tensor nearest_positions(std::int64_t in, std::int64_t out, bool align_corners, at::Device device) {
  const Tensor i = at::arange(out, at::TensorOptions(at::kLong).device(device));
  if (!align_corners) return at::div(i * in, out, "floor");
  if (out == 1) return at::zeros_like(i);
  return at::div(i * (2 * (in - 1)) + (out - 1), 2 * (out - 1), "floor");
}

/// Samples of x [n,c,h,w] at columns px and rows py [n,H,W]. Positions are clamped to the frame, or what lies
/// outside counts 0. Not at::grid_sampler: its normalised coordinates lose 1e-4 px at 1280 columns, and
/// divide by zero at one.
Tensor bilinear(const Tensor& x, const Tensor& at_columns, const Tensor& at_rows, bool zero_outside) {
  const std::int64_t n = x.size(0), c = x.size(1), h = x.size(2), w = x.size(3);
  // Beyond one pixel outside every tap counts 0, so that the clamp changes nothing there but the integer
  // range.
  const double margin = zero_outside ? 1.5 : 0.0;
  const Tensor px = at_columns.clamp(-margin, static_cast<double>(w - 1) + margin);
  const Tensor py = at_rows.clamp(-margin, static_cast<double>(h - 1) + margin);
  const Tensor x0 = px.detach().floor(), y0 = py.detach().floor();
  const Tensor fx = px - x0, fy = py - y0;
  const Tensor ix = x0.to(at::kLong), iy = y0.to(at::kLong);
  // At exactly -1 a tap inside has weight 0, but would have a derivative.
  const Tensor in_range = (px > -1) & (px < w) & (py > -1) & (py < h);

  // Pixels as rows of a table [n*h*w, c]: one gather of whole pixels per tap.
  const Tensor table = x.permute({0, 2, 3, 1}).reshape({n * h * w, c});
  const Tensor batch = at::arange(n, ix.options()).view({n, 1, 1}) * (h * w);
  Tensor sum;
  for (const int dy : {0, 1}) {
    for (const int dx : {0, 1}) {
      const Tensor tx = ix + dx, ty = iy + dy;
      Tensor weight = (dx == 1 ? fx : 1 - fx) * (dy == 1 ? fy : 1 - fy);
      if (zero_outside) weight = weight * ((tx >= 0) & (tx < w) & (ty >= 0) & (ty < h) & in_range);
      const Tensor index = batch + ty.clamp(0, h - 1) * w + tx.clamp(0, w - 1);
      const Tensor tap = table.index_select(0, index.flatten()) * weight.reshape({-1, 1}).to(x.scalar_type());
      sum = sum.defined() ? sum + tap : tap;
    }
  }
  return sum.view({n, px.size(1), px.size(2), c}).permute({0, 3, 1, 2});
}

}  // namespace

Tensor nearest(const Tensor& x, std::int64_t height, std::int64_t width, bool align_corners) {
  return x.index_select(2, nearest_positions(x.size(2), height, align_corners, x.device()))
      .index_select(3, nearest_positions(x.size(3), width, align_corners, x.device()));
}

Tensor warp(const Tensor& x, const Tensor& flow, bool zero_outside) {
  const std::int64_t h = x.size(2), w = x.size(3);
  return bilinear(x, flow.select(1, 0) + columns(w, flow.options()),
                  flow.select(1, 1) + rows(h, flow.options()), zero_outside);
}

Tensor gather_mean(const Tensor& x, const Tensor& offset) {
  const Tensor column = columns(x.size(3), offset.options()), row = rows(x.size(2), offset.options());
  const std::int64_t points = offset.size(1) / 2;
  Tensor sum;
  for (std::int64_t n = 0; n < points; ++n) {
    const Tensor tap = bilinear(x, offset.select(1, 2 * n + 1) + column, offset.select(1, 2 * n) + row, true);
    sum = sum.defined() ? sum + tap : tap;
  }
  return sum / points;
}

Tensor deform_conv(const op::DeformConv2d& o, const Tensor& x, const Tensor& offset,
                   const std::optional<Tensor>& mask, const Tensor& weight,
                   const std::optional<Tensor>& bias) {
  const std::int64_t n = x.size(0), c = x.size(1), d = o.deformable_groups, h = offset.size(2),
                     w = offset.size(3), taps = std::int64_t{o.kernel.h} * o.kernel.w;
  const Tensor column = columns(w, offset.options()) * o.stride.w - o.pad.left;
  const Tensor row = rows(h, offset.options()) * o.stride.h - o.pad.top;
  // Every deformable group is sampled as a picture of its own.
  const Tensor pictures = x.reshape({n * d, c / d, x.size(2), x.size(3)});
  const Tensor moves = offset.reshape({n * d, taps, 2, h, w});
  std::vector<Tensor> values;
  for (std::int64_t k = 0; k < taps; ++k) {
    const std::int64_t down = k / o.kernel.w * o.dilation.h, right = k % o.kernel.w * o.dilation.w;
    const Tensor move = moves.select(1, k);
    Tensor value =
        bilinear(pictures, move.select(1, 1) + (column + right), move.select(1, 0) + (row + down), true);
    if (mask) value = value * mask->reshape({n * d, taps, 1, h, w}).select(1, k).to(x.scalar_type());
    values.push_back(value.reshape({n, c, h, w}));
  }
  // A channel's taps lie together, as in the weight: what is left is a convolution of single pixels.
  const std::array<std::int64_t, 2> one{1, 1}, none{0, 0};
  return at::conv2d(at::stack(values, 2).flatten(1, 2), weight.reshape({weight.size(0), -1, 1, 1}), bias, one,
                    none, one, o.groups);
}

Tensor correlation(const Tensor& a, const Tensor& b, int radius, int stride, bool mean) {
  const std::int64_t r = std::int64_t{radius} * stride, s = stride;
  const Tensor first = a.slice(2, 0, std::nullopt, s).slice(3, 0, std::nullopt, s).unsqueeze(3);
  const std::int64_t h = (first.size(2) - 1) * s + 1, w = (first.size(4) - 1) * s + 1;
  const Tensor second = at::constant_pad_nd(b, {r, r, r, r});
  std::vector<Tensor> out;
  for (int dy = 0; dy <= 2 * radius; ++dy) {
    // [n, c, rows, 2R+1, columns]: all horizontal offsets of one vertical offset, as a view.
    const Tensor shifted =
        second.slice(2, dy * s, dy * s + h, s).unfold(3, w, s).slice(4, 0, std::nullopt, s);
    const Tensor product = first * shifted;
    out.push_back((mean ? product.mean(1) : product.sum(1)).transpose(1, 2));
  }
  return at::cat(out, 1);
}

Tensor pixel_volume(const Tensor& previous, const Tensor& current, const Tensor& flow, int radius,
                    float outside) {
  const std::int64_t n = previous.size(0), h = previous.size(2), w = previous.size(3), r = radius;
  const auto grey = [](const Tensor& rgb) {
    return rgb.select(1, 0) * 0.2989 + rgb.select(1, 1) * 0.5870 + rgb.select(1, 2) * 0.1140;
  };
  const Tensor candidates = grey(previous).reshape({n, h * w}), fallback = grey(current);
  const auto matched = [](const Tensor& position, std::int64_t size) {
    const double far = static_cast<double>(size) + 1e4;  // keeps the integer range; far outside either way
    return position.clamp(-far, far).trunc().to(at::kLong);
  };
  const Tensor motion = flow.detach().to(at::kFloat);  // the sum in float32 is part of the definition
  // Padded by the radius so that every neighbour exists; `inside` says which ones the frame has.
  const auto bordered = [r](const Tensor& t) { return at::constant_pad_nd(t, {r, r, r, r}); };
  const Tensor mx = bordered(matched(motion.select(1, 0) + columns(w, motion.options()), w));
  const Tensor my = bordered(matched(motion.select(1, 1) + rows(h, motion.options()), h));
  const Tensor inside = bordered(at::ones({1, h, w}, mx.options())).to(at::kBool);

  std::vector<Tensor> out;
  for (std::int64_t i = -r; i <= r; ++i) {
    for (std::int64_t j = -r; j <= r; ++j) {
      const auto neighbour = [&](const Tensor& t) { return t.narrow(1, r - j, h).narrow(2, r - i, w); };
      const Tensor px = neighbour(mx) + i, py = neighbour(my) + j;
      const Tensor valid = (px >= 1) & (px <= w - 2) & (py >= 1) & (py <= h - 2);
      const Tensor index = (py.clamp(0, h - 1) * w + px.clamp(0, w - 1)).flatten(1);
      const Tensor value = candidates.gather(1, index).view({n, h, w}).where(valid, fallback);
      out.push_back(value.where(neighbour(inside), at::scalar_tensor(outside, value.options())));
    }
  }
  return at::stack(out, 1);
}

}  // namespace unblur::sample
