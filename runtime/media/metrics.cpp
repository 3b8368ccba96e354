// SPDX-License-Identifier: MIT
// Squared error and SSIM. SSIM filters five moment pictures per channel with a separable window, rows first.
#include "media/metrics.h"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr int kWindow = 11;
constexpr double kSigma = 1.5;

void check(const Picture8& a, const Picture8& b, int border, int smallest) {
  if (a.width != b.width || a.height != b.height || a.channels != b.channels) {
    throw InputError("pictures of different size cannot be compared: " + std::to_string(a.width) + "x" +
                     std::to_string(a.height) + " and " + std::to_string(b.width) + "x" +
                     std::to_string(b.height));
  }
  if (border < 0 || a.width - 2 * border < smallest || a.height - 2 * border < smallest) {
    throw InputError("picture of " + std::to_string(a.width) + "x" + std::to_string(a.height) +
                     " is too small to compare inside a border of " + std::to_string(border) + " px");
  }
}

std::array<double, kWindow> gaussian() {
  std::array<double, kWindow> g{};
  double sum = 0;
  constexpr int kCentre = kWindow / 2;
  for (int i = 0; i < kWindow; ++i) {
    const double d = i - kCentre;
    g[static_cast<std::size_t>(i)] = std::exp(-d * d / (2 * kSigma * kSigma));
    sum += g[static_cast<std::size_t>(i)];
  }
  for (double& v : g) v /= sum;
  return g;
}

/// One channel of the inner rectangle.
std::vector<double> channel_of(const Picture8& p, int border, int channel) {
  std::vector<double> values;
  for (int y = border; y < p.height - border; ++y) {
    for (int x = border; x < p.width - border; ++x) {
      values.push_back(p.data[(static_cast<std::size_t>(y) * static_cast<std::size_t>(p.width) +
                               static_cast<std::size_t>(x)) *
                                  static_cast<std::size_t>(p.channels) +
                              static_cast<std::size_t>(channel)]);
    }
  }
  return values;
}

}  // namespace

double SquaredError::psnr() const noexcept {
  if (count == 0) return std::numeric_limits<double>::quiet_NaN();
  if (sum <= 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(255.0 * 255.0 / mse());
}

SquaredError squared_error(const Picture8& a, const Picture8& b, int border) {
  check(a, b, border, 1);
  SquaredError error;
  const int row_samples = (a.width - 2 * border) * a.channels;
  for (int y = border; y < a.height - border; ++y) {
    const auto start =
        (static_cast<std::size_t>(y) * static_cast<std::size_t>(a.width) + static_cast<std::size_t>(border)) *
        static_cast<std::size_t>(a.channels);
    std::int64_t row = 0;
    for (int i = 0; i < row_samples; ++i) {
      const int d = a.data[start + static_cast<std::size_t>(i)] - b.data[start + static_cast<std::size_t>(i)];
      row += d * d;
    }
    error.sum += static_cast<double>(row);
  }
  error.count = static_cast<std::int64_t>(row_samples) * (a.height - 2 * border);
  return error;
}

double ssim(std::span<const double> a, std::span<const double> b, int width, int height) {
  static const auto g = gaussian();
  const int out_w = width - kWindow + 1;
  // Moments E[a], E[b], E[aa], E[bb], E[ab], filtered along rows; then along columns on the fly.
  std::vector<std::array<double, 5>> rows(static_cast<std::size_t>(out_w) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < out_w; ++x) {
      std::array<double, 5> m{};
      for (int k = 0; k < kWindow; ++k) {
        const auto i =
            static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x + k);
        const double va = a[i], vb = b[i], gk = g[static_cast<std::size_t>(k)];
        m[0] += gk * va, m[1] += gk * vb, m[2] += gk * va * va, m[3] += gk * vb * vb, m[4] += gk * va * vb;
      }
      rows[static_cast<std::size_t>(y) * static_cast<std::size_t>(out_w) + static_cast<std::size_t>(x)] = m;
    }
  }
  constexpr double kC1 = (0.01 * 255) * (0.01 * 255), kC2 = (0.03 * 255) * (0.03 * 255);
  double sum = 0;
  for (int y = 0; y + kWindow <= height; ++y) {
    for (int x = 0; x < out_w; ++x) {
      std::array<double, 5> m{};
      for (int k = 0; k < kWindow; ++k) {
        const auto& r = rows[static_cast<std::size_t>(y + k) * static_cast<std::size_t>(out_w) +
                             static_cast<std::size_t>(x)];
        for (std::size_t i = 0; i < 5; ++i) m[i] += g[static_cast<std::size_t>(k)] * r[i];
      }
      const double var_a = m[2] - m[0] * m[0], var_b = m[3] - m[1] * m[1], cov = m[4] - m[0] * m[1];
      sum += (2 * m[0] * m[1] + kC1) * (2 * cov + kC2) /
             ((m[0] * m[0] + m[1] * m[1] + kC1) * (var_a + var_b + kC2));
    }
  }
  return sum / (static_cast<double>(out_w) * (height - kWindow + 1));
}

double ssim(const Picture8& a, const Picture8& b, int border) {
  check(a, b, border, kWindow);
  double sum = 0;
  for (int c = 0; c < a.channels; ++c) {
    sum +=
        ssim(channel_of(a, border, c), channel_of(b, border, c), a.width - 2 * border, a.height - 2 * border);
  }
  return sum / a.channels;
}

}  // namespace unblur
