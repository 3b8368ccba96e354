// SPDX-License-Identifier: MIT
// Times the candidate kernels of every convolution of a network on a device and keeps the fastest.
// What it writes (vulkan/tuning.h) is read whenever the device is opened.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graph/model.h"
#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

struct TunedLayer {
  std::string key;     ///< layer_key
  std::string node;    ///< the first of the network's nodes that look like this
  int count = 1;       ///< how many do
  std::string kernel;  ///< the fastest, as make_kernel takes it; empty = the rule's own choice
  /// ms of one run each; the rule's own choice first, by the name of its shader.
  std::vector<std::pair<std::string, double>> tried;
};

struct TuneOptions {
  int height = 360, width = 640;  ///< rounded up to the model's size multiple
  Storage storage = Storage::kF32;
  int repeats = 3;
  std::function<void(const TunedLayer&, int done, int total)> progress;  ///< after every layer; may be empty
};

/// A candidate must beat the rule by 5 % to be kept, so that noise changes nothing. Earlier tuning is not
/// looked at. Throws as make_plan does.
[[nodiscard]] std::vector<TunedLayer> tune_network(const std::shared_ptr<Device>& device,
                                                   Pipelines& pipelines, const Model& model,
                                                   const TuneOptions& options);

/// Merges `layers` into the device's tuning file and returns its path. Throws ProcessingError.
std::filesystem::path save_tuning(const PhysicalDevice& device, const std::vector<TunedLayer>& layers);

}  // namespace unblur::vk
