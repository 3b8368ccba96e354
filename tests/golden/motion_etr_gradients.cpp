// SPDX-License-Identifier: MIT
// What of the kinds of "motion-etr" needs autograd.
#include <ATen/ATen.h>

#include "motion_etr_kinds.h"
#include "torch_ops.h"

namespace unblur::golden::motion_etr {

void deform_conv_gradients(Case& c, const std::string& prefix, const op::DeformConv2d& op,
                           const std::vector<Tensor>& operands, const TensorMap& parameters) {
  constexpr double kGradientBound = 1e-4;  // absolute (README of the cases)
  if (!c.has(prefix + "grad_output")) return;
  std::vector<at::Tensor> leaves;
  for (const Tensor& t : operands) leaves.push_back(to_torch(t).requires_grad_(true));
  TorchTensors weights;
  for (const auto& [name, t] : parameters) weights[name] = to_torch(t).requires_grad_(true);
  apply_op(op, leaves, weights).backward(to_torch(c.input(prefix + "grad_output")));
  const char* names[] = {"x", "offset", "mask"};
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    c.compare(prefix + "grad_" + names[i], from_torch(leaves[i].grad()), kGradientBound);
  }
  for (const auto& [name, t] : weights)
    c.compare(prefix + "grad_" + name, from_torch(t.grad()), kGradientBound);
}

}  // namespace unblur::golden::motion_etr
