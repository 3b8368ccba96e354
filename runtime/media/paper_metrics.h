// SPDX-License-Identifier: MIT
// The metrics that the authors of PVDNet (Son et al., ACM TOG 2021) and Motion-ETR (Zhang et al., TPAMI 2022)
// report, for comparisons with their tables.
// Everything else in this project uses metrics.h.
#pragma once

#include <span>

#include "media/metrics.h"

namespace unblur {

struct Quality {
  double psnr = 0;  ///< dB; infinity for equal pictures
  double ssim = 0;
};

/// What the tables show, after Koehler et al. 2012 and Su et al. 2017: 16 px cropped from every side,
/// intensity of `result` scaled and its global translation (whole pixels, the peak of the circular
/// cross-correlation) removed, then PSNR and SSIM (11x11 Gaussian window) of the luminance, the zeroed margin
/// included.
struct AlignedQuality {
  Quality quality;
  int shift_rows = 0, shift_columns = 0;  ///< by which `result` was moved
};
/// Throws InputError if sizes differ, if there are not 3 channels, or if less than 11 px are left.
[[nodiscard]] AlignedQuality aligned_quality(const Picture8& truth, const Picture8& result);

/// What their test program prints: interleaved values (0 to 1, not clamped), all channels: PSNR of the mean
/// squared error, and SSIM with a uniform 7x7 window, sample covariances and a border of 3 px left out. With
/// `ssim_range` 2 the SSIM is what Motion-ETR's script prints: scikit-image took floats for [-1, 1]. Throws
/// InputError if the spans do not hold width * height * channels values or a side is below 7.
[[nodiscard]] Quality plain_quality(std::span<const float> truth, std::span<const float> result, int width,
                                    int height, int channels, double ssim_range = 1);

}  // namespace unblur
