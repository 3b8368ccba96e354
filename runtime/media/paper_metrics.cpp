// SPDX-License-Identifier: MIT
#include "media/paper_metrics.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <complex>
#include <numbers>
#include <vector>

#include "graph/error.h"

namespace unblur {
namespace {

using Complex = std::complex<double>;

constexpr int kBorder = 16;
constexpr double kLuminance[3] = {0.299, 0.587, 0.114};

/// One channel of doubles.
struct Plane {
  int height = 0, width = 0;
  std::vector<double> values;

  Plane(int h, int w)
      : height(h), width(w), values(static_cast<std::size_t>(h) * static_cast<std::size_t>(w)) {}
  double& at(int y, int x) { return values[index(y, x)]; }
  [[nodiscard]] double at(int y, int x) const { return values[index(y, x)]; }
  [[nodiscard]] std::size_t index(int y, int x) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
  }
};
using Planes = std::array<Plane, 3>;

Planes cropped(const Picture8& picture) {
  const int h = picture.height - 2 * kBorder, w = picture.width - 2 * kBorder;
  Planes planes{Plane(h, w), Plane(h, w), Plane(h, w)};
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const std::size_t pixel =
            static_cast<std::size_t>(y + kBorder) * static_cast<std::size_t>(picture.width) +
            static_cast<std::size_t>(x + kBorder);
        planes[static_cast<std::size_t>(c)].at(y, x) = picture.data[3 * pixel + static_cast<std::size_t>(c)];
      }
    }
  }
  return planes;
}

/// Discrete Fourier transform of any length: splits by the smallest prime factor (Cooley and Tukey 1965).
class Fourier {
 public:
  Fourier(int length, bool inverse) : roots_(static_cast<std::size_t>(length)) {
    const double angle = (inverse ? 2 : -2) * std::numbers::pi / length;
    for (int i = 0; i < length; ++i) roots_[static_cast<std::size_t>(i)] = std::polar(1.0, angle * i);
  }
  [[nodiscard]] std::vector<Complex> operator()(const std::vector<Complex>& in) const {
    std::vector<Complex> out(in.size());
    transform(in.data(), 1, out.data(), in.size());
    return out;
  }

 private:
  void transform(const Complex* in, std::size_t step, Complex* out, std::size_t n) const {
    if (n == 1) {
      *out = *in;
      return;
    }
    std::size_t p = 2;
    while (n % p != 0) ++p;
    const std::size_t m = n / p, scale = roots_.size() / n;
    for (std::size_t r = 0; r < p; ++r) transform(in + r * step, step * p, out + r * m, m);
    std::vector<Complex> column(p);
    for (std::size_t k = 0; k < m; ++k) {
      for (std::size_t r = 0; r < p; ++r) column[r] = out[r * m + k];
      for (std::size_t q = 0; q < p; ++q) {
        Complex sum = 0;
        for (std::size_t r = 0; r < p; ++r)
          sum += column[r] * roots_[r * (k + q * m) * scale % roots_.size()];
        out[q * m + k] = sum;
      }
    }
  }
  std::vector<Complex> roots_;
};

/// In place, rows then columns; unscaled.
void fourier2(std::vector<Complex>& values, int height, int width, bool inverse) {
  const auto h = static_cast<std::size_t>(height), w = static_cast<std::size_t>(width);
  const Fourier rows(width, inverse), columns(height, inverse);
  for (std::size_t y = 0; y < h; ++y) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(y * w);
    const auto row = rows({begin, begin + static_cast<std::ptrdiff_t>(w)});
    std::copy(row.begin(), row.end(), begin);
  }
  std::vector<Complex> column(h);
  for (std::size_t x = 0; x < w; ++x) {
    for (std::size_t y = 0; y < h; ++y) column[y] = values[y * w + x];
    const auto done = columns(column);
    for (std::size_t y = 0; y < h; ++y) values[y * w + x] = done[y];
  }
}

std::vector<Complex> mean_spectrum(const Planes& planes) {
  std::vector<Complex> mean(planes[0].values.size());
  for (std::size_t i = 0; i < mean.size(); ++i) {
    mean[i] = (planes[0].values[i] + planes[1].values[i] + planes[2].values[i]) / 3;
  }
  fourier2(mean, planes[0].height, planes[0].width, false);
  return mean;
}

/// Rows and columns by which `result` has to move; of equal peaks the first in column order.
std::pair<int, int> translation(const Planes& truth, const Planes& result) {
  const int h = truth[0].height, w = truth[0].width;
  std::vector<Complex> product = mean_spectrum(truth);
  const std::vector<Complex> other = mean_spectrum(result);
  for (std::size_t i = 0; i < product.size(); ++i) product[i] *= std::conj(other[i]);
  fourier2(product, h, w, true);
  int row = 0, column = 0;
  for (int x = 0; x < w; ++x) {
    for (int y = 0; y < h; ++y) {
      if (product[truth[0].index(y, x)].real() > product[truth[0].index(row, column)].real()) {
        row = y;
        column = x;
      }
    }
  }
  return {row + 1 > h / 2 ? row - h : row, column + 1 > w / 2 ? column - w : column};
}

