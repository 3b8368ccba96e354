// SPDX-License-Identifier: MIT
// Losses of the video networks. All are differentiable scalars; pictures are [n,3,h,w] sRGB values in
// [0,1], flows [n,2,h,w] in full-resolution pixels (dx, dy) from the current to the previous frame,
// masks [n,1,h,w] with 1 where the truth counts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace unblur {

/// mean(sqrt((a - b)^2 + eps^2)).
[[nodiscard]] at::Tensor charbonnier(const at::Tensor& a, const at::Tensor& b, double eps = 1e-3);

/// Mean absolute difference of real and imaginary parts of the unnormalised 2-d Fourier transforms
/// (Cho et al., MIMO-UNet, ICCV 2021, equation 5).
[[nodiscard]] at::Tensor frequency_l1(const at::Tensor& a, const at::Tensor& b);

/// charbonnier + frequency_weight * frequency_l1; `target` is reduced by area averaging to the size of
/// `picture` where that is smaller.
[[nodiscard]] at::Tensor picture_loss(const at::Tensor& picture, const at::Tensor& target,
                                      double frequency_weight);

/// Truth flow at the scale of a smaller map: the mean over the counted pixels of each cell, and a mask of the
/// cells more than half counted. Values stay in full-resolution pixels.
struct FlowTruth {
  at::Tensor flow, mask;
  at::Tensor count = {};  ///< what means divide by: sum of the mask, or of the mask of a whole batch
};
[[nodiscard]] FlowTruth reduce_flow(const FlowTruth& full, int height, int width);

/// Truth of `size` clips of a batch from `first` on. Means over the parts of a batch add up to its own.
[[nodiscard]] FlowTruth part_of(const FlowTruth& whole, std::int64_t first, std::int64_t size);

/// Mean over counted cells of sqrt(|flow - truth|^2 + 1e-4); zero where none counts.
[[nodiscard]] at::Tensor motion_loss(const at::Tensor& flow, const FlowTruth& truth);

/// Sums of end-point errors over counted cells: of the flow and of zero motion.
struct EndPointError {
  double flow = 0, zero = 0, count = 0;
  EndPointError& operator+=(const EndPointError& o) {
    flow += o.flow, zero += o.zero, count += o.count;
    return *this;
  }
  [[nodiscard]] double mean() const { return count > 0 ? flow / count : 0; }
  [[nodiscard]] double mean_zero() const { return count > 0 ? zero / count : 0; }
};
[[nodiscard]] EndPointError end_point_error(const at::Tensor& flow, const FlowTruth& truth);

/// One combination of the blur-invariant loss of PVDNet (Son et al. 2021, equation 1, as their code computes
/// it): the sharp previous frame, brought along the flow with zeros outside, against the sharp current one
/// where that was inside; sum of squares over sum of the mask. `flow` was estimated from blurred or sharp
/// frames.
struct BlurInvariantTerm {
  at::Tensor loss;    ///< scalar
  at::Tensor warped;  ///< [n,3,h,w]
  at::Tensor mask;    ///< [n,1,h,w], the share of the taps inside
};
[[nodiscard]] BlurInvariantTerm blur_invariant_term(const at::Tensor& flow, const at::Tensor& sharp_previous,
                                                    const at::Tensor& sharp_current);

/// Backward warp, bilinear, clamped at the border: out(y,x) = in(y + flow_y, x + flow_x).
[[nodiscard]] at::Tensor warp(const at::Tensor& picture, const at::Tensor& flow);

/// Charbonnier between the changes over time of output and target, each against its previous frame brought
/// along the true flow, where the mask counts: punishes flicker, not motion.
[[nodiscard]] at::Tensor temporal_loss(const at::Tensor& output, const at::Tensor& previous_output,
                                       const at::Tensor& target, const at::Tensor& previous_target,
                                       const FlowTruth& truth);

}  // namespace unblur
