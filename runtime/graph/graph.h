// SPDX-License-Identifier: MIT
// A network: values in static single assignment, parameters by name, named inputs and outputs, and
// states that carry values from frame to frame. No sizes are stored; `infer_shapes` computes them
// for a frame size. Every executor interprets this one structure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ops.h"
#include "graph/tensor.h"

namespace unblur {

/// A value is the output of the node with this index.
struct Value {
  std::int32_t id = -1;
  bool operator==(const Value&) const = default;
  [[nodiscard]] bool valid() const noexcept { return id >= 0; }
};

struct Node {
  std::string name;  ///< unique, readable: "b3.2.gate"; used in messages, timings and comparisons
  Op op;
  std::vector<Value> inputs;
  int channels = 0;  ///< of the output, known without a frame size
};

/// A state: read through a node with op::State, fed by `next` at the end of every frame. On the first
/// frame and after a reset it holds `initial` (evaluated on that frame; it must not depend on any
/// state), or zeros of `initial`'s shape if `zero`.
struct StateSpec {
  std::string name;
  Value read;     ///< the op::State node
  Value next;     ///< what it holds on the next frame
  Value initial;  ///< its first value, or the value whose shape it has
  bool zero = false;
};

struct OutputSpec {
  std::string name;  ///< "frame" is the picture; others ("flow", "aux4") are for display and training
  Value value;
};

/// Shape of a value for a frame size; batch is the executor's business.
struct Shape {
  int c = 0, h = 0, w = 0;
  bool operator==(const Shape&) const = default;
};
[[nodiscard]] std::string to_string(const Shape& shape);  ///< "32 x 90 x 160"

class Graph {
 public:
  // ---- building (all throw ModelError naming the node on a wrong operand, attribute or name) ----
  /// Appends a node; channels are inferred and checked at once. An empty name gets "<op>_<index>".
  Value add(std::string name, Op op, std::vector<Value> inputs = {});
  /// Declares a state; `set_state` must follow before the graph is used.
  Value add_state(std::string name, int channels);
  void set_state(std::string_view name, Value next, Value initial, bool zero = false);
  void set_output(std::string name, Value value);

  // ---- reading ----
  [[nodiscard]] std::span<const Node> nodes() const noexcept { return nodes_; }
  [[nodiscard]] const Node& node(Value v) const { return nodes_.at(static_cast<std::size_t>(v.id)); }
  [[nodiscard]] std::span<const StateSpec> states() const noexcept { return states_; }
  [[nodiscard]] std::span<const OutputSpec> outputs() const noexcept { return outputs_; }
  [[nodiscard]] Value output(std::string_view name) const;  ///< throws ModelError if absent
  [[nodiscard]] bool has_output(std::string_view name) const noexcept;
  [[nodiscard]] std::vector<Value> inputs() const;  ///< op::Input nodes in order
  /// Shapes of all parameters, declared by the operators that use them (several may share one).
  [[nodiscard]] const std::map<std::string, Dims, std::less<>>& parameters() const noexcept {
    return parameters_;
  }

  /// Everything that building cannot check: states complete, an output present, initial values free
  /// of states. Throws ModelError.
  void validate() const;

 private:
  void declare_parameter(const Node& node, const std::string& name, const Dims& dims);
  std::vector<Node> nodes_;
  std::vector<StateSpec> states_;
  std::vector<OutputSpec> outputs_;
  std::map<std::string, Dims, std::less<>> parameters_;
};

/// Shape of every value, indexed by Value::id, for frames of `height` x `width` (already a multiple of
/// the model's size multiple). Throws ModelError naming the node where sizes do not fit.
[[nodiscard]] std::vector<Shape> infer_shapes(const Graph& graph, int height, int width);

/// Nodes needed to compute `targets`, as a mask indexed by Value::id. State reads are leaves.
[[nodiscard]] std::vector<bool> ancestors(const Graph& graph, std::span<const Value> targets);

/// The graph in Graphviz' dot language; with the sizes of `infer_shapes` if `shapes` is not empty.
[[nodiscard]] std::string to_dot(const Graph& graph, std::span<const Shape> shapes = {});

/// Multiply-adds of every node (convolutions without the sampling of deformable ones, correlation), for sizes
/// from `infer_shapes`.
[[nodiscard]] std::vector<std::int64_t> node_multiply_adds(const Graph& graph, std::span<const Shape> shapes);
/// Multiply-adds per frame of that size, for reports.
[[nodiscard]] std::int64_t multiply_adds(const Graph& graph, int height, int width);

}  // namespace unblur
