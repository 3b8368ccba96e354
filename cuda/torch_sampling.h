// SPDX-License-Identifier: MIT
// The operators that read at computed positions, composed of tensor operations. Positions are pixels, in the
// type of the flow; flows are float32 or float64.
#pragma once

#include <ATen/Tensor.h>

#include <optional>

#include "graph/ops.h"

namespace unblur::sample {

/// Nearest resize of [n,c,h,w] to height x width with exact integer positions (op::Resize).
[[nodiscard]] at::Tensor nearest(const at::Tensor& x, std::int64_t height, std::int64_t width,
                                 bool align_corners);

/// Bilinear sample of x at (column + flow[0], row + flow[1]) (op::Warp); differentiable in both.
[[nodiscard]] at::Tensor warp(const at::Tensor& x, const at::Tensor& flow, bool zero_outside);

/// op::GatherMean; differentiable in both.
[[nodiscard]] at::Tensor gather_mean(const at::Tensor& x, const at::Tensor& offset);

/// op::DeformConv2d; differentiable in all operands. Holds every tap's samples: kh*kw times `x`.
[[nodiscard]] at::Tensor deform_conv(const op::DeformConv2d& o, const at::Tensor& x, const at::Tensor& offset,
                                     const std::optional<at::Tensor>& mask, const at::Tensor& weight,
                                     const std::optional<at::Tensor>& bias);

/// op::Correlation. Peak memory is (2 radius + 1) times the operands.
[[nodiscard]] at::Tensor correlation(const at::Tensor& a, const at::Tensor& b, int radius, int stride,
                                     bool mean);

/// op::PixelVolume; no gradient reaches the flow, whose positions are truncated.
[[nodiscard]] at::Tensor pixel_volume(const at::Tensor& previous, const at::Tensor& current,
                                      const at::Tensor& flow, int radius, float outside);

}  // namespace unblur::sample