double psnr(double peak, double mse) { return 10 * std::log10(peak * peak / mse); }

/// One channel of interleaved values.
struct Strided {
  const float* values;
  int width, channels;
  [[nodiscard]] double at(int y, int x) const {
    return static_cast<double>(values[(static_cast<std::ptrdiff_t>(y) * width + x) * channels]);
  }
};

double uniform_ssim(const Strided& a, const Strided& b, int width, int height, double range) {
  constexpr int kSide = 7;
  constexpr double kCount = kSide * kSide;
  const double c1 = 0.01 * 0.01 * range * range, c2 = 0.03 * 0.03 * range * range;
  double sum = 0;
  for (int y = 0; y + kSide <= height; ++y) {
    for (int x = 0; x + kSide <= width; ++x) {
      double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
      for (int j = 0; j < kSide; ++j) {
        for (int i = 0; i < kSide; ++i) {
          const double p = a.at(y + j, x + i), q = b.at(y + j, x + i);
          ma += p, mb += q;
          aa += p * p, bb += q * q, ab += p * q;
        }
      }
      ma /= kCount, mb /= kCount;
      const auto sample = [&](double product, double means) {
        return (product - kCount * means) / (kCount - 1);
      };
      sum += (2 * ma * mb + c1) * (2 * sample(ab, ma * mb) + c2) /
             ((ma * ma + mb * mb + c1) * (sample(aa, ma * ma) + sample(bb, mb * mb) + c2));
    }
  }
  return sum / (static_cast<double>(height - kSide + 1) * (width - kSide + 1));
}

}  // namespace

AlignedQuality aligned_quality(const Picture8& truth, const Picture8& result) {
  constexpr int kLeast = 2 * kBorder + 11;
  if (truth.width != result.width || truth.height != result.height || truth.channels != 3 ||
      result.channels != 3 || truth.width < kLeast || truth.height < kLeast) {
    throw InputError(fmt::format("two RGB pictures of one size, at least {} px, are needed", kLeast));
  }
  const Planes x = cropped(truth);
  Planes z = cropped(result);
  double cross = 0, square = 0;
  for (std::size_t c = 0; c < 3; ++c) {
    for (std::size_t i = 0; i < z[c].values.size(); ++i) {
      cross += x[c].values[i] * z[c].values[i];
      square += z[c].values[i] * z[c].values[i];
    }
  }
  if (square > 0) {
    for (Plane& plane : z) {
      for (double& v : plane.values) v *= cross / square;
    }
  }
  const auto [rows, columns] = translation(x, z);
  const int h = x[0].height, w = x[0].width;
  Plane moved(h, w), masked(h, w);  // luminance; zero where the moved picture does not reach
  double error = 0;
  for (int y = 0; y < h; ++y) {
    for (int i = 0; i < w; ++i) {
      const int from_y = y - rows, from_x = i - columns;
      if (from_y < 0 || from_y >= h || from_x < 0 || from_x >= w) continue;
      for (std::size_t c = 0; c < 3; ++c) {
        moved.at(y, i) += kLuminance[c] * z[c].at(from_y, from_x);
        masked.at(y, i) += kLuminance[c] * x[c].at(y, i);
      }
      const double d = moved.at(y, i) - masked.at(y, i);
      error += d * d;
    }
  }
  return {{psnr(255, error / (static_cast<double>(h) * w)), ssim(masked.values, moved.values, w, h)},
          rows,
          columns};
}

Quality plain_quality(std::span<const float> truth, std::span<const float> result, int width, int height,
                      int channels, double ssim_range) {
  const std::int64_t count = std::int64_t{width} * height * channels;
  if (width < 7 || height < 7 || channels < 1 || static_cast<std::int64_t>(truth.size()) != count ||
      truth.size() != result.size()) {
    throw InputError("two pictures of one size, at least 7 px, are needed");
  }
  double error = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double d = static_cast<double>(truth[i]) - static_cast<double>(result[i]);
    error += d * d;
  }
  Quality quality{.psnr = psnr(1, error / static_cast<double>(count))};
  for (int c = 0; c < channels; ++c) {
    quality.ssim += uniform_ssim({truth.data() + c, width, channels}, {result.data() + c, width, channels},
                                 width, height, ssim_range) /
                    channels;
  }
  return quality;
}

}  // namespace unblur
