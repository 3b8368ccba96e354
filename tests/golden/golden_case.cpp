// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "golden.h"

namespace unblur::golden {
namespace {

double difference(const std::vector<float>& a, const std::vector<float>& b, Measure measure) {
  double largest = 0, sum = 0, above = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(double{a[i]} - double{b[i]});
    if (std::isnan(d)) return std::numeric_limits<double>::infinity();
    largest = std::max(largest, d);
    sum += d;
    above += d > 1 ? 1 : 0;
  }
  const double count = std::max<double>(1, static_cast<double>(a.size()));
  if (measure == Measure::kMean) return sum / count;
  return measure == Measure::kLargest ? largest : above / count;
}

}  // namespace

Case::Case(const std::filesystem::path& path, bool half) : half_(half), content_(read_safetensors(path)) {
  const auto text = [&](const char* key) {
    const auto found = content_.metadata.find(key);
    if (found == content_.metadata.end()) throw CaseError(fmt::format("metadata has no '{}'", key));
    return found->second;
  };
  system_ = text("system");
  kind_ = text("kind");
}

std::vector<std::string> Case::names() const {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : content_.tensors) names.push_back(name);
  return names;
}

const Tensor& Case::input(const std::string& name) {
  const auto found = content_.tensors.find(name);
  if (found == content_.tensors.end()) throw CaseError(fmt::format("tensor '{}' is missing", name));
  known_.insert(name);
  return found->second;
}

nlohmann::json Case::metadata(const std::string& key) const {
  const auto found = content_.metadata.find(key);
  if (found == content_.metadata.end()) throw CaseError(fmt::format("metadata has no '{}'", key));
  nlohmann::json value = nlohmann::json::parse(found->second, nullptr, false);
  if (!value.is_discarded()) return value;
  if (found->second.find_first_of("{}[]\" ") == std::string::npos) return found->second;
  throw CaseError(fmt::format("metadata '{}' is neither JSON nor a single word", key));
}

nlohmann::json Case::config(const std::string& key) const {
  const nlohmann::json all = metadata("config");
  if (!all.is_object() || !all.contains(key)) throw CaseError(fmt::format("config has no '{}'", key));
  return all.at(key);
}

void Case::require(const std::string& key, const nlohmann::json& value) const {
  const nlohmann::json stored = config(key);
  if (stored != value) {
    throw CaseError(
        fmt::format("config '{}' is {}, this kind computes {}", key, stored.dump(), value.dump()));
  }
}

void Case::compare(const std::string& name, const Tensor& got, double bound, Measure measure) {
  known_.insert(name);
  const auto found = content_.tensors.find(name);
  if (found == content_.tensors.end()) return;
  const Tensor& stored = found->second;
  if (stored.dims != got.dims) {
    throw CaseError(
        fmt::format("'{}' is {}, stored is {}", name, to_string(got.dims), to_string(stored.dims)));
  }
  const std::vector<float> a = got.to_floats(), b = stored.to_floats();
  if (half_) {
    const HalfBound half = half_bound(kind_, name);
    comparisons_.push_back({name, difference(a, b, Measure::kLargest), half.largest});
    comparisons_.push_back({name + " (mean)", difference(a, b, Measure::kMean), half.mean});
    return;
  }
  comparisons_.push_back({name, difference(a, b, measure), bound});
}

void Case::compare_number(const std::string& name, double got, double stored, double bound) {
  const double d = std::abs(got - stored);
  comparisons_.push_back({name, std::isnan(d) ? std::numeric_limits<double>::infinity() : d, bound});
}

std::vector<std::string> Case::unknown_tensors() const {
  std::vector<std::string> unknown;
  for (const auto& [name, tensor] : content_.tensors) {
    if (!known_.contains(name)) unknown.push_back(name);
  }
  return unknown;
}

TensorMap run_batch(Backend& backend, const Model& model, const TensorMap& inputs) {
  TensorMap all;
  const std::int64_t batch = inputs.begin()->second.dims.at(0);
  for (std::int64_t n = 0; n < batch; ++n) {
    TensorMap sample;
    for (const auto& [name, tensor] : inputs) {
      Dims dims = tensor.dims;
      dims.at(0) = 1;
      const std::vector<float> values = tensor.to_floats();
      const auto count = static_cast<std::size_t>(element_count(dims));
      sample[name] =
          Tensor::from_floats(dims, std::span(values).subspan(static_cast<std::size_t>(n) * count, count));
    }
    for (const auto& [name, tensor] : backend.run_tensors(model, sample, nullptr, Precision::kFp32)) {
      Tensor& joined = all[name];
      joined.dims = tensor.dims;
      joined.dims.at(0) = n + 1;
      joined.bytes.insert(joined.bytes.end(), tensor.bytes.begin(), tensor.bytes.end());
    }
  }
  return all;
}

void expose(Model& model, const std::string& output, const std::string& node) {
  const auto nodes = model.graph.nodes();
  const auto found = std::ranges::find(nodes, node, &Node::name);
  if (found == nodes.end()) throw CaseError(fmt::format("the graph has no node '{}'", node));
  model.graph.set_output(output, Value{static_cast<std::int32_t>(found - nodes.begin())});
}

Tensor run_operator(Backend& backend, const Op& op, const std::vector<Tensor>& operands,
                    const TensorMap& parameters) {
  Model model;
  model.parameters = parameters;
  TensorMap inputs;
  std::vector<Value> values;
  for (const Tensor& operand : operands) {
    const std::string name = fmt::format("operand{}", inputs.size());
    const int channels = static_cast<int>(operand.dims.at(1));
    values.push_back(model.graph.add(name, op::Input{.name = name, .channels = channels}));
    inputs[name] = operand;
  }
  model.graph.set_output("out", model.graph.add("operator", op, values));
  return run_batch(backend, model, inputs).at("out");
}

}  // namespace unblur::golden
