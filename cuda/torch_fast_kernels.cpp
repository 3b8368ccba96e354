// SPDX-License-Identifier: MIT
#include "torch_fast_kernels.h"

#include <algorithm>
#include <cmath>

// Helpers are forced inline so that they are compiled with the instruction set of the clone they end up in.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define UNBLUR_CLONES __attribute__((target_clones("arch=haswell", "default")))
#else
#define UNBLUR_CLONES
#endif
#define UNBLUR_ALWAYS __attribute__((always_inline))
#define UNBLUR_INLINE UNBLUR_ALWAYS inline

namespace unblur::fast {
namespace {

constexpr std::int64_t kLanes = 8;  // partial sums, so that a sum may be vectorised in a fixed order

UNBLUR_INLINE float dot(const float* a, const float* b, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] += a[i + k] * b[i + k];
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

UNBLUR_INLINE float total(const float* a, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t k = 0; k < kLanes; ++k) lanes[k] += a[i + k];
  }
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += a[i];
  return sum;
}

/// y += factor * x.
UNBLUR_INLINE void add_scaled(float* y, const float* x, float factor, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += factor * x[i];
}

/// The four taps of a bilinear sample, their weights, and the weights' change with the position.
struct Taps {
  std::int64_t at[4];  ///< pixel numbers: upper left, upper right, lower left, lower right
  float weight[4], by_x[4], by_y[4];
};

UNBLUR_INLINE Taps taps_at(const WarpShape& s, float x, float y) {
  const auto right = static_cast<float>(s.width - 1), bottom = static_cast<float>(s.height - 1);
  // Beyond a pixel outside every tap counts 0: the clamp changes nothing there but the integer range.
  const float margin = s.zero_outside ? 1.5F : 0.0F;
  // At exactly -1 a tap inside has weight 0, but would have a derivative.
  const auto moves = [&](float at, float last) {
    return s.zero_outside ? at > -1.0F && at < last + 1.0F : at >= 0.0F && at <= last;
  };
  const bool moves_x = moves(x, right), moves_y = moves(y, bottom);
  x = std::min(std::max(x, -margin), right + margin);
  y = std::min(std::max(y, -margin), bottom + margin);
  const float left = std::floor(x), top = std::floor(y), fx = x - left, fy = y - top;
  Taps t{};
  for (int k = 0; k < 4; ++k) {
    const int dx = k & 1, dy = k >> 1;
    const std::int64_t u = static_cast<std::int64_t>(left) + dx, v = static_cast<std::int64_t>(top) + dy;
    const std::int64_t u_in = std::min(std::max<std::int64_t>(u, 0), s.width - 1),
                       v_in = std::min(std::max<std::int64_t>(v, 0), s.height - 1);
    t.at[k] = v_in * s.width + u_in;
    const float seen = s.zero_outside && (u != u_in || v != v_in) ? 0.0F : 1.0F;
    const float wx = seen * (dx == 1 ? fx : 1 - fx), wy = dy == 1 ? fy : 1 - fy;
    t.weight[k] = wx * wy;
    t.by_x[k] = moves_x ? seen * (dx == 1 ? wy : -wy) : 0.0F;
    t.by_y[k] = moves_y ? (dy == 1 ? wx : -wx) : 0.0F;
  }
  return t;
}

/// Calls body(deformable group, tap, its samples) for all of output pixel `p`, in the order of the columns.
template <typename Body>
UNBLUR_INLINE void each_deform_tap(const DeformShape& s, const float* offset, std::int64_t p, Body body) {
  const std::int64_t plane = s.out_height * s.out_width, taps = s.kernel_h * s.kernel_w;
  const std::int64_t top = p / s.out_width * s.stride_h - s.top, left = p % s.out_width * s.stride_w - s.left;
  std::int64_t k = 0;
  for (std::int64_t i = 0; i < s.kernel_h; ++i) {
    for (std::int64_t j = 0; j < s.kernel_w; ++j, ++k) {
      const auto row = static_cast<float>(top + i * s.dilation_h);
      const auto column = static_cast<float>(left + j * s.dilation_w);
      for (std::int64_t g = 0; g < s.groups; ++g) {
        const float* move = offset + 2 * (g * taps + k) * plane + p;
        body(g, g * taps + k,
             taps_at({s.height, s.width, s.channels, true}, column + move[plane], row + move[0]));
      }
    }
  }
}

}  // namespace

