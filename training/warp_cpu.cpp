// SPDX-License-Identifier: MIT
#include "warp_cpu.h"

#include <algorithm>
#include <cstddef>

namespace unblur {
namespace {

using F4 = float __attribute__((vector_size(16)));

F4 splat(float v) noexcept { return F4{v, v, v, v}; }

// Catmull-Rom weights of the taps at -1, 0, 1, 2 for a fraction f in [0,1).
F4 cubic_weights(float f) noexcept {
  constexpr F4 kC0{0, 1, 0, 0}, kC1{-0.5F, 0, 0.5F, 0}, kC2{1, -2.5F, 2, -0.5F},
      kC3{-0.5F, 1.5F, -1.5F, 0.5F};
  const F4 x = splat(f);
  return kC0 + x * (kC1 + x * (kC2 + x * kC3));
}

F4 texel_row(const F4* row, F4 weights) noexcept {
  return row[0] * splat(weights[0]) + row[1] * splat(weights[1]) + row[2] * splat(weights[2]) +
         row[3] * splat(weights[3]);
}

// Near the border: every tap clamped.
F4 sample_clamped(const TextureView& texture, int ix, int iy, F4 wx, F4 wy) noexcept {
  const auto* texels = reinterpret_cast<const F4*>(texture.texels);
  F4 sum = splat(0);
  for (int j = 0; j < 4; ++j) {
    const int y = std::clamp(iy + j - 1, 0, texture.height - 1);
    for (int i = 0; i < 4; ++i) {
      const int x = std::clamp(ix + i - 1, 0, texture.width - 1);
      sum += texels[static_cast<std::size_t>(y) * texture.width + x] * splat(wx[i] * wy[j]);
    }
  }
  return sum;
}

// u, v >= 0, so that truncation is the floor (which is a library call on plain x86-64).
F4 sample(const TextureView& texture, float u, float v) noexcept {
  const int ix = static_cast<int>(u), iy = static_cast<int>(v);
  const F4 wx = cubic_weights(u - static_cast<float>(ix)), wy = cubic_weights(v - static_cast<float>(iy));
  if (ix < 1 || iy < 1 || ix + 2 >= texture.width || iy + 2 >= texture.height) {
    return sample_clamped(texture, ix, iy, wx, wy);
  }
  const auto stride = static_cast<std::ptrdiff_t>(texture.width);
  const F4* row = reinterpret_cast<const F4*>(texture.texels) + (iy - 1) * stride + (ix - 1);
  return texel_row(row, wx) * splat(wy[0]) + texel_row(row + stride, wx) * splat(wy[1]) +
         texel_row(row + 2 * stride, wx) * splat(wy[2]) + texel_row(row + 3 * stride, wx) * splat(wy[3]);
}

struct Row {
  std::vector<float> u, v;
  std::vector<F4> colour;
};

void row_coordinates(const float* m, int y, int width, Row& row) noexcept {
  const auto fy = static_cast<float>(y);
  const float bu = m[1] * fy + m[2], bv = m[4] * fy + m[5], bw = m[7] * fy + m[8];
  float* u = row.u.data();
  float* v = row.v.data();
  for (int x = 0; x < width; ++x) {
    const auto fx = static_cast<float>(x);
    const float scale = 1.0F / (m[6] * fx + bw);
    u[x] = (m[0] * fx + bu) * scale;
    v[x] = (m[3] * fx + bv) * scale;
  }
}

void sample_background(const TextureView& texture, int width, Row& row) noexcept {
  const auto u_max = static_cast<float>(texture.width - 1), v_max = static_cast<float>(texture.height - 1);
  for (int x = 0; x < width; ++x) {
    const auto i = static_cast<std::size_t>(x);
    const F4 colour = sample(texture, std::clamp(row.u[i], 0.0F, u_max), std::clamp(row.v[i], 0.0F, v_max));
    row.colour[i] = colour > 0.0F ? colour : splat(0);
  }
}

// Composites one layer over row.colour; `on_alpha(x, alpha)` sees what it covers.
template <typename OnAlpha>
void composite_layer(const TextureView& texture, int width, Row& row, const OnAlpha& on_alpha) {
  const auto u_max = static_cast<float>(texture.width - 1), v_max = static_cast<float>(texture.height - 1);
  // A straight line through a rectangle: both ends beyond one side means no hit.
  const auto last = static_cast<std::size_t>(width - 1);
  if ((row.u[0] < 0 && row.u[last] < 0) || (row.v[0] < 0 && row.v[last] < 0) ||
      (row.u[0] > u_max && row.u[last] > u_max) || (row.v[0] > v_max && row.v[last] > v_max)) {
    return;
  }
  for (int x = 0; x < width; ++x) {
    const auto i = static_cast<std::size_t>(x);
    const float u = row.u[i], v = row.v[i];
    if (!(u > 0 && v > 0 && u < u_max && v < v_max)) continue;
    F4 colour = sample(texture, u, v);
    colour = colour > 0.0F ? colour : splat(0);
    const float alpha = std::min(colour[3], 1.0F);
    if (alpha <= 0) continue;
    row.colour[i] = row.colour[i] * splat(1 - alpha) + colour;
    on_alpha(i, alpha);
  }
}

}  // namespace

void render_on_cpu(const std::vector<TextureView>& layers, const float* maps, int instants, int width,
                   int height, float* out, std::uint8_t* labels, std::uint8_t* mixed) {
  const auto columns = static_cast<std::size_t>(width);
  Row row{std::vector<float>(columns), std::vector<float>(columns), std::vector<F4>(columns)};
  auto* sums = reinterpret_cast<F4*>(out);
  const F4 share = splat(1.0F / static_cast<float>(instants));
  for (int y = 0; y < height; ++y) {
    F4* sum = sums + static_cast<std::size_t>(y) * columns;
    std::fill(sum, sum + columns, splat(0));
    for (int instant = 0; instant < instants; ++instant) {
      for (std::size_t layer = 0; layer < layers.size(); ++layer) {
        const std::size_t at =
            (layer * static_cast<std::size_t>(instants) + static_cast<std::size_t>(instant)) *
                static_cast<std::size_t>(height) +
            static_cast<std::size_t>(y);
        row_coordinates(maps + at * 9, y, width, row);
        if (layer == 0) {
          sample_background(layers[0], width, row);
        } else if (labels == nullptr || instant != 0) {
          composite_layer(layers[layer], width, row, [](std::size_t, float) {});
        } else {
          composite_layer(layers[layer], width, row, [&](std::size_t x, float alpha) {
            const std::size_t pixel = static_cast<std::size_t>(y) * columns + x;
            if (alpha > 0.5F) labels[pixel] = static_cast<std::uint8_t>(layer);
            if (alpha < 0.98F && alpha > 0.02F) mixed[pixel] = 1;
            if (alpha >= 0.98F) mixed[pixel] = 0;
          });
        }
      }
      for (std::size_t x = 0; x < columns; ++x) sum[x] += row.colour[x];
    }
    for (std::size_t x = 0; x < columns; ++x) sum[x] *= share;
  }
}

}  // namespace unblur
