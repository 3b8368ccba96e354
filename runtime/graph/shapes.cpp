// SPDX-License-Identifier: MIT
// Shapes of all values for one frame size. A state has the shape of its initial value, which depends on
// no state: the nodes that initial values need are inferred first, then everything in order.
#include <fmt/format.h>

#include <algorithm>

#include "graph/error.h"
#include "graph/graph.h"
#include "graph/op_rules.h"

namespace unblur {
namespace {

Shape shape_of_node(const Node& node, const std::vector<Shape>& shapes, int height, int width) {
  if (std::holds_alternative<op::Input>(node.op)) return {node.channels, height, width};
  std::vector<Shape> inputs;
  for (const Value v : node.inputs) inputs.push_back(shapes[static_cast<std::size_t>(v.id)]);
  try {
    return output_shape(node.op, inputs, node.channels);
  } catch (const ModelError& e) {
    throw ModelError(fmt::format("node '{}' ({}) with frames of {} x {}: {}", node.name, op_name(node.op),
                                 width, height, e.what()));
  }
}

}  // namespace

std::vector<Shape> infer_shapes(const Graph& graph, int height, int width) {
  if (height < 1 || width < 1) throw ModelError(fmt::format("frame size {} x {} is empty", width, height));
  graph.validate();
  const auto nodes = graph.nodes();
  std::vector<Shape> shapes(nodes.size());
  std::vector<bool> known(nodes.size(), false);
  const auto infer = [&](std::size_t i) {
    if (known[i]) return;
    shapes[i] = shape_of_node(nodes[i], shapes, height, width);
    known[i] = true;
  };

  std::vector<Value> initial;
  for (const StateSpec& s : graph.states()) initial.push_back(s.initial);
  const std::vector<bool> first = ancestors(graph, initial);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (first[i]) infer(i);
  }
  for (const StateSpec& s : graph.states()) {
    const auto read = static_cast<std::size_t>(s.read.id);
    shapes[read] = shapes[static_cast<std::size_t>(s.initial.id)];
    known[read] = true;
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) infer(i);
  for (const StateSpec& s : graph.states()) {
    const Shape& read = shapes[static_cast<std::size_t>(s.read.id)];
    const Shape& next = shapes[static_cast<std::size_t>(s.next.id)];
    if (read != next) {
      throw ModelError(fmt::format("state '{}' is {} but '{}', which feeds it, is {}", s.name,
                                   to_string(read), graph.node(s.next).name, to_string(next)));
    }
  }
  return shapes;
}

std::vector<std::int64_t> node_multiply_adds(const Graph& graph, std::span<const Shape> shapes) {
  // In double, so that a hostile graph cannot overflow it; 53 bits count any real one exactly.
  const auto product = [](auto... sizes) { return (static_cast<double>(sizes) * ...); };
  constexpr double kMost = 9.0e18;  // just below the largest int64
  std::vector<std::int64_t> result(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.inputs.empty()) continue;
    const Shape& in = shapes[static_cast<std::size_t>(node.inputs[0].id)];
    const Shape& out = shapes[i];
    double count = 0;
    if (const auto* conv = std::get_if<op::Conv2d>(&node.op)) {
      count = product(out.h, out.w, out.c, in.c / conv->groups, conv->kernel.h, conv->kernel.w);
    } else if (const auto* deformable = std::get_if<op::DeformConv2d>(&node.op)) {
      count =
          product(out.h, out.w, out.c, in.c / deformable->groups, deformable->kernel.h, deformable->kernel.w);
    } else if (const auto* up = std::get_if<op::ConvTranspose2d>(&node.op)) {
      count = product(in.h, in.w, in.c, out.c / up->groups, up->kernel.h, up->kernel.w);
    } else if (std::holds_alternative<op::Correlation>(node.op)) {
      count = product(out.h, out.w, out.c, in.c);
    }
    result[i] = static_cast<std::int64_t>(std::min(count, kMost));
  }
  return result;
}

std::int64_t multiply_adds(const Graph& graph, int height, int width) {
  std::int64_t total = 0;
  for (const std::int64_t count : node_multiply_adds(graph, infer_shapes(graph, height, width))) {
    total = count > INT64_MAX - total ? INT64_MAX : total + count;
  }
  return total;
}

}  // namespace unblur
