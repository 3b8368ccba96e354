// SPDX-License-Identifier: MIT
// What Motion-ETR's authors train their offset network by (Zhang, Wang, Maybank, Tao, TPAMI 2022; as their
// code computes it): the sharp picture averaged along the predicted offsets shall be the blurred one.
// Pictures are [n,3,h,w] in [0,1]; offsets [n,2N,h,w] in px, time point k in channels 2k (dy) and 2k + 1
// (dx).
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace unblur {

/// Mean over the N time points of `sharp` sampled along the offsets, bilinear, zero outside.
[[nodiscard]] at::Tensor reblurred(const at::Tensor& sharp, const at::Tensor& offsets);

/// Multi-scale SSIM (Wang, Simoncelli, Bovik 2003) of `pytorch-msssim` by jorge-pessoa with its defaults:
/// five levels halved by 2x2 means; per level a Gaussian window of sigma 1.5 and size min(11, h, w) that
/// stays inside the picture, C1 = (0.01 L)^2, C2 = (0.03 L)^2, L guessed from the first picture's values.
struct MultiScaleSsim {
  /// product over levels 1 to 4 of cs^w, times (ssim of level 5)^w.
  at::Tensor value;
  std::vector<at::Tensor> ssim, cs;  ///< means per level
};
[[nodiscard]] MultiScaleSsim multi_scale_ssim(const at::Tensor& a, const at::Tensor& b);

/// mean |o(x) - o(x+1)| + mean |o(y) - o(y+1)| over everything.
[[nodiscard]] at::Tensor total_variation(const at::Tensor& offsets);

}  // namespace unblur
