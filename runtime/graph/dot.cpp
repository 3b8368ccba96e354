// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "graph/graph.h"

namespace unblur {
namespace {

/// Text inside a quoted dot label.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return out;
}

std::string_view style(const Node& node) {
  if (std::holds_alternative<op::Input>(node.op))
    return ", shape=invhouse, style=filled, fillcolor=lightblue";
  if (std::holds_alternative<op::State>(node.op)) return ", style=filled, fillcolor=khaki";
  return "";
}

}  // namespace

std::string to_dot(const Graph& graph, std::span<const Shape> shapes) {
  std::string out = "digraph unblur {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n";
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    const std::string size =
        shapes.empty() ? fmt::format("{} channels", node.channels) : to_string(shapes[i]);
    out += fmt::format("  n{} [label=\"{}\\n{}\\n{}\"{}];\n", i, escaped(node.name), op_name(node.op), size,
                       style(node));
    for (const Value v : node.inputs) out += fmt::format("  n{} -> n{};\n", v.id, i);
  }
  for (const OutputSpec& output : graph.outputs()) {
    const std::string name = escaped(output.name);
    out +=
        fmt::format("  \"out {0}\" [label=\"{0}\", shape=house, style=filled, fillcolor=palegreen];\n", name);
    out += fmt::format("  n{} -> \"out {}\";\n", output.value.id, name);
  }
  for (const StateSpec& state : graph.states()) {  // dashed: arrives on the next frame
    out += fmt::format("  n{} -> n{} [style=dashed, constraint=false];\n", state.next.id, state.read.id);
  }
  return out + "}\n";
}

}  // namespace unblur
