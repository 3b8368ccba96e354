// SPDX-License-Identifier: MIT
#include "trained_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "compute.h"
#include "graph/error.h"

namespace unblur {
namespace {

/// The outputs that a network is for; others are for training alone.
std::vector<std::string> main_outputs(const Graph& graph) {
  std::vector<std::string> names;
  for (const char* name : {"frame", "control", "flow"}) {
    if (graph.has_output(name)) names.emplace_back(name);
  }
  return names;
}

/// Parameters of the nodes that `outputs` need.
std::set<std::string> parameters_for(const Graph& graph, const std::vector<std::string>& outputs) {
  std::vector<Value> targets;
  for (const std::string& name : outputs) targets.push_back(graph.output(name));
  const std::vector<bool> needed = ancestors(graph, targets);
  std::set<std::string> names;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    const Op& op = graph.nodes()[i].op;
    if (const auto* conv = std::get_if<op::Conv2d>(&op)) names.insert({conv->weight, conv->bias});
    if (const auto* conv = std::get_if<op::ConvTranspose2d>(&op)) names.insert({conv->weight, conv->bias});
    if (const auto* conv = std::get_if<op::DeformConv2d>(&op)) names.insert({conv->weight, conv->bias});
    if (const auto* affine = std::get_if<op::ChannelAffine>(&op))
      names.insert({affine->scale, affine->shift});
  }
  return names;
}

/// Parameters that are stored and never trained: the ratios of Motion-ETR's deformable taps.
std::set<std::string> fixed_parameters(const Graph& graph) {
  std::set<std::string> names;
  for (const Node& node : graph.nodes()) {
    if (const auto* taps = std::get_if<op::MotionTaps>(&node.op)) names.insert(taps->ratio);
  }
  return names;
}

constexpr std::string_view kOffsetNetwork = "offset_net.";

/// Parameters that may come alone: of the motion branch, or of the offset network within Motion-ETR's.
std::set<std::string> starting_part(const Graph& graph) {
  std::set<std::string> names;
  if (graph.has_output("flow")) names = parameters_for(graph, {"flow"});
  for (const auto& [name, dims] : graph.parameters()) {
    if (name.starts_with(kOffsetNetwork)) names.insert(name);
  }
  return names;
}

/// By name, or as the offset network by itself has it; null where there is none.
const Tensor* find_weight(const TensorMap& weights, const std::string& name) {
  auto found = weights.find(name);
  if (found == weights.end() && name.starts_with(kOffsetNetwork))
    found = weights.find(name.substr(kOffsetNetwork.size()));
  return found == weights.end() ? nullptr : &found->second;
}

/// Weights of convolutions from which an output is reached without another convolution.
void find_last_layers(const Graph& graph, Value v, std::set<std::string>& names) {
  const Node& node = graph.node(v);
  if (const auto* conv = std::get_if<op::Conv2d>(&node.op)) {
    names.insert(conv->weight);
    return;
  }
  if (const auto* deformable = std::get_if<op::DeformConv2d>(&node.op)) {
    names.insert(deformable->weight);
    return;
  }
  for (const Value input : node.inputs) find_last_layers(graph, input, names);
}

ModelInfo info_of(const std::string& network) {
  const Model model = build_network(network, /*training=*/true);
  if (!model.graph.has_output("frame") && !model.graph.has_output("control"))
    throw UsageError("'" + network +
                     "' makes no frames or paths; it is trained as a part of another network");
  return model.info;
}

TorchGraph training_graph(const std::string& network, std::uint64_t seed, c10::Device device, Start start) {
  Graph graph = build_network(network, /*training=*/true).graph;
  const TensorMap weights = initial_parameters(graph, seed, start);
  TorchGraph net(std::move(graph), weights, at::TensorOptions().dtype(at::kFloat).device(device));
  to_fast_layout(net.parameters());
  return net;
}

}  // namespace

TrainedNetwork::TrainedNetwork(const std::string& network, std::uint64_t seed, double average_decay,
                               c10::Device device, Start start)
    : info_(info_of(network)),
      graph_(training_graph(network, seed, device, start)),
      copy_(training_graph(network, seed, device, start)),
      average_(graph_.parameters(), average_decay) {
  graph_.require_gradients(true);
}

