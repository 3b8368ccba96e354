// SPDX-License-Identifier: MIT
// Runs a Graph with LibTorch: differentiable everywhere, any device, batch size and floating type. Training
// and the LibTorch executor (torch_backend.cpp) share it.
//
//   TorchGraph net(model.graph, parameters);
//   net.require_gradients(true);
//   TorchStep step = net.forward({{"frame", x}}, {});                 // first frame: states take initial
//   values step = net.forward({{"frame", y}}, step.states);                  // carried on, gradients
//   included step = net.forward({{"frame", y}}, states, {.outputs = {"flow"}}) // only what the flow needs
//
// Runs under the caller's autograd and autocast modes. Thread-safe as far as the parameters are not changed.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "torch_ops.h"

namespace unblur {

/// Outputs and next states to compute; nothing else is evaluated.
struct TorchWanted {
  std::vector<std::string> outputs;
  std::vector<std::string> states;
  /// Called after every evaluated node; the reference dies with the call unless it is copied.
  std::function<void(Value, const torch::Tensor&)> observe = {};
  /// What readers of a node see in place of its value: rounding, faults. Not called for inputs and states.
  std::function<torch::Tensor(Value, const torch::Tensor&)> replace = {};
};

struct TorchStep {
  TorchTensors outputs;  ///< by output name, [n,c,h,w]
  TorchTensors states;   ///< by state name: what the next frame reads
};

class TorchGraph {
 public:
  /// Copies `parameters` (shapes of Graph::parameters()) to device and type. Throws ModelError if one is
  /// missing.
  TorchGraph(Graph graph, const TensorMap& parameters, const torch::TensorOptions& options = torch::kFloat32);

  [[nodiscard]] const Graph& graph() const noexcept { return graph_; }
  /// Leaf tensors by parameter name; changed in place by an optimiser.
  [[nodiscard]] TorchTensors& parameters() noexcept { return parameters_; }
  [[nodiscard]] const TorchTensors& parameters() const noexcept { return parameters_; }
  void require_gradients(bool wanted);
  /// The parameters as host tensors, F32.
  [[nodiscard]] TensorMap export_parameters() const;

  /// All outputs and all next states.
  [[nodiscard]] TorchWanted everything() const;
  /// One frame: `inputs` by op::Input name. A state that `states` lacks takes its initial value, evaluated on
  /// this frame. An intermediate value is released after its last reader, unless autograd keeps it.
  /// Throws ModelError on a missing input, ProcessingError naming the node where an operator fails.
  [[nodiscard]] TorchStep forward(const TorchTensors& inputs, const TorchTensors& states) const;
  [[nodiscard]] TorchStep forward(const TorchTensors& inputs, const TorchTensors& states,
                                  const TorchWanted& wanted) const;

 private:
  Graph graph_;
  TorchTensors parameters_;
};

}  // namespace unblur
