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
#define UNBLUR_INLINE __attribute__((always_inline)) inline

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

/// The four taps of a bilinear sample with a replicated border.
struct Taps {
  std::int64_t at[4];  ///< pixel numbers: upper left, upper right, lower left, lower right
  float fx, fy;
  bool moves_x, moves_y;  ///< the position was not clamped, so the flow has a gradient
};

UNBLUR_INLINE Taps taps_at(const WarpShape& s, float x, float y) {
  const auto right = static_cast<float>(s.width - 1), bottom = static_cast<float>(s.height - 1);
  Taps t{};
  t.moves_x = x >= 0 && x <= right;
  t.moves_y = y >= 0 && y <= bottom;
  x = std::min(std::max(x, 0.0F), right);
  y = std::min(std::max(y, 0.0F), bottom);
  const auto x0 = static_cast<std::int64_t>(x), y0 = static_cast<std::int64_t>(y);
  const std::int64_t x1 = std::min(x0 + 1, s.width - 1), y1 = std::min(y0 + 1, s.height - 1);
  t.at[0] = y0 * s.width + x0, t.at[1] = y0 * s.width + x1;
  t.at[2] = y1 * s.width + x0, t.at[3] = y1 * s.width + x1;
  t.fx = x - static_cast<float>(x0), t.fy = y - static_cast<float>(y0);
  return t;
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
    const float wa = (1 - t.fx) * (1 - t.fy), wb = t.fx * (1 - t.fy), wc = (1 - t.fx) * t.fy,
                wd = t.fx * t.fy;
    for (std::int64_t i = 0; i < n; ++i) out[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
  }
}

UNBLUR_CLONES void warp_backward(const WarpShape& s, const float* g, const float* x, const float* flow,
                                 float* to_x, float* to_flow) {
  const std::int64_t plane = s.height * s.width, n = s.channels;
  for (std::int64_t p = 0; p < plane; ++p, g += n) {
    const Taps t = taps_at(s, static_cast<float>(p % s.width) + flow[p],
                           static_cast<float>(p / s.width) + flow[plane + p]);
    add_scaled(to_x + t.at[0] * n, g, (1 - t.fx) * (1 - t.fy), n);
    add_scaled(to_x + t.at[1] * n, g, t.fx * (1 - t.fy), n);
    add_scaled(to_x + t.at[2] * n, g, (1 - t.fx) * t.fy, n);
    add_scaled(to_x + t.at[3] * n, g, t.fx * t.fy, n);
    const float ga = dot(g, x + t.at[0] * n, n), gb = dot(g, x + t.at[1] * n, n),
                gc = dot(g, x + t.at[2] * n, n), gd = dot(g, x + t.at[3] * n, n);
    to_flow[p] = t.moves_x ? (gb - ga) * (1 - t.fy) + (gd - gc) * t.fy : 0.0F;
    to_flow[plane + p] = t.moves_y ? (gc - ga) * (1 - t.fx) + (gd - gb) * t.fx : 0.0F;
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
