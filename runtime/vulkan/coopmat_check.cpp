// SPDX-License-Identifier: MIT
#include "vulkan/coopmat_check.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "graph/error.h"
#include "vulkan/layout.h"
#include "vulkan/pipeline.h"
#include "vulkan/single_op.h"

namespace unblur::vk {
namespace {

/// Small integers over 8: exact in fp16, and different everywhere.
std::vector<float> pattern(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    seed = seed * 1664525U + 1013904223U;
    values[i] = (static_cast<float>(seed >> 28U) - 7.5F) / 8.0F;
  }
  return values;
}

/// Largest difference over the largest value; 48 -> 80 channels on 13 x 21 pixels leave every tile
/// incomplete.
double difference(const std::shared_ptr<Device>& device, Pipelines& pipelines) {
  TensorMap parameters;
  parameters["w"] = Tensor::from_floats({80, 48, 3, 3}, pattern(std::size_t{80} * 48 * 9, 1));
  parameters["b"] = Tensor::from_floats({80}, pattern(80, 2));
  const op::Conv2d conv{"w", "b", 80, {3, 3}, {1, 1}, {1, 1}, 1, Margins::all(1)};
  Step step;
  step.name = "cooperative matrix check";
  step.op = conv;
  step.inputs = {whole_view({48, 13, 21}, Storage::kF16)};
  step.output = whole_view({80, 13, 21}, Storage::kF16);
  step.parameters = &parameters;
  step.weights = Storage::kF16;
  const std::vector<std::vector<float>> inputs = {pattern(std::size_t{48} * 13 * 21, 3)};
  const auto run = [&](const char* kernel) {
    return run_kernel(device, pipelines, step, make_kernel(step, device->caps(), kernel), inputs).values;
  };
  const std::vector<float> plain = run("conv_direct");
  const std::vector<float> matrix = run("conv_cm");
  double largest = 0;
  double worst = 0;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    largest = std::max(largest, static_cast<double>(std::abs(plain[i])));
    const double error = static_cast<double>(std::abs(plain[i] - matrix[i]));
    if (!(error <= worst)) worst = error;  // NaN included
  }
  return worst / largest;
}

/// Empty if all is well.
std::string fault_of(const std::shared_ptr<Device>& device) {
  constexpr double kTolerance = 1.0 / 512;  // two roundings to fp16
  try {
    Pipelines pipelines(device);
    return difference(device, pipelines) <= kTolerance ? "" : "wrong results";
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace

std::shared_ptr<Device> without_broken_matrices(std::shared_ptr<Device> device) {
  if (!device->caps().cooperative_matrix) return device;
  const std::string fault = fault_of(device);
  if (fault.empty()) return device;
  PhysicalDevice physical = device->physical();
  spdlog::warn("{}: cooperative matrices are not used: {}", physical.info.name, fault);
  physical.caps.cooperative_matrix = false;
  return std::make_shared<Device>(shared_instance(), std::move(physical), device->needs());
}

}  // namespace unblur::vk