UNBLUR_CLONES void norm_forward(const float* x, float* y, float* scale, std::int64_t count,
                                std::int64_t channels, bool centred, float eps) {
  const float share = 1.0F / static_cast<float>(channels);
  for (std::int64_t p = 0; p < count; ++p, x += channels, y += channels) {
    const float mean = centred ? total(x, channels) * share : 0.0F;
    for (std::int64_t c = 0; c < channels; ++c) y[c] = x[c] - mean;
    const float s = 1.0F / std::sqrt(dot(y, y, channels) * share + eps);
    for (std::int64_t c = 0; c < channels; ++c) y[c] *= s;
    scale[p] = s;
  }
}

UNBLUR_CLONES void norm_backward(const float* g, const float* y, const float* scale, float* out,
                                 std::int64_t count, std::int64_t channels, bool centred) {
  const float share = 1.0F / static_cast<float>(channels);
  for (std::int64_t p = 0; p < count; ++p, g += channels, y += channels, out += channels) {
    const float mean = centred ? total(g, channels) * share : 0.0F, along = dot(g, y, channels) * share,
                s = scale[p];
    for (std::int64_t c = 0; c < channels; ++c) out[c] = s * (g[c] - mean - y[c] * along);
  }
}

UNBLUR_CLONES void channel_scale_backward(const float* g, const float* x, const float* scale, float* to_x,
                                          float* to_scale, std::int64_t count, std::int64_t channels) {
  for (std::int64_t p = 0; p < count; ++p, g += channels, x += channels, to_x += channels) {
    for (std::int64_t c = 0; c < channels; ++c) {
      to_x[c] = g[c] * scale[c];
      to_scale[c] += g[c] * x[c];
    }
  }
}

UNBLUR_CLONES void gate_forward(const float* both, float* out, std::int64_t count, std::int64_t channels) {
  for (std::int64_t p = 0; p < count; ++p, both += 2 * channels, out += channels) {
    for (std::int64_t c = 0; c < channels; ++c) out[c] = both[c] * both[channels + c];
  }
}

UNBLUR_CLONES void gate_backward(const float* g, const float* both, float* out, std::int64_t count,
                                 std::int64_t channels) {
  for (std::int64_t p = 0; p < count; ++p, g += channels, both += 2 * channels, out += 2 * channels) {
    for (std::int64_t c = 0; c < channels; ++c) {
      out[c] = g[c] * both[channels + c];
      out[channels + c] = g[c] * both[c];
    }
  }
}

