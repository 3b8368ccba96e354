// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "fill.h"
#include "motion_etr_kinds.h"

namespace unblur::golden::motion_etr {
namespace {

constexpr double kOutputBound = 1e-5;  // absolute (README of the cases)

int number_of(const nlohmann::json& operation, const char* key) {
  const auto found = operation.find(key);
  if (found == operation.end() || !found->is_number_integer()) {
    throw CaseError(fmt::format("an entry of 'cases' has no number '{}'", key));
  }
  return found->get<int>();
}

op::DeformConv2d operator_of(const nlohmann::json& operation) {
  const auto both = [&](const char* key) {
    return Extent2{number_of(operation, key), number_of(operation, key)};
  };
  op::DeformConv2d op{
      .weight = "weight", .bias = "bias", .out_channels = number_of(operation, "out_channels")};
  op.kernel = both("kernel"), op.stride = both("stride"), op.dilation = both("dilation");
  op.pad = Margins::all(number_of(operation, "padding"));
  op.groups = number_of(operation, "groups");
  op.deformable_groups = number_of(operation, "deformable_groups");
  return op;
}

/// The operator as a graph. Inputs of a graph have one size, so operands that are smaller than the largest
/// are stored in a corner of it and cut out again.
Model model_of(const op::DeformConv2d& op, const std::vector<Tensor>& operands, const TensorMap& parameters,
               TensorMap& inputs) {
  std::int64_t height = 0, width = 0;
  for (const Tensor& t : operands) {
    height = std::max(height, t.dims.at(2)), width = std::max(width, t.dims.at(3));
  }
  Model model{.graph = {}, .parameters = parameters};
  std::vector<Value> values;
  for (const Tensor& t : operands) {
    const std::string name = fmt::format("operand{}", values.size());
    const std::int64_t planes = t.dims.at(0) * t.dims.at(1), h = t.dims.at(2), w = t.dims.at(3);
    Tensor& frame = inputs[name] = Tensor(DType::kF32, {t.dims.at(0), t.dims.at(1), height, width});
    const std::vector<float> from = t.to_floats();
    for (std::int64_t row = 0; row < planes * h; ++row) {
      std::copy_n(from.begin() + row * w, w, frame.f32().begin() + (row / h * height + row % h) * width);
    }
    const Value whole =
        model.graph.add(name, op::Input{.name = name, .channels = static_cast<int>(t.dims.at(1))});
    const op::Crop cut{{0, static_cast<int>(height - h), 0, static_cast<int>(width - w)}};
    values.push_back(model.graph.add(name + ".cut", cut, {whole}));
  }
  model.graph.set_output("out", model.graph.add("operator", op, values));
  return model;
}

}  // namespace

void deform_conv(Case& c, Backend* backend) {
  const nlohmann::json gain = c.metadata("gain"), operations = c.metadata("cases");
  if (!gain.is_number() || !operations.is_array()) throw CaseError("'gain' or 'cases' cannot be read");
  for (const nlohmann::json& operation : operations) {
    if (!operation.is_object() || !operation.contains("prefix") || !operation["prefix"].is_string() ||
        !operation.contains("modulated") || !operation["modulated"].is_boolean()) {
      throw CaseError("an entry of 'cases' has no 'prefix' or 'modulated'");
    }
    const auto prefix = operation["prefix"].get<std::string>();
    const op::DeformConv2d op = operator_of(operation);
    std::vector<Tensor> operands{c.input(prefix + "x"), c.input(prefix + "offset")};
    if (operation["modulated"].get<bool>()) operands.push_back(c.input(prefix + "mask"));
    const std::int64_t inputs_per_group = operands[0].dims.at(1) / op.groups;
    const std::pair<std::string, Dims> shapes[] = {
        {"weight", {op.out_channels, inputs_per_group, op.kernel.h, op.kernel.w}},
        {"bias", {op.out_channels}}};
    TensorMap parameters;
    for (const auto& [name, dims] : shapes) {
      const std::string stored = prefix + name;
      parameters[name] = c.has(stored) ? c.input(stored) : fill(stored, dims, gain.get<double>());
    }
    TensorMap inputs;
    const Model model = model_of(op, operands, parameters, inputs);
    c.compare(prefix + "output", run_batch(*backend, model, inputs).at("out"), kOutputBound);
#ifdef UNBLUR_GOLDEN_TRAINING
    if (backend->device().api.starts_with("LibTorch")) {
      deform_conv_gradients(c, prefix, op, operands, parameters);
      continue;
    }
#endif
    for (const char* name : {"output", "x", "offset", "mask", "weight", "bias"}) {  // LibTorch's to compare
      const std::string gradient = prefix + "grad_" + name;
      if (c.has(gradient)) (void)c.input(gradient);
    }
  }
}

}  // namespace unblur::golden::motion_etr
