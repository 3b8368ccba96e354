// SPDX-License-Identifier: MIT
#include "vulkan/selftest.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "graph/error.h"
#include "graph/op_registry.h"
#include "graph/trial.h"
#include "vulkan/kernels/conv_kernels.h"
#include "vulkan/single_op.h"

namespace unblur::vk {
namespace {

/// Sizes are odd and channels no multiple of 8 where the operator allows it.
struct Check {
  Op op;
  std::vector<Shape> inputs;
  std::vector<ValueRange> ranges;
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

std::vector<Check> checks() {
  const Shape odd{13, 19, 37}, picture{3, 19, 37}, flow{2, 19, 37};
  std::vector<Check> list{
      {.op = op::Binary{op::BinaryKind::kMul}, .inputs = {odd, odd}},
      {.op = op::Unary{op::UnaryKind::kSigmoid}, .inputs = {odd}, .ranges = {{-6, 6}}},
      {.op = op::Concat{}, .inputs = {picture, odd, flow}},
      {.op = op::PixelUnshuffle{2}, .inputs = {{3, 18, 38}}},
      {.op = op::NormChannels{op::NormKind::kRms, 1e-6F}, .inputs = {odd}},
      {.op = op::SoftmaxChannels{}, .inputs = {{70, 5, 9}}, .ranges = {{-9, 9}}},
      {.op = op::ReduceSpace{op::Reduction::kMean}, .inputs = {odd}},
      {.op = op::Resize{op::Interpolation::kBilinear, false, 7, 3}, .inputs = {odd}},
      {.op = op::Warp{}, .inputs = {odd, flow}, .ranges = {{-1, 1}, {-9, 9}}, .tolerance = 4e-5},
      {.op = op::GatherMean{},
       .inputs = {picture, {10, 19, 37}},
       .ranges = {{-1, 1}, {-9, 9}},
       .tolerance = 4e-5},
      {.op = op::DeformConv2d{.weight = "weight", .bias = "bias", .out_channels = 24, .pad = Margins::all(1)},
       .inputs = {odd, {18, 19, 37}},
       .ranges = {{-1, 1}, {-3, 3}},
       .tolerance = 4e-5},
      {.op = op::Pad{Margins::all(3), Border::kReflect}, .inputs = {odd}},
      {.op = op::Correlation{3}, .inputs = {odd, odd}},
      {.op = op::Join{{2, 1}}, .inputs = {odd, odd}},
      {.op = op::ExposurePath{}, .inputs = {{4, 19, 37}}, .ranges = {{-20, 20}}},
      {.op = op::MotionTaps{"ratio"}, .inputs = {{30, 19, 37}}, .ranges = {{-20, 20}}},
      {.op = op::PixelVolume{2},
       .inputs = {picture, picture, flow},
       .ranges = {{-1, 1}, {-1, 1}, {-6, 6}},
       .tolerance = 1e-6},
  };
  for (const std::string_view name : convolution_kernels()) {
    // The first of these that the kernel can compute.
    const std::string forced(name);
    list.push_back(
        {.op = convolution(24, 3), .inputs = {{16, 19, 37}}, .ranges = {{-1, 1}}, .forced = forced});
    list.push_back({.op = convolution(16, 3), .inputs = {picture}, .ranges = {{-1, 1}}, .forced = forced});
    list.push_back(
        {.op = convolution(16, 3, 1, 16), .inputs = {{16, 19, 37}}, .ranges = {{-1, 1}}, .forced = forced});
  }
  return list;
}

SelftestResult run(const std::shared_ptr<Device>& device, Pipelines& pipelines, const Check& check,
                   Storage storage, const std::string& forced_wrong) {
  const auto start = std::chrono::steady_clock::now();
  const bool half = storage != Storage::kF32;
  SelftestResult result;
  result.operation = describe(check.op);
  result.storage = storage_name(storage);
  result.tolerance = half ? check.half_tolerance : check.tolerance;
  result.kernel = check.forced;
  const Trial trial = make_trial(check.op, check.inputs, check.ranges, half);
  const Step step = single_step("selftest", check.op, check.inputs, trial, storage);
  Kernel kernel;
  try {
    kernel = make_kernel(step, device->caps(), check.forced);
  } catch (const ModelError& error) {
    result.skipped = error.what();
    return result;
  }
  if (result.kernel.empty()) result.kernel = kernel.shader;
  try {
    std::vector<float> values = run_kernel(device, pipelines, step, kernel, trial.inputs).values;
    if (result.kernel == forced_wrong) values.front() += 1.0F;
    result.error = largest_error(values, trial.truth);
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
  for (const Check& check : checks()) {
    for (const Storage storage : {Storage::kF32, half}) {
      SelftestResult result = run(device, pipelines, check, storage, forced_wrong);
      const auto same = std::ranges::find_if(results, [&](const SelftestResult& r) {
        return r.kernel == result.kernel && r.storage == result.storage;
      });
      // Of the checks of a convolution kernel one that ran replaces one that did not.
      if (check.forced.empty() || same == results.end()) {
        results.push_back(std::move(result));
      } else if (!same->skipped.empty() || result.failed()) {
        *same = std::move(result);
      }
    }
  }
  return results;
}

}  // namespace unblur::vk
