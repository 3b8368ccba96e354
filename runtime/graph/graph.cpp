// SPDX-License-Identifier: MIT
#include "graph/graph.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/error.h"
#include "graph/op_rules.h"

namespace unblur {
namespace {

[[noreturn]] void fail(const Node& node, const std::string& what) {
  throw ModelError(fmt::format("node '{}' ({}): {}", node.name, op_name(node.op), what));
}

}  // namespace

std::string to_string(const Shape& shape) { return fmt::format("{} x {} x {}", shape.c, shape.h, shape.w); }

Value Graph::add(std::string name, Op op, std::vector<Value> inputs) {
  if (name.empty()) name = fmt::format("{}_{}", op_name(op), nodes_.size());
  Node node{std::move(name), std::move(op), std::move(inputs), 0};
  if (std::any_of(nodes_.begin(), nodes_.end(), [&](const Node& n) { return n.name == node.name; })) {
    fail(node, "the name is used twice");
  }
  std::vector<int> channels;
  for (const Value v : node.inputs) {
    if (!v.valid() || static_cast<std::size_t>(v.id) >= nodes_.size()) {
      fail(node, fmt::format("operand {} is not an earlier value", v.id));
    }
    channels.push_back(nodes_[static_cast<std::size_t>(v.id)].channels);
  }
  try {
    node.channels = output_channels(node.op, channels);
  } catch (const ModelError& e) {
    fail(node, e.what());
  }
  for_each_parameter(node.op, channels, [&](const std::string& parameter, const Dims& dims) {
    declare_parameter(node, parameter, dims);
  });
  nodes_.push_back(std::move(node));
  return Value{static_cast<std::int32_t>(nodes_.size()) - 1};
}

void Graph::declare_parameter(const Node& node, const std::string& name, const Dims& dims) {
  const auto [it, added] = parameters_.try_emplace(name, dims);
  if (!added && it->second != dims) {
    fail(node, fmt::format("parameter '{}' has shape {} here and {} elsewhere", name, to_string(dims),
                           to_string(it->second)));
  }
}

Value Graph::add_state(std::string name, int channels) {
  for (const StateSpec& s : states_) {
    if (s.name == name) throw ModelError(fmt::format("state '{}' is declared twice", name));
  }
  const Value read = add("state." + name, op::State{name, channels});
  states_.push_back({std::move(name), read, {}, {}, false});
  return read;
}

void Graph::set_state(std::string_view name, Value next, Value initial, bool zero) {
  for (StateSpec& s : states_) {
    if (s.name != name) continue;
    for (const Value v : {next, initial}) {
      if (!v.valid() || static_cast<std::size_t>(v.id) >= nodes_.size()) {
        throw ModelError(fmt::format("state '{}' refers to value {}, which does not exist", name, v.id));
      }
      if (node(v).channels != node(s.read).channels) {
        throw ModelError(fmt::format("state '{}' has {} channels, but '{}' has {}", name,
                                     node(s.read).channels, node(v).name, node(v).channels));
      }
    }
    s.next = next;
    s.initial = initial;
    s.zero = zero;
    return;
  }
  throw ModelError(fmt::format("there is no state '{}'", name));
}

void Graph::set_output(std::string name, Value value) {
  if (!value.valid() || static_cast<std::size_t>(value.id) >= nodes_.size()) {
    throw ModelError(fmt::format("output '{}' refers to value {}, which does not exist", name, value.id));
  }
  if (has_output(name)) throw ModelError(fmt::format("output '{}' is declared twice", name));
  outputs_.push_back({std::move(name), value});
}

Value Graph::output(std::string_view name) const {
  for (const OutputSpec& o : outputs_) {
    if (o.name == name) return o.value;
  }
  throw ModelError(fmt::format("the model has no output '{}'", name));
}

bool Graph::has_output(std::string_view name) const noexcept {
  return std::any_of(outputs_.begin(), outputs_.end(), [&](const OutputSpec& o) { return o.name == name; });
}

std::vector<Value> Graph::inputs() const {
  std::vector<Value> result;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (std::holds_alternative<op::Input>(nodes_[i].op)) result.push_back({static_cast<std::int32_t>(i)});
  }
  return result;
}

void Graph::validate() const {
  if (outputs_.empty()) throw ModelError("the graph has no output");
  std::vector<std::string_view> names;
  for (const Value v : inputs()) names.push_back(std::get<op::Input>(node(v).op).name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    throw ModelError(fmt::format("input '{}' is declared twice", *twice));
  }
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!std::holds_alternative<op::State>(nodes_[i].op)) continue;
    const Value read{static_cast<std::int32_t>(i)};
    if (std::none_of(states_.begin(), states_.end(), [&](const StateSpec& s) { return s.read == read; })) {
      fail(nodes_[i], "reads a state that is not declared");
    }
  }
  for (const StateSpec& s : states_) {
    if (!s.next.valid() || !s.initial.valid())
      throw ModelError(fmt::format("state '{}' is fed by nothing", s.name));
    const std::vector<bool> needed = ancestors(*this, std::span(&s.initial, 1));
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (needed[i] && std::holds_alternative<op::State>(nodes_[i].op)) {
        throw ModelError(
            fmt::format("the first value of state '{}' depends on '{}'", s.name, nodes_[i].name));
      }
    }
  }
}

std::vector<bool> ancestors(const Graph& graph, std::span<const Value> targets) {
  std::vector<bool> needed(graph.nodes().size(), false);
  for (const Value v : targets) needed[static_cast<std::size_t>(v.id)] = true;
  for (std::size_t i = needed.size(); i-- > 0;) {
    if (!needed[i]) continue;
    for (const Value v : graph.nodes()[i].inputs) needed[static_cast<std::size_t>(v.id)] = true;
  }
  return needed;
}

}  // namespace unblur
