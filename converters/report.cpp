// SPDX-License-Identifier: MIT
#include "report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "graph/op_rules.h"

namespace unblur {
namespace {

using Json = nlohmann::json;

constexpr int kReportHeight = 720, kReportWidth = 1280;
constexpr std::size_t kShownText = 160;

int round_up(int size, const ModelInfo& info) {
  return std::max((size + info.size_multiple - 1) / info.size_multiple * info.size_multiple, info.min_size);
}

struct OperatorRow {
  int nodes = 0;
  std::int64_t multiply_adds = 0;
  std::set<std::string> weights;  // shared ones count once
};

std::string shortened(const std::string& text) {
  if (text.size() <= kShownText) return text;
  return fmt::format("{}... ({} bytes)", text.substr(0, kShownText), text.size());
}

Json tensor_report(const Tensor& tensor) {
  Json row = {{"type", name_of(tensor.type)}, {"shape", tensor.dims}};
  const std::vector<float> values = tensor.to_floats();
  if (values.empty()) return row;
  const auto [low, high] = std::ranges::minmax(values);
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v);
  row["min"] = low;
  row["max"] = high;
  row["mean"] = sum / static_cast<double>(values.size());
  row["finite"] = std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
  return row;
}

/// The larger of the differences of two tensors; absent if they cannot be compared.
Json tensor_difference(const Tensor& a, const Tensor& b) {
  if (a.dims != b.dims) return fmt::format("shape {} and {}", to_string(a.dims), to_string(b.dims));
  if (a.type == b.type && a.bytes == b.bytes) return nullptr;
  const std::vector<float> x = a.to_floats();
  const std::vector<float> y = b.to_floats();
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
    largest = std::isnan(difference) ? difference : std::max(largest, difference);
    if (std::isnan(largest)) break;
  }
  const std::string types =
      a.type == b.type ? "" : fmt::format(", {} and {}", name_of(a.type), name_of(b.type));
  return fmt::format("maximum difference {:.3g}{}", largest, types);
}

template <typename Map>
Json only_in(const Map& a, const Map& b) {
  Json names = Json::array();
  for (const auto& [name, value] : a) {
    if (!b.contains(name)) names.push_back(name);
  }
  return names;
}

}  // namespace

Json operator_report(const Model& model) {
  const int height = round_up(kReportHeight, model.info);
  const int width = round_up(kReportWidth, model.info);
  const std::vector<Shape> shapes = infer_shapes(model.graph, height, width);
  const std::vector<std::int64_t> counts = node_multiply_adds(model.graph, shapes);
  std::map<std::string, OperatorRow, std::less<>> rows;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Node& node = model.graph.nodes()[i];
    OperatorRow& row = rows[std::string(op_name(node.op))];
    ++row.nodes;
    std::vector<int> channels;
    channels.reserve(node.inputs.size());
    for (const Value v : node.inputs) channels.push_back(model.graph.node(v).channels);
    row.multiply_adds += counts[i];
    if (channels.empty()) continue;
    for_each_parameter(node.op, channels,
                       [&](const std::string& name, const Dims&) { row.weights.insert(name); });
  }

  Json table = Json::array();
  std::int64_t weights = 0;
  for (const auto& [name, row] : rows) {
    std::int64_t count = 0;
    for (const std::string& weight : row.weights) count += model.parameters.at(weight).count();
    weights += count;
    table.push_back({{"operator", name},
                     {"supported", true},  // a graph of anything else is not read at all
                     {"nodes", row.nodes},
                     {"weights", count},
                     {"multiply_adds", row.multiply_adds}});
  }
  Json states = Json::array();
  for (const StateSpec& s : model.graph.states()) states.push_back(s.name);
  Json outputs = Json::array();
  for (const OutputSpec& o : model.graph.outputs()) outputs.push_back(o.name);
  return {{"operators", std::move(table)},
          {"nodes", model.graph.nodes().size()},
          {"weights", weights},
          {"multiply_adds", multiply_adds(model.graph, height, width)},
          {"size", {width, height}},
          {"states", std::move(states)},
          {"outputs", std::move(outputs)}};
}

