// SPDX-License-Identifier: MIT
#include "losses.h"

#include <ATen/ATen.h>

#include "torch_ops.h"

namespace unblur {
namespace {

constexpr double kFlowEps = 1e-4;  // inside the root: px^2

at::Tensor masked_mean(const at::Tensor& values, const FlowTruth& truth) {
  const at::Tensor count = truth.count.defined() ? truth.count : truth.mask.sum();
  return (values * truth.mask).sum() / count.clamp_min(1.0);
}

at::Tensor squared_distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).square().sum(1, /*keepdim=*/true);
}

}  // namespace

at::Tensor charbonnier(const at::Tensor& a, const at::Tensor& b, double eps) {
  return ((a - b).square() + eps * eps).sqrt().mean();
}

at::Tensor frequency_l1(const at::Tensor& a, const at::Tensor& b) {
  // The transform is linear: one of the difference serves both.
  return at::view_as_real(at::fft_rfft2(a - b)).abs().mean();
}

at::Tensor picture_loss(const at::Tensor& picture, const at::Tensor& target, double frequency_weight) {
  const auto size = picture.sizes().slice(2);
  const at::Tensor aim = target.sizes().slice(2) == size ? target : at::adaptive_avg_pool2d(target, size);
  at::Tensor loss = charbonnier(picture, aim);
  if (frequency_weight > 0) loss = loss + frequency_weight * frequency_l1(picture, aim);
  return loss;
}

FlowTruth reduce_flow(const FlowTruth& full, int height, int width) {
  const at::Tensor share = at::adaptive_avg_pool2d(full.mask, {height, width});
  const at::Tensor sum = at::adaptive_avg_pool2d(full.flow * full.mask, {height, width});
  return {sum / share.clamp_min(1e-6), (share > 0.5).to(full.flow.scalar_type())};
}

FlowTruth part_of(const FlowTruth& whole, std::int64_t first, std::int64_t size) {
  return {whole.flow.narrow(0, first, size), whole.mask.narrow(0, first, size), whole.mask.sum()};
}

at::Tensor motion_loss(const at::Tensor& flow, const FlowTruth& truth) {
  return masked_mean((squared_distance(flow, truth.flow) + kFlowEps).sqrt(), truth);
}

EndPointError end_point_error(const at::Tensor& flow, const FlowTruth& truth) {
  const auto total = [&](const at::Tensor& f) {
    return (squared_distance(f, truth.flow).sqrt() * truth.mask).sum().item<double>();
  };
  const at::Tensor detached = flow.detach();
  return {total(detached), total(at::zeros_like(detached)), truth.mask.sum().item<double>()};
}

BlurInvariantTerm blur_invariant_term(const at::Tensor& flow, const at::Tensor& sharp_previous,
                                      const at::Tensor& sharp_current) {
  const op::Warp warp{.border = Border::kZero};
  const auto along_flow = [&](const at::Tensor& x, const at::Tensor& f) {
    return apply_op(warp, std::vector<at::Tensor>{x, f}, {});
  };
  const at::Tensor mask = along_flow(at::ones_like(sharp_previous.narrow(1, 0, 1)), flow.detach()).detach();
  const at::Tensor warped = along_flow(sharp_previous, flow);
  const auto channels = static_cast<double>(sharp_previous.size(1));
  return {(warped - mask * sharp_current).square().sum() / (mask.sum() * channels), warped, mask};
}

at::Tensor warp(const at::Tensor& picture, const at::Tensor& flow) {
  const auto h = picture.size(2), w = picture.size(3);
  const auto options = flow.options().requires_grad(false);
  const auto to_unit = [](const at::Tensor& position, std::int64_t size) {
    return position * (2.0 / static_cast<double>(std::max<std::int64_t>(size - 1, 1))) - 1.0;
  };
  const at::Tensor x = to_unit(flow.select(1, 0) + at::arange(w, options).view({1, 1, w}), w);
  const at::Tensor y = to_unit(flow.select(1, 1) + at::arange(h, options).view({1, h, 1}), h);
  constexpr int kBilinear = 0, kBorderClamp = 1;
  return at::grid_sampler_2d(picture, at::stack({x, y}, 3), kBilinear, kBorderClamp, /*align_corners=*/true);
}

at::Tensor temporal_loss(const at::Tensor& output, const at::Tensor& previous_output,
                         const at::Tensor& target, const at::Tensor& previous_target,
                         const FlowTruth& truth) {
  // warp(a) - warp(b) = warp(a - b): one warp of the previous error serves both.
  const at::Tensor change = (output - target) - warp(previous_output - previous_target, truth.flow);
  return masked_mean((change.square() + 1e-6).sqrt().mean(1, /*keepdim=*/true), truth);
}

}  // namespace unblur
