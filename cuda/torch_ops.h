// SPDX-License-Identifier: MIT
// Every operator of graph/ops.h as differentiable tensor operations, on any device, batch and floating type.
// The formulas and border rules are those of graph/ops.h; tests/operators compares them with float64 loops.
#pragma once

#include <torch/types.h>

#include <map>
#include <span>
#include <string>

#include "graph/ops.h"
#include "graph/tensor.h"

namespace unblur {

using TorchTensors = std::map<std::string, torch::Tensor, std::less<>>;

/// The output of one operator (not op::Input, op::State) for operands [n,c,h,w]. `parameters` holds what the
/// attributes name, with the shapes of Graph::parameters(). Norms, sums and sampling positions are computed
/// in at least float32 whatever the operands' type. Throws c10::Error on shapes that do not fit.
[[nodiscard]] torch::Tensor apply_op(const Op& op, std::span<const torch::Tensor> operands,
                                     const TorchTensors& parameters);

/// Host tensor <-> torch tensor (a copy, on the CPU). Floating and integer types keep their type.
[[nodiscard]] torch::Tensor to_torch(const Tensor& tensor);
[[nodiscard]] Tensor from_torch(const torch::Tensor& tensor);  ///< always F32

}  // namespace unblur
