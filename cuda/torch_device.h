// SPDX-License-Identifier: MIT
// CUDA, where there is one: LibTorch's own library and that of our kernels are loaded at run time.
#pragma once

#include <ATen/Tensor.h>

#include <optional>
#include <string>

#include "graph/ops.h"

namespace unblur {

/// Operators with kernels of ours, differentiable; tensors on one CUDA device, of one floating type (flows,
/// offsets and masks may be wider). Same meaning as unblur::sample (torch_sampling.h).
struct DeviceOperators {
  at::Tensor (*warp)(const at::Tensor& x, const at::Tensor& flow, bool zero_outside);
  at::Tensor (*correlation)(const at::Tensor& a, const at::Tensor& b, int radius, int stride, bool mean);
  at::Tensor (*pixel_volume)(const at::Tensor& previous, const at::Tensor& current, const at::Tensor& flow,
                             int radius, float outside);
  at::Tensor (*deform_conv)(const op::DeformConv2d& o, const at::Tensor& x, const at::Tensor& offset,
                            const std::optional<at::Tensor>& mask, const at::Tensor& weight,
                            const std::optional<at::Tensor>& bias);
};

/// Null for tensors that are not on a CUDA device, and where the library of kernels is not installed: then
/// operators are composed of LibTorch's.
[[nodiscard]] const DeviceOperators* device_operators(const at::Tensor& x);

/// Makes CUDA appear in LibTorch. Empty, or why it does not.
[[nodiscard]] const std::string& load_cuda();
/// Empty, or why our kernels cannot be used.
[[nodiscard]] const std::string& load_cuda_kernels();

}  // namespace unblur

/// Of libunblur_cuda.so; the number changes with DeviceOperators.
extern "C" const unblur::DeviceOperators* unblur_cuda_operators_1();