std::string operator_table(const Json& report) {
  std::string text =
      fmt::format("{:<18} {:>5} {:>10} {:>12}  supported\n", "operator", "nodes", "weights", "MMAC");
  const auto line = [&](const std::string& name, const Json& row, std::string_view supported) {
    text +=
        fmt::format("{:<18} {:>5} {:>10} {:>12.1f}  {}\n", name, row["nodes"].get<int>(),
                    row["weights"].get<std::int64_t>(), row["multiply_adds"].get<double>() / 1e6, supported);
  };
  for (const Json& row : report["operators"]) {
    line(row["operator"].get<std::string>(), row, row["supported"].get<bool>() ? "yes" : "NO");
  }
  line("all", report, "");
  text += fmt::format("multiply-adds are those of one {}x{} frame\n", report["size"][0].get<int>(),
                      report["size"][1].get<int>());
  return text;
}

Json contents_report(const SafeTensors& file) {
  Json tensors = Json::object();
  std::int64_t elements = 0;
  for (const auto& [name, tensor] : file.tensors) {
    tensors[name] = tensor_report(tensor);
    elements += tensor.count();
  }
  return {{"metadata", file.metadata}, {"tensors", std::move(tensors)}, {"elements", elements}};
}

std::string contents_text(const Json& report) {
  std::string text;
  for (const auto& [key, value] : report["metadata"].items()) {
    text += fmt::format("{} = {}\n", key, shortened(value.get<std::string>()));
  }
  for (const auto& [name, row] : report["tensors"].items()) {
    text += fmt::format("{:<40} {:<4} {:<18}", name, row["type"].get<std::string>(), row["shape"].dump());
    if (row.contains("min")) {
      text += fmt::format(" {:>11.4g} to {:<11.4g} mean {:.4g}{}", row["min"].get<float>(),
                          row["max"].get<float>(), row["mean"].get<double>(),
                          row["finite"].get<bool>() ? "" : "  NOT FINITE");
    }
    text += '\n';
  }
  return text + fmt::format("{} tensors, {} elements\n", report["tensors"].size(),
                            report["elements"].get<std::int64_t>());
}

Json difference_report(const SafeTensors& a, const SafeTensors& b) {
  Json metadata = Json::array();
  for (const auto& [key, value] : a.metadata) {
    const auto other = b.metadata.find(key);
    if (other != b.metadata.end() && other->second != value) metadata.push_back(key);
  }
  Json tensors = Json::object();
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = b.tensors.find(name);
    if (other == b.tensors.end()) continue;
    if (Json difference = tensor_difference(tensor, other->second); !difference.is_null())
      tensors[name] = difference;
  }
  Json report = {{"metadata_differs", std::move(metadata)},
                 {"metadata_only_in_a", only_in(a.metadata, b.metadata)},
                 {"metadata_only_in_b", only_in(b.metadata, a.metadata)},
                 {"tensors_only_in_a", only_in(a.tensors, b.tensors)},
                 {"tensors_only_in_b", only_in(b.tensors, a.tensors)},
                 {"tensors_differ", std::move(tensors)}};
  report["same"] = std::ranges::all_of(report, [](const Json& part) { return part.empty(); });
  return report;
}

std::string difference_text(const Json& report) {
  std::string text;
  const auto list = [&](const char* key, const char* heading) {
    for (const Json& name : report[key]) text += fmt::format("{}: {}\n", heading, name.get<std::string>());
  };
  list("metadata_only_in_a", "metadata only in the first");
  list("metadata_only_in_b", "metadata only in the second");
  list("metadata_differs", "metadata differs");
  list("tensors_only_in_a", "tensor only in the first");
  list("tensors_only_in_b", "tensor only in the second");
  for (const auto& [name, what] : report["tensors_differ"].items()) {
    text += fmt::format("{}: {}\n", name, what.get<std::string>());
  }
  return text.empty() ? "no difference\n" : text;
}

}  // namespace unblur
