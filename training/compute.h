// SPDX-License-Identifier: MIT
// Where and in which precision training computes.
#pragma once

#include <string>

#include "torch_ops.h"

namespace unblur {

/// "auto" takes CUDA where LibTorch has it and a device answers, else the CPU; "cpu", "cuda", "cuda:N"
/// insist. Throws DeviceError if what was asked for is absent, UsageError for other texts.
[[nodiscard]] c10::Device choose_device(const std::string& text);

/// Whether forward passes run under bfloat16 autocast: "bf16" and "fp32" insist; "auto" takes it on CUDA and
/// on processors with bf16 multiplication (elsewhere it is emulated and slower than fp32).
[[nodiscard]] bool use_bf16(const std::string& precision, c10::Device device);

/// "CPU, 1 thread, fp32, channels last" for logs.
[[nodiscard]] std::string describe_compute(c10::Device device, bool bf16);

/// The layout in which convolutions of this project's sizes run fastest: channels last (measured on AVX2: 1.3
/// times faster than planar, batch 8, 16 to 64 channels).
[[nodiscard]] torch::Tensor in_fast_layout(const torch::Tensor& x);
/// Changes convolution weights in place; leaves stay leaves.
void to_fast_layout(TorchTensors& parameters);

}  // namespace unblur
