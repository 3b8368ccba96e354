// SPDX-License-Identifier: MIT
#include "vulkan/selftest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <random>

#include "graph/error.h"
#include "graph/op_registry.h"
#include "graph/op_rules.h"
#include "graph/reference.h"
#include "vulkan/kernels/conv_kernels.h"
#include "vulkan/layout.h"
#include "vulkan/single_op.h"

namespace unblur::vk {
namespace {

/// Sizes are odd and channels no multiple of 8 where the operator allows it.
struct Trial {
  Op op;
  std::vector<Shape> inputs;
  float range = 1.0F;       ///< values lie in [-range, range]
  float last_range = 0.0F;  ///< of the last operand, if not 0: flows
  std::string forced;       ///< convolution kernel to use
  double tolerance = 1e-5;  ///< fp32
  double half_tolerance = 4e-3;
};

op::Conv2d convolution(int out, int kernel, int stride = 1, int groups = 1) {
  return {.weight = "weight",
          .bias = "bias",
          .out_channels = out,
          .kernel = {kernel, kernel},
          .stride = {stride, stride},
          .groups = groups,
          .pad = Margins::all(kernel / 2)};
}

std::vector<Trial> trials() {
  const Shape odd{13, 19, 37}, picture{3, 19, 37}, flow{2, 19, 37};
  std::vector<Trial> list{
      {.op = op::Binary{op::BinaryKind::kMul}, .inputs = {odd, odd}},
      {.op = op::Unary{op::UnaryKind::kSigmoid}, .inputs = {odd}, .range = 6},
      {.op = op::Concat{}, .inputs = {picture, odd, flow}},
      {.op = op::PixelUnshuffle{2}, .inputs = {{3, 18, 38}}},
      {.op = op::NormChannels{op::NormKind::kRms, 1e-6F}, .inputs = {odd}},
      {.op = op::SoftmaxChannels{}, .inputs = {{70, 5, 9}}, .range = 9},
      {.op = op::ReduceSpace{op::Reduction::kMean}, .inputs = {odd}},
      {.op = op::Resize{op::Interpolation::kBilinear, false, 7, 3}, .inputs = {odd}},
      {.op = op::Warp{}, .inputs = {odd, flow}, .last_range = 9, .tolerance = 4e-5},
      {.op = op::Pad{Margins::all(3), Border::kReflect}, .inputs = {odd}},
      {.op = op::Correlation{3}, .inputs = {odd, odd}},
      {.op = op::PixelVolume{2}, .inputs = {picture, picture, flow}, .last_range = 6, .tolerance = 1e-6},
  };
  for (const std::string_view name : convolution_kernels()) {
    // The first of these that the kernel can compute.
    const std::string forced(name);
    list.push_back({.op = convolution(24, 3), .inputs = {{16, 19, 37}}, .forced = forced});
    list.push_back({.op = convolution(16, 3), .inputs = {picture}, .forced = forced});
    list.push_back({.op = convolution(16, 3, 1, 16), .inputs = {{16, 19, 37}}, .forced = forced});
  }
  return list;
}

std::vector<float> random_values(std::mt19937& random, std::int64_t count, float range, bool half) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) {
    v = (static_cast<float>(random() >> 8U) * 0x1p-23F - 1.0F) * range;
    if (half) v = half_to_float(float_to_half(v));
  }
  return values;
}

struct Data {
  std::vector<std::vector<float>> inputs;
  TensorMap parameters;
  ReferenceTensor truth;
};

Data make_data(const Trial& trial, bool half) {
  std::mt19937 random(1);
  Data data;
  std::vector<ReferenceTensor> operands;
  std::vector<int> channels;
  for (const Shape& s : trial.inputs) {
    const bool last = channels.size() + 1 == trial.inputs.size();
    const float range = last && trial.last_range != 0 ? trial.last_range : trial.range;
    data.inputs.push_back(random_values(random, static_cast<std::int64_t>(s.c) * s.h * s.w, range, half));
    operands.emplace_back(s, data.inputs.back());
    channels.push_back(s.c);
  }
  for_each_parameter(trial.op, channels, [&](const std::string& name, const Dims& dims) {
    const std::int64_t count = element_count(dims);
    const float fan_in = dims.size() == 4 ? static_cast<float>(count) / static_cast<float>(dims[0]) : 1.0F;
    data.parameters[name] =
        Tensor::from_floats(dims, random_values(random, count, std::sqrt(3.0F / fan_in), half));
  });
  data.truth = evaluate_reference(trial.op, operands, data.parameters);
  return data;
}

Step make_step(const Trial& trial, const Data& data, Storage storage) {
  Step step;
  step.name = "selftest";
  step.op = trial.op;
  for (const Shape& shape : trial.inputs) step.inputs.push_back(whole_view(shape, storage));
  step.output = whole_view(data.truth.shape, storage);
  step.parameters = &data.parameters;
  step.weights = storage;
  return step;
}

double largest_error(const std::vector<float>& values, const std::vector<double>& truth) {
  double worst = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = std::abs(values[i] - truth[i]) / std::max(1.0, std::abs(truth[i]));
    worst = error <= worst ? worst : error;  // a NaN is kept
    if (std::isnan(error)) return std::numeric_limits<double>::infinity();
  }
  return worst;
}

SelftestResult run(const std::shared_ptr<Device>& device, Pipelines& pipelines, const Trial& trial,
                   Storage storage, const std::string& forced_wrong) {
  const auto start = std::chrono::steady_clock::now();
  const bool half = storage != Storage::kF32;
  SelftestResult result;
  result.operation = describe(trial.op);
  result.storage = storage_name(storage);
  result.tolerance = half ? trial.half_tolerance : trial.tolerance;
  result.kernel = trial.forced;
  const Data data = make_data(trial, half);
  const Step step = make_step(trial, data, storage);
  Kernel kernel;
  try {
    kernel = make_kernel(step, device->caps(), trial.forced);
  } catch (const ModelError& error) {
    result.skipped = error.what();
    return result;
  }
  if (result.kernel.empty()) result.kernel = kernel.shader;
  try {
    std::vector<float> values = run_kernel(device, pipelines, step, kernel, data.inputs).values;
    if (result.kernel == forced_wrong) values.front() += 1.0F;
    result.error = largest_error(values, data.truth.values);
  } catch (const Error& error) {
    spdlog::error("selftest of {}: {}", result.kernel, error.what());
    result.error = std::numeric_limits<double>::infinity();
  }
  result.ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

std::vector<SelftestResult> selftest(const std::shared_ptr<Device>& device, Pipelines& pipelines,
                                     const std::string& forced_wrong) {
  std::vector<SelftestResult> results;
  const Storage half = choose_storage(device->physical(), Precision::kFp16);
  for (const Trial& trial : trials()) {
    for (const Storage storage : {Storage::kF32, half}) {
      SelftestResult result = run(device, pipelines, trial, storage, forced_wrong);
      const auto same = std::ranges::find_if(results, [&](const SelftestResult& r) {
        return r.kernel == result.kernel && r.storage == result.storage;
      });
      // Of the trials of a convolution kernel one that ran replaces one that did not.
      if (trial.forced.empty() || same == results.end()) {
        results.push_back(std::move(result));
      } else if (!same->skipped.empty() || result.failed()) {
        *same = std::move(result);
      }
    }
  }
  return results;
}

}  // namespace unblur::vk
