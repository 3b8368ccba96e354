// SPDX-License-Identifier: MIT
// Graph <-> JSON (docs/model-file.md):
//   {"nodes": [{"name", "op", "in": [ids], "attr": {...}}],
//    "states": [{"name", "next", "initial", "zero"}], "outputs": [{"name", "value"}]}
// Attributes come from op_registry.h. Reading rebuilds the graph through Graph::add, which checks
// operands and the bounds of every attribute (op_rules.cpp).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "graph/error.h"
#include "graph/json_text.h"
#include "graph/model.h"
#include "graph/op_registry.h"

namespace unblur {
namespace {

using Json = nlohmann::json;

constexpr int kMaxNodes = 10'000;  // published networks need a few hundred

void require_keys(const Json& object, std::size_t count, std::string_view where) {
  if (object.size() != count) {
    throw ModelError(
        fmt::format("{}: has an unknown member; the file may need a newer version of unblur", where));
  }
}

// ---- writing ----

template <typename T>
Json attribute_to_json(const T& value) {
  if constexpr (std::is_same_v<T, Margins>) {
    return {value.top, value.bottom, value.left, value.right};
  } else if constexpr (std::is_same_v<T, Extent2>) {
    return {value.h, value.w};
  } else if constexpr (std::is_enum_v<T>) {
    return enum_name(value);
  } else {
    return value;
  }
}

Json node_to_json(const Node& node) {
  Json attributes = Json::object();
  std::visit(
      [&](const auto& o) {
        for_each_attribute(o, [&](std::string_view name, const auto& value) {
          attributes[std::string(name)] = attribute_to_json(value);
        });
      },
      node.op);
  Json in = Json::array();
  for (const Value v : node.inputs) in.push_back(v.id);
  return {
      {"name", node.name}, {"op", op_name(node.op)}, {"in", std::move(in)}, {"attr", std::move(attributes)}};
}

// ---- reading ----

/// Reads one attribute of the node that `where` names.
struct AttributeReader {
  const Json& attributes;
  std::string_view where;
  std::size_t count = 0;

  template <typename T>
  void operator()(std::string_view name, T& value) {
    ++count;
    const std::string key(name);
    read(key.c_str(), member(attributes, key.c_str(), where), value);
  }

 private:
  int read_int(const char* key, const Json& json) const {
    return static_cast<int>(integer(json, INT32_MIN, INT32_MAX, key, where));
  }
  template <std::size_t N>
  std::array<int, N> int_list(const char* key, const Json& json) const {
    if (!json.is_array() || json.size() != N) {
      throw ModelError(fmt::format("{}: '{}' must be a list of {} integers", where, key, N));
    }
    std::array<int, N> values{};
    for (std::size_t i = 0; i < N; ++i) values[i] = read_int(key, json[i]);
    return values;
  }