UNBLUR_CLONES void warp_forward(const WarpShape& s, const float* x, const float* flow, float* out) {
  const std::int64_t plane = s.height * s.width, n = s.channels;
  for (std::int64_t p = 0; p < plane; ++p, out += n) {
    const Taps t = taps_at(s, static_cast<float>(p % s.width) + flow[p],
                           static_cast<float>(p / s.width) + flow[plane + p]);
    const float *a = x + t.at[0] * n, *b = x + t.at[1] * n, *c = x + t.at[2] * n, *d = x + t.at[3] * n;
    const float wa = t.weight[0], wb = t.weight[1], wc = t.weight[2], wd = t.weight[3];
    for (std::int64_t i = 0; i < n; ++i) out[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
}

UNBLUR_CLONES void warp_backward(const WarpShape& s, const float* g, const float* x, const float* flow,
                                 float* to_x, float* to_flow) {
  const std::int64_t plane = s.height * s.width, n = s.channels;
  for (std::int64_t p = 0; p < plane; ++p, g += n) {
    const Taps t = taps_at(s, static_cast<float>(p % s.width) + flow[p],
                           static_cast<float>(p / s.width) + flow[plane + p]);
    float along_x = 0, along_y = 0;
    for (int k = 0; k < 4; ++k) {
      if (to_x != nullptr) add_scaled(to_x + t.at[k] * n, g, t.weight[k], n);
      const float value = dot(g, x + t.at[k] * n, n);
      along_x += t.by_x[k] * value;
      along_y += t.by_y[k] * value;
    }
    to_flow[p] = along_x;
    to_flow[plane + p] = along_y;
  }
}

UNBLUR_CLONES void deform_columns(const DeformShape& s, const float* x, const float* offset,
                                  const float* mask, std::int64_t first, std::int64_t count, float* columns) {
  const std::int64_t plane = s.out_height * s.out_width, n = s.channels, m = n / s.groups;
  for (std::int64_t p = first; p < first + count; ++p) {
    each_deform_tap(s, offset, p, [&](std::int64_t g, std::int64_t tap, const Taps& t) UNBLUR_ALWAYS {
      const float scale = mask == nullptr ? 1.0F : mask[tap * plane + p];
      const float* from = x + g * m;
      const float *a = from + t.at[0] * n, *b = from + t.at[1] * n, *c = from + t.at[2] * n,
                  *d = from + t.at[3] * n;
      const float wa = scale * t.weight[0], wb = scale * t.weight[1], wc = scale * t.weight[2],
                  wd = scale * t.weight[3];
      for (std::int64_t i = 0; i < m; ++i) columns[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
      columns += m;
    });
  }
}

UNBLUR_CLONES void deform_columns_backward(const DeformShape& s, const float* x, const float* offset,
                                           const float* mask, std::int64_t first, std::int64_t count,
                                           const float* to_columns, float* to_x, float* to_offset,
                                           float* to_mask) {
  const std::int64_t plane = s.out_height * s.out_width, n = s.channels, m = n / s.groups;
  for (std::int64_t p = first; p < first + count; ++p) {
    each_deform_tap(s, offset, p, [&](std::int64_t g, std::int64_t tap, const Taps& t) UNBLUR_ALWAYS {
      const float scale = mask == nullptr ? 1.0F : mask[tap * plane + p];
      float along_row = 0, along_column = 0, sample = 0;
      for (int q = 0; q < 4; ++q) {
        const std::int64_t from = t.at[q] * n + g * m;
        if (to_x != nullptr) add_scaled(to_x + from, to_columns, scale * t.weight[q], m);
        const float value = dot(to_columns, x + from, m);
        along_row += t.by_y[q] * value;
        along_column += t.by_x[q] * value;
        sample += t.weight[q] * value;
      }
      to_offset[2 * tap * plane + p] = scale * along_row;
      to_offset[(2 * tap + 1) * plane + p] = scale * along_column;
      if (mask != nullptr) to_mask[tap * plane + p] = sample;
      to_columns += m;
    });
  }
}

UNBLUR_CLONES void correlation_forward(const CorrelationShape& s, const float* a, const float* b,
                                       float* out) {
  const std::int64_t n = s.channels, r = s.radius;
  for (std::int64_t y = 0; y < s.height; ++y) {
    for (std::int64_t x = 0; x < s.width; ++x) {
      const float* here = a + (y * s.width + x) * n;
      for (std::int64_t v = y - r; v <= y + r; ++v) {
        for (std::int64_t u = x - r; u <= x + r; ++u, ++out) {
          const bool inside = v >= 0 && v < s.height && u >= 0 && u < s.width;
          *out = inside ? s.factor * dot(here, b + (v * s.width + u) * n, n) : 0.0F;
        }
      }
    }
  }
}

UNBLUR_CLONES void correlation_backward(const CorrelationShape& s, const float* g, const float* a,
                                        const float* b, float* to_a, float* to_b) {
  const std::int64_t n = s.channels, r = s.radius;
  for (std::int64_t y = 0; y < s.height; ++y) {
    for (std::int64_t x = 0; x < s.width; ++x) {
      const std::int64_t here = (y * s.width + x) * n;
      std::fill_n(to_a + here, n, 0.0F);
      for (std::int64_t v = y - r; v <= y + r; ++v) {
        for (std::int64_t u = x - r; u <= x + r; ++u, ++g) {
          if (v < 0 || v >= s.height || u < 0 || u >= s.width) continue;
          const std::int64_t there = (v * s.width + u) * n;
          add_scaled(to_a + here, b + there, s.factor * *g, n);
          add_scaled(to_b + there, a + here, s.factor * *g, n);
        }
      }
    }
  }
}

}  // namespace unblur::fast
