// SPDX-License-Identifier: MIT
// The operators on which training on a CPU spends its time besides convolutions, as single passes with their
// own gradients. Composed of tensor operations each takes five to twenty passes over memory. Each function
// returns nothing where it does not apply (not the CPU, not float32), and the caller composes.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "graph/ops.h"

namespace unblur::fast {

/// op::NormChannels.
[[nodiscard]] std::optional<at::Tensor> norm_channels(const at::Tensor& x, bool centred, double eps);

/// x[c] * scale[c].
[[nodiscard]] std::optional<at::Tensor> channel_scale(const at::Tensor& x, const at::Tensor& scale);

/// u * v where both are the two halves of the channels of one tensor (a gate), whose gradient is then written
/// once.
[[nodiscard]] std::optional<at::Tensor> gate(const at::Tensor& u, const at::Tensor& v);

/// op::Warp; `flow` in pixels of x.
[[nodiscard]] std::optional<at::Tensor> warp(const at::Tensor& x, const at::Tensor& flow, bool zero_outside);

/// op::DeformConv2d. Samples are made again for the gradients, 1024 pixels at a time: nothing but the
/// operands is kept.
[[nodiscard]] std::optional<at::Tensor> deform_conv(const op::DeformConv2d& o, const at::Tensor& x,
                                                    const at::Tensor& offset,
                                                    const std::optional<at::Tensor>& mask,
                                                    const at::Tensor& weight,
                                                    const std::optional<at::Tensor>& bias);

/// op::GatherMean.
[[nodiscard]] std::optional<at::Tensor> gather_mean(const at::Tensor& x, const at::Tensor& offset);

/// op::Correlation with stride 1; with another one it is that of the subsampled operands.
[[nodiscard]] std::optional<at::Tensor> correlation(const at::Tensor& a, const at::Tensor& b, int radius,
                                                    bool mean);

}  // namespace unblur::fast