  void read(const char* key, const Json& json, int& value) const { value = read_int(key, json); }
  void read(const char* key, const Json& json, std::string& value) const { value = text(json, key, where); }
  void read(const char* key, const Json& json, bool& value) const {
    if (!json.is_boolean()) throw ModelError(fmt::format("{}: '{}' must be true or false", where, key));
    value = json.get<bool>();
  }
  void read(const char* key, const Json& json, float& value) const {
    value = json.is_number() ? json.get<float>() : NAN;
    if (!std::isfinite(value)) throw ModelError(fmt::format("{}: '{}' must be a finite number", where, key));
  }
  void read(const char* key, const Json& json, Extent2& value) const {
    const auto v = int_list<2>(key, json);
    value = {v[0], v[1]};
  }
  void read(const char* key, const Json& json, Margins& value) const {
    const auto v = int_list<4>(key, json);
    value = {v[0], v[1], v[2], v[3]};
  }
  template <typename E>
    requires std::is_enum_v<E>
  void read(const char* key, const Json& json, E& value) const {
    const std::string name = text(json, key, where);
    const auto& names = EnumNames<E>::kNames;
    const auto* const found = std::ranges::find(names, name);
    if (found == std::end(names)) {
      throw ModelError(fmt::format("{}: {} is no value of '{}'", where, printable(name), key));
    }
    value = static_cast<E>(found - std::begin(names));
  }
};

Op read_op(const Json& node, std::string_view where) {
  Op op = make_op(text(member(node, "op", where), "op", where));
  const Json& attributes = member(node, "attr", where);
  if (!attributes.is_object()) throw ModelError(fmt::format("{}: 'attr' is not an object", where));
  AttributeReader reader{attributes, where};
  std::visit([&](auto& o) { for_each_attribute(o, reader); }, op);
  require_keys(attributes, reader.count, where);
  return op;
}

void read_node(const Json& json, Graph& graph) {
  const int id = static_cast<int>(graph.nodes().size());
  const std::string place = fmt::format("node {}", id);
  std::string name = text(member(json, "name", place), "name", place);
  const std::string where = "node " + printable(name);
  require_keys(json, 4, where);

  const Json& in = member(json, "in", where);
  if (!in.is_array()) throw ModelError(fmt::format("{}: 'in' must be a list of nodes", where));
  std::vector<Value> operands;
  for (const Json& operand : in) {
    operands.push_back({static_cast<std::int32_t>(integer(operand, 0, id - 1, "in", where))});
  }

  Op op = read_op(json, where);
  const auto* const state = std::get_if<op::State>(&op);
  if (state == nullptr) {
    graph.add(std::move(name), std::move(op), std::move(operands));
  } else if (const Value read = graph.add_state(state->name, state->channels);
             graph.node(read).name != name) {
    throw ModelError(fmt::format("{}: reads state {}, so its name must be '{}'", where,
                                 printable(state->name), graph.node(read).name));
  }
}

const Json& list(const Json& json, const char* key) {
  const Json& value = member(json, key, "graph");
  if (!value.is_array() || value.size() > kMaxNodes) {
    throw ModelError(fmt::format("graph: '{}' must be a list of at most {}", key, kMaxNodes));
  }
  return value;
}

}  // namespace

std::string graph_to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const Node& node : graph.nodes()) nodes.push_back(node_to_json(node));
  Json states = Json::array();
  for (const StateSpec& state : graph.states()) {
    states.push_back(
        {{"name", state.name}, {"next", state.next.id}, {"initial", state.initial.id}, {"zero", state.zero}});
  }
  Json outputs = Json::array();
  for (const OutputSpec& output : graph.outputs()) {
    outputs.push_back({{"name", output.name}, {"value", output.value.id}});
  }
  const Json json = {
      {"nodes", std::move(nodes)}, {"states", std::move(states)}, {"outputs", std::move(outputs)}};
  try {
    return json.dump();
  } catch (const Json::exception&) {
    throw ModelError("graph: a name is not valid UTF-8");
  }
}

Graph graph_from_json(std::string_view content) {
  const Json json = parse_json(content, "graph");
  Graph graph;
  for (const Json& node : list(json, "nodes")) read_node(node, graph);
  require_keys(json, 3, "graph");

  const int last = static_cast<int>(graph.nodes().size()) - 1;
  const auto value = [&](const Json& object, const char* key, std::string_view where) {
    return Value{static_cast<std::int32_t>(integer(member(object, key, where), 0, last, key, where))};
  };
  std::set<std::string> seen;
  for (const Json& state : list(json, "states")) {
    const std::string name = text(member(state, "name", "state"), "name", "state");
    const std::string where = "state " + printable(name);
    if (!seen.insert(name).second) throw ModelError(fmt::format("{}: appears twice", where));
    const Json& zero = member(state, "zero", where);
    if (!zero.is_boolean()) throw ModelError(fmt::format("{}: 'zero' must be true or false", where));
    require_keys(state, 4, where);
    graph.set_state(name, value(state, "next", where), value(state, "initial", where), zero.get<bool>());
  }
  for (const Json& output : list(json, "outputs")) {
    const std::string name = text(member(output, "name", "output"), "name", "output");
    const std::string where = "output " + printable(name);
    require_keys(output, 2, where);
    graph.set_output(name, value(output, "value", where));
  }
  graph.validate();
  return graph;
}

}  // namespace unblur
