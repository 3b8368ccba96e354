// SPDX-License-Identifier: MIT
// The project's one code for picture quality: squared error, PSNR and SSIM of 8-bit pictures.
#pragma once

#include <cstdint>
#include <span>

namespace unblur {

/// Interleaved 8-bit samples in tight rows; not owned.
struct Picture8 {
  const std::uint8_t* data = nullptr;
  int width = 0, height = 0;
  int channels = 3;
};

/// Sum of squared differences and its sample count. Adding sums pools pictures, so that one exact picture
/// does not make a mean of PSNRs infinite.
struct SquaredError {
  double sum = 0;  ///< in squared code values
  std::int64_t count = 0;
  SquaredError& operator+=(const SquaredError& o) noexcept {
    sum += o.sum;
    count += o.count;
    return *this;
  }
  [[nodiscard]] double mse() const noexcept { return count > 0 ? sum / static_cast<double>(count) : 0.0; }
  /// 10 log10(255^2 / mse); infinity for an exact match, NaN if nothing was added.
  [[nodiscard]] double psnr() const noexcept;
};

/// Squared error over all samples at least `border` px from the edge.
/// Throws InputError if sizes or channels differ or nothing is left inside the border.
[[nodiscard]] SquaredError squared_error(const Picture8& a, const Picture8& b, int border = 0);

/// SSIM (Wang, Bovik, Sheikh, Simoncelli 2004): 11x11 Gaussian window of sigma 1.5 that stays inside the
/// picture, K1 = 0.01, K2 = 0.03, L = 255; mean over window positions, then over channels. 1 for equal
/// pictures. Throws InputError as above, and where less than 11 px are left in a direction.
[[nodiscard]] double ssim(const Picture8& a, const Picture8& b, int border = 0);
/// The same of one channel of any values in [0, 255], in tight rows of `width`.
[[nodiscard]] double ssim(std::span<const double> a, std::span<const double> b, int width, int height);

}  // namespace unblur
