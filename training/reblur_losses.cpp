// SPDX-License-Identifier: MIT
#include "reblur_losses.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "torch_ops.h"

namespace unblur {
namespace {

constexpr std::array kLevelWeights{0.0448, 0.2856, 0.3001, 0.2363, 0.1333};
constexpr double kWindowSigma = 1.5;
constexpr std::int64_t kWindowSize = 11;

/// Weighted means of [m,1,h,w] over a window that stays inside.
at::Tensor window_means(const at::Tensor& x) {
  const std::int64_t size = std::min({kWindowSize, x.size(2), x.size(3)});
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) {  // an even window is off its centre, as theirs
    const auto d = static_cast<double>(i - size / 2);
    weights.push_back(std::exp(-d * d / (2 * kWindowSigma * kWindowSigma)));
    sum += weights.back();
  }
  for (double& w : weights) w /= sum;
  const at::Tensor window = at::tensor(weights, x.options().requires_grad(false));
  return at::conv2d(at::conv2d(x, window.view({1, 1, 1, size})), window.view({1, 1, size, 1}));
}

double value_span(const at::Tensor& picture) {
  const double high = picture.max().item<double>() > 128 ? 255 : 1;
  return picture.min().item<double>() < -0.5 ? high + 1 : high;
}

struct LevelSsim {
  at::Tensor ssim, cs;
};

LevelSsim level_ssim(const at::Tensor& a, const at::Tensor& b) {
  const double span = value_span(a), c1 = std::pow(0.01 * span, 2), c2 = std::pow(0.03 * span, 2);
  const auto planes = [](const at::Tensor& x) { return x.flatten(0, 1).unsqueeze(1); };
  const at::Tensor x = planes(a), y = planes(b);
  const auto means = window_means(at::cat({x, y, x * x, y * y, x * y})).chunk(5);
  const at::Tensor &mx = means[0], &my = means[1];
  const at::Tensor var_x = means[2] - mx * mx, var_y = means[3] - my * my, covariance = means[4] - mx * my;
  const at::Tensor structure = (2 * covariance + c2) / (var_x + var_y + c2);
  const at::Tensor luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1);
  return {(luminance * structure).mean(), structure.mean()};
}

}  // namespace

at::Tensor reblurred(const at::Tensor& sharp, const at::Tensor& offsets) {
  return apply_op(op::GatherMean{}, std::array{sharp, offsets}, {});
}

MultiScaleSsim multi_scale_ssim(const at::Tensor& first, const at::Tensor& second) {
  MultiScaleSsim result;
  at::Tensor a = first, b = second;
  for (std::size_t level = 0; level < kLevelWeights.size(); ++level) {
    if (level > 0) a = at::avg_pool2d(a, {2, 2}), b = at::avg_pool2d(b, {2, 2});
    const LevelSsim one = level_ssim(a, b);
    result.ssim.push_back(one.ssim);
    result.cs.push_back(one.cs);
    const bool last = level + 1 == kLevelWeights.size();
    const at::Tensor factor = (last ? one.ssim : one.cs).pow(kLevelWeights[level]);
    result.value = result.value.defined() ? result.value * factor : factor;
  }
  return result;
}

at::Tensor total_variation(const at::Tensor& offsets) {
  return offsets.diff(1, 3).abs().mean() + offsets.diff(1, 2).abs().mean();
}

}  // namespace unblur
