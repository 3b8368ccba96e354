// SPDX-License-Identifier: MIT
// A graph on its way to kernels: nodes that passes (passes.h) merge, drop and place. The last form is a list
// of steps in an order that can run, each storing one value, and for every value where it lies.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/model.h"
#include "vulkan/kernel.h"

namespace unblur::vk {

/// Of what belongs to `v` in tables by value.
[[nodiscard]] inline std::size_t index_of(Value v) { return static_cast<std::size_t>(v.id); }

/// A graph node, or what became of several. Stored at the index of the value it stores.
struct LoweredNode {
  std::string name;  ///< of the main operator's node
  Op op;
  Epilogue epilogue;
  std::vector<Value> inputs;  ///< operands of `op`, then the residual if any
  std::vector<Value> covers;  ///< graph values computed here, the stored one last
  const TensorMap* parameters = nullptr;
  bool alive = true;  ///< false: not needed, or merged into another node
};

/// Where a value's channels lie: in the buffer of another value, `offset` channels in. A value that is its
/// own parent owns a buffer.
struct Placement {
  Value parent;
  int offset = 0;
};

struct Lowered {
  std::vector<Shape> shapes;         ///< by value
  std::vector<LoweredNode> nodes;    ///< by value
  std::vector<Value> same_as;        ///< by value: the value whose bits it shares (itself mostly)
  std::vector<Placement> placement;  ///< by value
  std::vector<Value> pinned;         ///< stored whatever reads them: outputs, values that feed states
  std::shared_ptr<TensorMap> folded = std::make_shared<TensorMap>();  ///< parameters that passes computed

  [[nodiscard]] LoweredNode& at(Value v) { return nodes[static_cast<std::size_t>(v.id)]; }
  [[nodiscard]] const LoweredNode& at(Value v) const { return nodes[static_cast<std::size_t>(v.id)]; }
  [[nodiscard]] const Shape& shape(Value v) const { return shapes[static_cast<std::size_t>(v.id)]; }
  [[nodiscard]] Value resolve(Value v) const;  ///< through same_as
  [[nodiscard]] bool is_pinned(Value v) const;
  /// How many operands of live nodes are this value.
  [[nodiscard]] int uses(Value v) const;
  /// The value that owns the buffer of `v`, and the channels before it.
  [[nodiscard]] Placement root(Value v) const;
  [[nodiscard]] TensorView view(Value v, Storage storage) const;
};

/// The nodes needed for `targets`, one to one.
[[nodiscard]] Lowered lower(const Model& model, std::vector<Shape> shapes, std::span<const Value> targets);

}  // namespace unblur::vk
