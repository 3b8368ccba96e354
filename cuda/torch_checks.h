// SPDX-License-Identifier: MIT
// What operands must be before a kernel sees their pointers. Shared by the CPU forms and the CUDA kernels.
// Every function throws c10::Error naming the operand.
#pragma once

#include <ATen/Tensor.h>

#include <optional>

#include "graph/ops.h"

namespace unblur::check {

/// x [n,c,h,w], flow [n,2,h,w], both floating and on one device.
void warp(const at::Tensor& x, const at::Tensor& flow);
/// a, b of one shape [n,c,h,w] with c > 0; radius >= 0, stride >= 1.
void correlation(const at::Tensor& a, const at::Tensor& b, int radius, int stride);
/// previous, current [n,3,h,w], flow [n,2,h,w]; radius >= 0.
void pixel_volume(const at::Tensor& previous, const at::Tensor& current, const at::Tensor& flow, int radius);
/// Shapes of op::DeformConv2d with a batch.
void deform_conv(const op::DeformConv2d& o, const at::Tensor& x, const at::Tensor& offset,
                 const std::optional<at::Tensor>& mask, const at::Tensor& weight,
                 const std::optional<at::Tensor>& bias);

}  // namespace unblur::check
