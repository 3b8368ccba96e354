// SPDX-License-Identifier: MIT
#include "import.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "graph/error.h"
#include "graph/json_text.h"
#include "graph/reach.h"
#include "networks/motion_etr.h"
#include "networks/networks.h"

namespace unblur {
namespace {

/// BIMNet.pytorch is a state dictionary of BIMNet alone; everywhere else its names have the prefix.
constexpr std::array<std::string_view, 2> kImplied{"", "BIMNet."};
constexpr std::string_view kWrapper = "module.";  // of a data-parallel wrapped model

using Parameters = std::map<std::string, Dims, std::less<>>;

/// The prefix under which most names are parameters, and how many.
std::pair<std::string, std::size_t> likely_prefix(const TensorMap& tensors, const Parameters& parameters,
                                                  std::string_view implied) {
  std::map<std::string, std::size_t> votes;
  for (const auto& [name, tensor] : tensors) {
    for (std::size_t start = 0;;) {
      if (parameters.contains(fmt::format("{}{}", implied, name.substr(start))))
        ++votes[name.substr(0, start)];
      start = name.find('.', start);
      if (start++ == std::string::npos) break;
    }
  }
  if (votes.empty()) return {};
  return *std::ranges::max_element(votes, {}, [](const auto& vote) { return vote.second; });
}

bool is_weight(DType type) {
  return type == DType::kF64 || type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

/// `prefix` without a trailing "module.": where in a nested file the network lies.
std::string_view place(std::string_view prefix) {
  if (prefix.ends_with(kWrapper)) prefix.remove_suffix(kWrapper.size());
  return prefix;
}

std::optional<std::string> parameter_name(const NetworkMatch& match, std::string_view name) {
  if (!name.starts_with(match.prefix)) return std::nullopt;
  return motion_etr_parameter(match.implied + std::string(name.substr(match.prefix.size())));
}

/// The file's tensors by parameter. Motion-ETR's checkpoints hold some under two names: they must be equal.
using ByParameter = std::map<std::string, const TensorMap::value_type*, std::less<>>;

ByParameter by_parameter(const TensorMap& tensors, NetworkMatch& match) {
  ByParameter found;
  for (const auto& entry : tensors) {
    const auto parameter = parameter_name(match, entry.first);
    if (!parameter) continue;
    const auto [at, added] = found.try_emplace(*parameter, &entry);
    const Tensor &a = at->second->second, &b = entry.second;
    if (!added && (a.dims != b.dims || a.type != b.type || a.bytes != b.bytes)) {
      match.wrong.push_back(
          fmt::format("{} and {}, one tensor of the network, differ", at->second->first, entry.first));
    }
  }
  return found;
}

void compare(const TensorMap& tensors, const Parameters& parameters, NetworkMatch& match) {
  const ByParameter in_file = by_parameter(tensors, match);
  for (const auto& [name, dims] : parameters) {
    const auto found = in_file.find(name);
    if (found == in_file.end()) {
      match.wrong.push_back(fmt::format("{} {} is missing", name, to_string(dims)));
      continue;
    }
    const Tensor& tensor = found->second->second;
    if (tensor.dims != dims) {
      match.wrong.push_back(
          fmt::format("{} is {}, {} is needed", name, to_string(tensor.dims), to_string(dims)));
    } else if (!is_weight(tensor.type)) {
      match.wrong.push_back(fmt::format("{} is of type {}", name, name_of(tensor.type)));
    } else {
      ++match.fitting;
    }
  }
  for (const auto& [name, tensor] : tensors) {
    const auto parameter = parameter_name(match, name);
    if (parameter && parameters.contains(*parameter)) continue;
    if (name.starts_with(place(match.prefix))) {
      match.wrong.push_back(fmt::format("{} {} is unexpected", printable(name), to_string(tensor.dims)));
    } else {
      match.beside.push_back(name);
    }
  }
}

}  // namespace

NetworkMatch match_network(const TensorMap& tensors, const std::string& network) {
  const Parameters parameters = build_network(network).graph.parameters();
  NetworkMatch match{.network = network};
  std::size_t most = 0;
  for (const std::string_view implied : kImplied) {
    const auto [prefix, count] = likely_prefix(tensors, parameters, implied);
    if (count <= most) continue;
    most = count;
    match.prefix = prefix;
    match.implied = implied;
  }
  compare(tensors, parameters, match);
  return match;
}

NetworkMatch match_network(const TensorMap& tensors) {
  NetworkMatch best;
  for (const std::string& network : network_names()) {
    NetworkMatch match = match_network(tensors, network);
    // Of two that hold as many tensors, the one that lacks less: a file of BIMNet fits in PVDNet too.
    if (match.fitting > best.fitting ||
        (match.fitting > 0 && match.fitting == best.fitting && match.wrong.size() < best.wrong.size())) {
      best = std::move(match);
    } else if (match.fitting > 0 && match.fitting == best.fitting &&
               match.wrong.size() == best.wrong.size()) {
      best.also.push_back(network);
    }
  }
  return best;
}

Model import_network(const NetworkMatch& match, TensorMap&& tensors) {
  if (match.network.empty()) {
    throw ModelError(
        fmt::format("{} tensors, none of which is a weight of a network that this version knows ({}); "
                    "--network NAME says "
                    "what is missing for one of them",
                    tensors.size(), fmt::join(network_names(), ", ")));
  }
  if (!match.wrong.empty()) {
    throw ModelError(fmt::format("does not fit network '{}', {} tensors are wrong: {}", match.network,
                                 match.wrong.size(), fmt::join(match.wrong, "; ")));
  }
  Model model = build_network(match.network);
  for (auto& [name, tensor] : tensors) {
    const auto parameter = parameter_name(match, name);
    if (!parameter || !model.graph.parameters().contains(*parameter)) continue;
    model.parameters[*parameter] = tensor.type == DType::kF64 ? tensor.as(DType::kF32) : std::move(tensor);
  }
  model.check_parameters();
  model.info.receptive_field = receptive_field(model.graph, model.info.size_multiple);
  return model;
}

std::string common_prefix(const TensorMap& tensors) {
  if (tensors.empty()) return {};
  const std::string& first = tensors.begin()->first;
  const std::string& last = tensors.rbegin()->first;  // names are in order
  const auto end = std::ranges::mismatch(first, last).in1;
  const std::string shared(first.begin(), end);
  const std::size_t dot = shared.rfind('.');
  return dot == std::string::npos ? "" : shared.substr(0, dot + 1);
}

}  // namespace unblur
