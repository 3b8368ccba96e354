// SPDX-License-Identifier: MIT
#include "bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <map>
#include <sstream>

#include "graph/error.h"
#include "graph/file.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw ProcessingError(fmt::format("cannot make '{}': {}", folder.string(), error.message()));
}

template <class Values>
std::string node_lines(const Graph& graph, const Values& values) {
  std::string text;
  for (const Value v : values) text += (text.empty() ? "" : "\n") + graph.node(v).name;
  return text;
}

class Bundle {
 public:
  explicit Bundle(const fs::path& folder)
      : model_(std::make_shared<const Model>(read_model(folder / "model.safetensors"))),
        content_(read_safetensors(folder / "layer.safetensors")) {}

  [[nodiscard]] const std::string& text(const std::string& key) const {
    const auto found = content_.metadata.find(key);
    if (found == content_.metadata.end()) throw InputError("layer.safetensors has no metadata '" + key + "'");
    return found->second;
  }
  [[nodiscard]] int number(const std::string& key) const {
    const std::string& t = text(key);
    int value = 0;
    const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
    if (error != std::errc() || end != t.data() + t.size() || value < 1 || value > (1 << 15)) {
      throw InputError("layer.safetensors: '" + key + "' is no size");
    }
    return value;
  }
  [[nodiscard]] std::vector<Value> nodes(const std::string& key) const {
    std::vector<Value> values;
    std::stringstream lines(text(key));
    for (std::string line; std::getline(lines, line);) values.push_back(node(line));
    return values;
  }
  [[nodiscard]] Tensor tensor(const std::string& name) const {
    const auto found = content_.tensors.find(name);
    if (found == content_.tensors.end()) throw InputError("layer.safetensors has no '" + name + "'");
    return found->second.as(DType::kF32);
  }
  [[nodiscard]] const std::shared_ptr<const Model>& model() const { return model_; }

 private:
  [[nodiscard]] Value node(const std::string& name) const {
    const auto nodes = model_->graph.nodes();
    const auto found = std::ranges::find(nodes, name, &Node::name);
    if (found == nodes.end()) throw InputError("the model has no node '" + name + "'");
    return {static_cast<std::int32_t>(found - nodes.begin())};
  }

  std::shared_ptr<const Model> model_;
  SafeTensors content_;
};

/// Runs every layer of the plan that stores one of `covers`, in order.
Tensor run_covered(ObservedPlan& plan, std::span<const Value> covers, Value output,
                   std::map<std::int32_t, Tensor> values) {
  for (std::size_t i = 0; i < plan.layers().size(); ++i) {
    const ObservedLayer& layer = plan.layers()[i];
    if (std::ranges::find(covers, layer.output) == covers.end()) continue;
    std::vector<const Tensor*> operands;
    for (const Value v : layer.operands) {
      const auto found = values.find(v.id);
      if (found == values.end()) {
        throw UsageError(
            "this backend joins the layer with others: replay with +nofuse, or on the backend "
            "that wrote the bundle");
      }
      operands.push_back(&found->second);
    }
    values[layer.output.id] = plan.run_on(i, operands);
  }
  const auto found = values.find(output.id);
  if (found == values.end()) throw UsageError("this backend has no such layer");
  return found->second;
}

}  // namespace

void write_npy(const fs::path& path, std::span<const float> values, const Dims& dims) {
  std::string shape;
  for (const auto d : dims) shape += fmt::format("{}, ", d);
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", shape);
  const std::size_t before = 10;  // magic, version, length of the header
  header.append((64 - (before + header.size() + 1) % 64) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 255U);
  bytes += static_cast<char>(header.size() >> 8U);
  bytes += header;
  const std::array parts{std::as_bytes(std::span(bytes)), std::as_bytes(values)};
  write_file(path, parts);
}

void dump_outputs(const fs::path& folder, std::int64_t frame, const std::string& side,
                  std::span<const NamedOutput> outputs) {
  make_folder(folder);
  for (const NamedOutput& o : outputs) {
    write_npy(folder / fmt::format("frame.{}.{}.{}.npy", frame, o.name, side), o.values,
              {o.shape.c, o.shape.h, o.shape.w});
  }
}

void write_bundle(const fs::path& folder, const Model& model, const PlanSize& size,
                  const BackendChoice& backend, const Offence& offence) {
  make_folder(folder);
  write_model(folder / "model.safetensors", model);
  SafeTensors content;
  for (std::size_t i = 0; i < offence.operands.size(); ++i)
    content.tensors[fmt::format("operand.{}", i)] = *offence.operands[i];
  content.tensors["expected"] = offence.expected;
  content.tensors["got"] = offence.got;
  const ObservedLayer& layer = offence.layer;
  content.metadata = {{"layer", layer.name},
                      {"covers", node_lines(model.graph, layer.covers)},
                      {"operands", node_lines(model.graph, layer.operands)},
                      {"output", model.graph.node(layer.output).name},
                      {"height", std::to_string(size.height)},
                      {"width", std::to_string(size.width)},
                      {"backend", backend.text},
                      {"bound", fmt::format("{:.9g}", offence.difference.bound)}};
  write_safetensors(folder / "layer.safetensors", content);
}

Replay replay_bundle(const fs::path& folder, const std::string& backend) {
  const Bundle bundle(folder);
  const BackendChoice choice = parse_backend(backend.empty() ? bundle.text("backend") : backend);
  const std::unique_ptr<Backend> opened = open_backend(choice);
  const auto plan = opened->observe(bundle.model(), bundle.number("height"), bundle.number("width"),
                                    choice.precision, choice.fuse);
  std::map<std::int32_t, Tensor> values;
  const std::vector<Value> operands = bundle.nodes("operands");
  for (std::size_t i = 0; i < operands.size(); ++i)
    values[operands[i].id] = bundle.tensor(fmt::format("operand.{}", i));
  const Tensor expected = bundle.tensor("expected");
  const Tensor now =
      run_covered(*plan, bundle.nodes("covers"), bundle.nodes("output").at(0), std::move(values));
  return {.layer = bundle.text("layer"),
          .backend = choice.text,
          .bound = std::strtod(bundle.text("bound").c_str(), nullptr),
          .then = element_error(expected, bundle.tensor("got")),
          .now = element_error(expected, now)};
}

}  // namespace unblur
