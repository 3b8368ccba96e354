// SPDX-License-Identifier: MIT
#include "checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>

#include "graph/error.h"
#include "graph/reach.h"
#include "import.h"
#include "networks/networks.h"
#include "torch_checkpoint.h"

namespace unblur {
namespace {

constexpr std::string_view kCheckpointFormat = "unblur-checkpoint-1";
constexpr std::string_view kModelFormat = "unblur_format";
constexpr std::string_view kAverage = "ema.";
constexpr std::string_view kCard = "card.";

const std::string* find(const SafeTensors& file, std::string_view key) {
  const auto found = file.metadata.find(std::string(key));
  return found == file.metadata.end() ? nullptr : &found->second;
}

Converted convert_training_checkpoint(SafeTensors&& file) {
  const std::string* network = find(file, "network");
  if (network == nullptr) throw ModelError("training checkpoint without the name of its network");
  const auto known = network_names();
  if (std::ranges::find(known, *network) == known.end()) {
    throw ModelError(fmt::format("training checkpoint of network '{}'; this version knows {}", *network,
                                 fmt::join(known, ", ")));
  }

  Converted result{.model = build_network(*network), .kind = "training checkpoint"};
  for (auto& [name, tensor] : file.tensors) {
    if (!name.starts_with(kAverage)) continue;
    const std::string weight = name.substr(kAverage.size());
    if (result.model.graph.parameters().contains(weight)) {
      result.model.parameters.emplace(weight, std::move(tensor));
    } else {
      result.unused.push_back(weight);
    }
  }
  if (result.model.parameters.empty()) {
    throw ModelError(
        "training checkpoint without averaged weights (ema.*); a finished step of training writes them");
  }
  // What is left over must belong to the training form of the same network.
  const Model training = build_network(*network, true);
  for (const std::string& weight : result.unused) {
    if (!training.graph.parameters().contains(weight)) {
      throw ModelError(fmt::format("weight '{}' belongs to no layer of network '{}'", weight, *network));
    }
  }
  for (const auto& [key, value] : file.metadata) {
    if (key.starts_with(kCard)) result.model.info.card[key.substr(kCard.size())] = value;
  }
  result.model.info.receptive_field = receptive_field(result.model.graph, result.model.info.size_multiple);
  return result;
}

/// Nodes that `outputs` need, through states too: a state that is read needs what feeds it.
std::vector<bool> needed_nodes(const Graph& graph, std::vector<Value> targets) {
  while (true) {
    std::vector<bool> needed = ancestors(graph, targets);
    const std::size_t before = targets.size();
    for (const StateSpec& state : graph.states()) {
      if (!needed[static_cast<std::size_t>(state.read.id)]) continue;
      for (const Value v : {state.next, state.initial}) {
        if (std::ranges::find(targets, v) == targets.end()) targets.push_back(v);
      }
    }
    if (targets.size() == before) return needed;
  }
}

Graph pruned(const Graph& graph, const std::vector<std::string>& outputs) {
  std::vector<Value> targets;
  for (const std::string& name : outputs) targets.push_back(graph.output(name));
  const std::vector<bool> needed = needed_nodes(graph, targets);

  Graph result;
  std::vector<Value> moved(needed.size());
  const auto at = [&](Value v) { return moved[static_cast<std::size_t>(v.id)]; };
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i]) continue;
    const Node& node = graph.nodes()[i];
    std::vector<Value> operands;
    for (const Value v : node.inputs) operands.push_back(at(v));
    const auto* const state = std::get_if<op::State>(&node.op);
    moved[i] = state != nullptr ? result.add_state(state->name, state->channels)
                                : result.add(node.name, node.op, std::move(operands));
  }
  for (const StateSpec& s : graph.states()) {
    if (at(s.read).valid()) result.set_state(s.name, at(s.next), at(s.initial), s.zero);
  }
  for (const std::string& name : outputs) result.set_output(name, at(graph.output(name)));
  result.validate();
  return result;
}

}  // namespace

bool is_training_checkpoint(const SafeTensors& file) {
  const std::string* format = find(file, "format");
  return format != nullptr && *format == kCheckpointFormat;
}

Contents read_contents(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) throw InputError(fmt::format("{}: no such file", path.string()));
  std::array<char, 16> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  const auto known = std::as_bytes(std::span(head)).first(static_cast<std::size_t>(file.gcount()));
  if (!looks_like_torch(known)) return {"safetensors", read_safetensors(path)};
  TorchCheckpoint torch = read_torch_checkpoint(path);
  return {std::move(torch.container), {std::move(torch.tensors), std::move(torch.values)}};
}

Converted read_checkpoint(const std::filesystem::path& path, const std::string& network) {
  Contents contents = read_contents(path);
  try {
    SafeTensors& file = contents.file;
    if (is_training_checkpoint(file)) {
      Converted result = convert_training_checkpoint(std::move(file));
      result.model.check_parameters();
      return result;
    }
    if (find(file, kModelFormat) != nullptr) return {.model = read_model(path), .kind = "model"};
    const NetworkMatch match =
        network.empty() ? match_network(file.tensors) : match_network(file.tensors, network);
    Converted result{
        .model = import_network(match, std::move(file.tensors)),
        .kind = fmt::format("{} of {}, prefix '{}'", contents.container, match.network, match.prefix),
        .unused = match.beside};
    for (const std::string& other : match.also)
      result.kind += fmt::format(" ({} fits as well: --network {})", other, other);
    result.model.info.card["weights"] = fmt::format("imported from a checkpoint ({})", contents.container);
    result.model.info.card["licence"] = "that of the checkpoint's authors; the file does not state it";
    return result;
  } catch (const ModelError& error) {
    if (std::string_view(error.what()).starts_with(path.string())) throw;
    throw ModelError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

double convert_to_half(Model& model) {
  double largest = 0;
  for (auto& [name, tensor] : model.parameters) {
    const std::vector<float> exact = tensor.to_floats();
    tensor = tensor.as(DType::kF16);
    const std::vector<float> rounded = tensor.to_floats();
    for (std::size_t i = 0; i < exact.size(); ++i) {
      if (!std::isfinite(rounded[i])) {
        throw ModelError(fmt::format("weight '{}' holds {}, more than float16 can; convert without --fp16",
                                     name, exact[i]));
      }
      largest = std::max(largest, std::abs(static_cast<double>(exact[i]) - static_cast<double>(rounded[i])));
    }
  }
  return largest;
}

void check_finite(const Model& model) {
  for (const auto& [name, tensor] : model.parameters) {
    const std::vector<float> values = tensor.to_floats();
    if (std::ranges::all_of(values, [](float v) { return std::isfinite(v); })) continue;
    throw ModelError(fmt::format(
        "weight '{}' holds NaN or infinity: the training went wrong before this checkpoint", name));
  }
}

Model keep_outputs(const Model& model, const std::vector<std::string>& outputs) {
  Model result{.info = model.info, .graph = pruned(model.graph, outputs)};
  for (const auto& [name, dims] : result.graph.parameters())
    result.parameters[name] = model.parameters.at(name);
  return result;
}

}  // namespace unblur
