// SPDX-License-Identifier: MIT
// A plan whose layers run one by one, so that two backends can be compared in lock-step: every layer's value
// can be read, and any layer can be run on other operands. Fusion, kernels and packed weights are those of
// the plain plan, and so are the bits of its values.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/tensor.h"

namespace unblur {

/// One kernel. Values are those of the model's graph; an invalid one has no counterpart there.
struct ObservedLayer {
  std::string name;              ///< of the main node
  std::string op, kernel;        ///< "conv2d", "conv_reg_f32"
  std::vector<Value> covers;     ///< nodes computed here
  std::vector<Value> operands;   ///< what it reads: results of earlier layers, inputs, states
  Value output;                  ///< what it stores
  std::vector<Value> completes;  ///< readable once it ran: the output, and what lies in the same memory
};

class ObservedPlan {
 public:
  virtual ~ObservedPlan() = default;
  [[nodiscard]] virtual std::span<const ObservedLayer> layers() const = 0;
  /// Values that can be read after `begin`: inputs, states, and what lies in their memory.
  [[nodiscard]] virtual std::span<const Value> sources() const = 0;

  /// A new frame: planar float inputs [1,c,h,w] by name. On a `first` frame states take their initial values,
  /// else what the frame before left. Throws InputError where an input is missing or misshapen.
  virtual void begin(const TensorMap& inputs, bool first) = 0;
  /// Runs the next layer.
  virtual void step() = 0;
  /// What the layer that ran last completed (or a source, before the first), [1,c,h,w] as F32.
  [[nodiscard]] virtual Tensor read(Value v) = 0;
  /// Runs layer `index` on other operands in memory of its own, and returns its output. Changes nothing.
  [[nodiscard]] virtual Tensor run_on(std::size_t index, std::span<const Tensor* const> operands) = 0;
  /// After the last layer: outputs by name. The states move on.
  virtual TensorMap finish() = 0;

  /// Most bytes of tensors (activations, states; no weights) that this plan held at once since the last call.
  [[nodiscard]] virtual std::uint64_t tensor_bytes() = 0;
};

}  // namespace unblur
