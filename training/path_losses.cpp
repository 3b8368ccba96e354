// SPDX-License-Identifier: MIT
#include "path_losses.h"

#include <ATen/ATen.h>

#include "graph/exposure.h"

namespace unblur {
namespace {

constexpr double kPathEps = 1e-4;   // inside the root: px^2
constexpr double kShortPath = 1.0;  // px: errors of longer paths count in proportion to them

at::Tensor mean_over_instants(const at::Tensor& points, const PathTruth& truth, double eps) {
  return ((points - truth.gather).square().sum(2) + eps).sqrt().mean(1, /*keepdim=*/true);
}

}  // namespace

PathTruth reduce_paths(const PathTruth& full, std::int64_t height, std::int64_t width) {
  const auto& g = full.gather;
  if (g.size(3) == height && g.size(4) == width) return full;
  const FlowTruth small =
      reduce_flow({g.flatten(1, 2), full.mask}, static_cast<int>(height), static_cast<int>(width));
  return {small.flow.view({g.size(0), g.size(1), 2, height, width}), small.mask};
}

PathTruth reversed_where(const PathTruth& truth, const at::Tensor& which) {
  const at::Tensor gather = at::where(which.view({-1, 1, 1, 1, 1}), truth.gather.flip(1), truth.gather);
  return {gather, truth.mask, truth.count};
}

at::Tensor path_points(const at::Tensor& control, const std::string& mode, std::int64_t points) {
  std::vector<float> of_start, of_end;
  for (std::int64_t i = 0; i < points; ++i) {
    const double t = 2.0 * static_cast<double>(i) / static_cast<double>(points - 1) - 1.0;
    const auto weights = path_weights(mode, t);
    of_start.push_back(weights[0]);
    of_end.push_back(weights[1]);
  }
  const auto scaled = [&](const std::vector<float>& weights, std::int64_t first) {
    const at::Tensor dx_dy = control.narrow(1, first, 2).flip(1).unsqueeze(1);
    return dx_dy * at::tensor(weights).to(control.device()).view({1, points, 1, 1, 1});
  };
  const at::Tensor start = scaled(of_start, 0);
  return control.size(1) == 2 ? start : start + scaled(of_end, 2);
}

at::Tensor path_loss(const at::Tensor& control, const std::string& mode, const PathTruth& truth) {
  const at::Tensor points = path_points(control, mode, truth.gather.size(1));
  const at::Tensor count = truth.count.defined() ? truth.count : truth.mask.sum();
  const at::Tensor scale = path_distance(at::zeros_like(control), mode, truth) + kShortPath;
  return (mean_over_instants(points, truth, kPathEps) / scale * truth.mask).sum() / count.clamp_min(1.0);
}

at::Tensor path_distance(const at::Tensor& control, const std::string& mode, const PathTruth& truth) {
  return mean_over_instants(path_points(control.detach(), mode, truth.gather.size(1)), truth, 0.0);
}

at::Tensor better_reversed(const at::Tensor& control, const std::string& mode, const PathTruth& truth) {
  const at::Tensor points = path_points(control.detach(), mode, truth.gather.size(1));
  const PathTruth backwards{truth.gather.flip(1), truth.mask};
  const auto per_image = [&](const PathTruth& t) {
    return (mean_over_instants(points, t, 0.0) * t.mask).sum({1, 2, 3});
  };
  return per_image(backwards) < per_image(truth);
}

at::Tensor path_length(const PathTruth& truth) {
  return truth.gather.diff(1, 1).square().sum(2).sqrt().sum(1, /*keepdim=*/true);
}

BinnedPathError binned_path_error(const at::Tensor& control, const std::string& mode,
                                  const PathTruth& truth) {
  const at::Tensor error = path_distance(control, mode, truth),
                   zero = path_distance(at::zeros_like(control), mode, truth), length = path_length(truth);
  BinnedPathError bins;
  for (std::size_t b = 0; b < bins.size(); ++b) {
    at::Tensor in = truth.mask;
    if (b > 0) in = in * (length >= kBinEdges[b - 1]);
    if (b + 1 < bins.size()) in = in * (length < kBinEdges[b]);
    bins[b] = {(error * in).sum().item<double>(), (zero * in).sum().item<double>(), in.sum().item<double>()};
  }
  return bins;
}

}  // namespace unblur
