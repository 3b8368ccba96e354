// SPDX-License-Identifier: MIT
#include "vulkan/tune.h"

#include <algorithm>
#include <map>
#include <span>

#include "graph/error.h"
#include "vulkan/plan.h"
#include "vulkan/single_op.h"
#include "vulkan/tuning.h"

namespace unblur::vk {
namespace {

constexpr double kWorthwhile = 0.95;  // of the time of the rule's choice

/// Those that the layer or the device rules out drop out by themselves.
std::span<const char* const> candidates(const Caps& caps) {
  static constexpr const char* kRegisters[] = {"conv_reg:16x8", "conv_reg:8x8", "conv_reg:16x4",
                                               "conv_small"};
  static constexpr const char* kTiles[] = {"conv_tile:64x64",  "conv_tile:32x128", "conv_tile:32x64",
                                           "conv_tile:16x128", "conv_tile:64x32",  "conv_cm",
                                           "conv_small"};
  if (caps.cpu_device && caps.subgroup_broadcast && caps.subgroup_size >= 8) return kRegisters;
  return kTiles;
}

void tune_layer(const std::shared_ptr<Device>& device, Pipelines& pipelines, const Step& step, int repeats,
                TunedLayer& layer) {
  std::vector<std::vector<float>> inputs;
  for (const TensorView& view : step.inputs) {
    inputs.emplace_back(static_cast<std::size_t>(view.c) * view.h * view.w, 0.25F);
  }
  Caps untuned = device->caps();
  untuned.tuning = nullptr;
  const auto time = [&](const Kernel& kernel) {
    SingleOpOptions options;
    options.repeats = repeats + 1;  // the first warms up; the fastest counts
    options.time = true;
    return run_kernel(device, pipelines, step, kernel, inputs, options).ms;
  };
  const Kernel rule = make_kernel(step, untuned);
  layer.tried.emplace_back(rule.shader, time(rule));
  double best_ms = layer.tried.front().second * kWorthwhile;
  for (const char* candidate : candidates(untuned)) {
    std::optional<Kernel> kernel;
    try {
      kernel = make_kernel(step, untuned, candidate);
    } catch (const ModelError&) {
      continue;
    }
    if (kernel->shader == rule.shader && kernel->specialization == rule.specialization) continue;
    const double ms = time(*kernel);
    layer.tried.emplace_back(candidate, ms);
    if (ms < best_ms) {
      best_ms = ms;
      layer.kernel = candidate;
    }
  }
}

Plan plan_of(const PhysicalDevice& device, const Model& model, const TuneOptions& options) {
  const int multiple = std::max(1, model.info.size_multiple);
  PlanRequest request;
  request.model = &model;
  request.device = &device;
  request.height = (options.height + multiple - 1) / multiple * multiple;
  request.width = (options.width + multiple - 1) / multiple * multiple;
  request.storage = options.storage;
  for (const OutputSpec& output : model.graph.outputs()) request.outputs.push_back(output.value);
  const std::span<const StateSpec> states = model.graph.states();
  for (int i = 0; i < static_cast<int>(states.size()); ++i) {
    request.feeds.push_back({i, states[static_cast<std::size_t>(i)].next});
  }
  return make_plan(request);
}

}  // namespace

std::vector<TunedLayer> tune_network(const std::shared_ptr<Device>& device, Pipelines& pipelines,
                                     const Model& model, const TuneOptions& options) {
  const Plan plan = plan_of(device->physical(), model, options);
  std::vector<TunedLayer> layers;
  std::vector<const Step*> steps;
  std::map<std::string, std::size_t> seen;
  for (const PlannedStep& planned : plan.steps) {
    const Step& step = planned.step;
    if (!is_convolution(step.op)) continue;
    const auto [at, fresh] = seen.emplace(layer_key(step), layers.size());
    if (!fresh) {
      ++layers[at->second].count;
      continue;
    }
    TunedLayer& layer = layers.emplace_back();
    layer.key = at->first;
    layer.node = step.name;
    steps.push_back(&step);
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    tune_layer(device, pipelines, *steps[i], options.repeats, layers[i]);
    if (options.progress) {
      options.progress(layers[i], static_cast<int>(i) + 1, static_cast<int>(layers.size()));
    }
  }
  return layers;
}

std::filesystem::path save_tuning(const PhysicalDevice& device, const std::vector<TunedLayer>& layers) {
  std::filesystem::path file = tuning_file(device.info.uuid);
  if (file.empty())
    throw ProcessingError("neither XDG_CACHE_HOME nor HOME is set: nowhere to write the tuning to");
  Tuning tuning = *Tuning::load(file, device.driver_version);
  for (const TunedLayer& layer : layers) tuning.set(layer.key, layer.kernel);
  tuning.save(file, device.driver_version);
  return file;
}

}  // namespace unblur::vk