std::vector<TrainedParameter> TrainedNetwork::trained_parameters(UpdateRule rule, bool motion_only,
                                                                 double motion_rate) {
  const auto motion = parameters_for(graph_.graph(), motion_outputs(graph_.graph()));
  const auto fixed = fixed_parameters(graph_.graph());
  std::set<std::string> last;
  for (const OutputSpec& o : graph_.graph().outputs()) find_last_layers(graph_.graph(), o.value, last);
  std::vector<TrainedParameter> trained;
  for (const auto& [name, value] : graph_.parameters()) {
    const bool in_motion = motion.contains(name);
    const bool frozen = fixed.contains(name) || (in_motion && motion_rate == 0);
    value.requires_grad_(!frozen);
    if (frozen || (motion_only && !in_motion)) continue;
    // Beside the trunk the motion branch learns faster with AdamW: after 240 iterations alone its end-point
    // error was 0.86 of zero motion's, with Muon 0.92.
    const bool muon = value.dim() == 4 && !last.contains(name) && (motion_only || !in_motion);
    trained.push_back({.name = name,
                       .value = value,
                       .rule = rule == UpdateRule::kMuon && !muon ? UpdateRule::kAdamW : rule,
                       .rate_scale = in_motion ? motion_rate : 1.0});
  }
  return trained;
}

void TrainedNetwork::optimise_motion(const OptimiserConfig& config) {
  optimiser_ =
      std::make_unique<Optimiser>(trained_parameters(config.rule, /*motion_only=*/true, 1.0), config);
}

void TrainedNetwork::optimise_all(const OptimiserConfig& config, double motion_rate) {
  optimiser_ = std::make_unique<Optimiser>(
      trained_parameters(config.rule, /*motion_only=*/false, motion_rate), config);
}

void TrainedNetwork::load_weights(const TensorMap& weights) {
  const at::NoGradGuard no_grad;
  const std::set<std::string> part = starting_part(graph_.graph());
  const bool only_part = !part.empty() && std::ranges::none_of(graph_.parameters(), [&](const auto& entry) {
    return !part.contains(entry.first) && find_weight(weights, entry.first) != nullptr;
  });
  const auto needed = only_part ? part : parameters_for(graph_.graph(), main_outputs(graph_.graph()));
  for (auto& [name, value] : graph_.parameters()) {
    const Tensor* found = find_weight(weights, name);
    if (found == nullptr) {
      if (needed.contains(name)) throw ModelError("the weights to start from lack '" + name + "'");
      continue;
    }
    if (found->dims != Dims(value.sizes().begin(), value.sizes().end())) {
      throw ModelError("the weights to start from have another shape of '" + name + "'");
    }
    value.copy_(to_torch(*found));
  }
  average_.load(graph_.parameters(), 0);
}

const TorchGraph& TrainedNetwork::average_network() {
  const at::NoGradGuard no_grad;
  for (auto& [name, value] : copy_.parameters()) value.copy_(average_.values().at(name));
  return copy_;
}

TensorMap TrainedNetwork::export_average() const {
  TensorMap out;
  for (const auto& [name, value] : average_.values()) out[name] = from_torch(value);
  return out;
}

TrainState TrainedNetwork::state() const {
  TrainState s;
  for (const auto& [name, value] : graph_.parameters()) s.model[name] = value.detach();
  s.average = average_.values();
  if (optimiser_) s.optimiser = optimiser_->state();
  s.set("average_updates", average_.updates());
  return s;
}

void TrainedNetwork::load(const TrainState& state) {
  const at::NoGradGuard no_grad;
  for (auto& [name, value] : graph_.parameters()) {
    const auto found = state.model.find(name);
    if (found == state.model.end() || found->second.sizes() != value.sizes()) {
      throw ModelError("checkpoint lacks the weight '" + name + "' or has another shape");
    }
    value.copy_(found->second);
  }
  average_.load(state.average, state.integer("average_updates"));
  optimiser_->load(state.optimiser);
}

TensorMap weights_of(const std::filesystem::path& path) {
  if (!is_train_state(path)) return read_model(path).parameters;
  TensorMap out;
  for (const auto& [name, value] : read_train_state(path).average) out[name] = from_torch(value);
  return out;
}

Model trained_model(const std::string& network, const TensorMap& weights,
                    const std::map<std::string, std::string>& card) {
  Model model = build_network(network);
  for (const auto& [name, dims] : model.graph.parameters()) {
    const auto found = weights.find(name);
    if (found == weights.end()) throw ModelError("the weights lack '" + name + "'");
    model.parameters[name] = found->second;
  }
  for (const auto& [key, value] : card) model.info.card[key] = value;
  model.check_parameters();
  return model;
}

}  // namespace unblur
