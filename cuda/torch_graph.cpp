// SPDX-License-Identifier: MIT
#include "torch_graph.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "graph/error.h"

namespace unblur {
namespace {

/// One evaluation of the nodes of a mask; values are released when their last reader has run.
class Run {
 public:
  Run(const Graph& graph, const TorchTensors& parameters, const TorchTensors& inputs,
      const TorchTensors& states)
      : graph_(graph),
        parameters_(parameters),
        inputs_(inputs),
        states_(states),
        values_(graph.nodes().size()),
        readers_(graph.nodes().size(), 0),
        done_(graph.nodes().size(), false) {}

  TorchStep operator()(const TorchWanted& wanted);

 private:
  const StateSpec& state(std::string_view name) const {
    for (const StateSpec& s : graph_.states()) {
      if (s.name == name) return s;
    }
    throw ModelError(fmt::format("the model has no state '{}'", name));
  }
  at::Tensor& value(Value v) { return values_[static_cast<std::size_t>(v.id)]; }

  at::Tensor evaluate(const Node& node);
  void evaluate(const std::vector<bool>& mask, const TorchWanted& wanted);

  const Graph& graph_;
  const TorchTensors& parameters_;
  const TorchTensors& inputs_;
  const TorchTensors& states_;
  std::vector<at::Tensor> values_;
  std::vector<int> readers_;  ///< still to come; targets count as one
  std::vector<bool> done_;
};

at::Tensor Run::evaluate(const Node& node) {
  if (const auto* input = std::get_if<op::Input>(&node.op)) {
    const auto found = inputs_.find(input->name);
    if (found == inputs_.end()) throw ModelError(fmt::format("input '{}' is missing", input->name));
    if (found->second.dim() != 4 || found->second.size(1) != input->channels) {
      throw ModelError(fmt::format("input '{}' must be [n, {}, h, w]", input->name, input->channels));
    }
    return found->second;
  }
  if (const auto* read = std::get_if<op::State>(&node.op)) {
    const auto found = states_.find(read->name);
    if (found != states_.end()) return found->second;
    const StateSpec& spec = state(read->name);
    return spec.zero ? at::zeros_like(value(spec.initial)) : value(spec.initial);
  }
  std::vector<at::Tensor> operands;
  operands.reserve(node.inputs.size());
  for (const Value v : node.inputs) operands.push_back(value(v));
  try {
    return apply_op(node.op, operands, parameters_);
  } catch (const c10::Error& e) {
    throw ProcessingError(
        fmt::format("node '{}' ({}): {}", node.name, op_name(node.op), e.what_without_backtrace()));
  }
}

void Run::evaluate(const std::vector<bool>& mask, const TorchWanted& wanted) {
  const auto nodes = graph_.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!mask[i] || done_[i]) continue;
    values_[i] = evaluate(nodes[i]);
    done_[i] = true;
    const bool computed =
        !std::holds_alternative<op::Input>(nodes[i].op) && !std::holds_alternative<op::State>(nodes[i].op);
    if (wanted.replace && computed)
      values_[i] = wanted.replace(Value{static_cast<std::int32_t>(i)}, values_[i]);
    if (wanted.observe) wanted.observe(Value{static_cast<std::int32_t>(i)}, values_[i]);
    for (const Value v : nodes[i].inputs) {
      if (--readers_[static_cast<std::size_t>(v.id)] == 0) value(v).reset();
    }
  }
}

TorchStep Run::operator()(const TorchWanted& wanted) {
  std::vector<Value> targets, initial;
  for (const std::string& name : wanted.outputs) targets.push_back(graph_.output(name));
  for (const std::string& name : wanted.states) targets.push_back(state(name).next);
  const std::vector<bool> first_mask = ancestors(graph_, targets);
  for (const StateSpec& s : graph_.states()) {
    const bool is_read = first_mask[static_cast<std::size_t>(s.read.id)];
    if (is_read && states_.find(s.name) == states_.end()) initial.push_back(s.initial);
  }
  const std::vector<bool> initial_mask = ancestors(graph_, initial);
  targets.insert(targets.end(), initial.begin(), initial.end());
  const std::vector<bool> mask = ancestors(graph_, targets);
  for (const Value v : targets) ++readers_[static_cast<std::size_t>(v.id)];
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i]) continue;
    for (const Value v : graph_.nodes()[i].inputs) ++readers_[static_cast<std::size_t>(v.id)];
  }
  evaluate(initial_mask, wanted);  // depends on no state (Graph::validate), whatever the order of the nodes
  evaluate(mask, wanted);

  TorchStep step;
  for (const std::string& name : wanted.outputs) step.outputs[name] = value(graph_.output(name));
  for (const std::string& name : wanted.states) step.states[name] = value(state(name).next);
  return step;
}

}  // namespace

TorchGraph::TorchGraph(Graph graph, const TensorMap& parameters, const torch::TensorOptions& options)
    : graph_(std::move(graph)) {
  graph_.validate();
  for (const auto& [name, dims] : graph_.parameters()) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) throw ModelError(fmt::format("parameter '{}' is missing", name));
    if (found->second.dims != dims) {
      throw ModelError(fmt::format("parameter '{}' has shape {}, the graph wants {}", name,
                                   to_string(found->second.dims), to_string(dims)));
    }
    parameters_[name] = to_torch(found->second).to(options);
  }
}

void TorchGraph::require_gradients(bool wanted) {
  for (auto& [name, tensor] : parameters_) tensor.requires_grad_(wanted);
}

TensorMap TorchGraph::export_parameters() const {
  TensorMap out;
  for (const auto& [name, tensor] : parameters_) out[name] = from_torch(tensor);
  return out;
}

TorchWanted TorchGraph::everything() const {
  TorchWanted wanted;
  for (const OutputSpec& o : graph_.outputs()) wanted.outputs.push_back(o.name);
  for (const StateSpec& s : graph_.states()) wanted.states.push_back(s.name);
  return wanted;
}

TorchStep TorchGraph::forward(const TorchTensors& inputs, const TorchTensors& states) const {
  return forward(inputs, states, everything());
}

TorchStep TorchGraph::forward(const TorchTensors& inputs, const TorchTensors& states,
                              const TorchWanted& wanted) const {
  return Run(graph_, parameters_, inputs, states)(wanted);
}

}  // namespace unblur
