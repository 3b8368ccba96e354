// SPDX-License-Identifier: MIT
// The observed plan on a Vulkan device: one submission per layer.
#pragma once

#include <memory>

#include "graph/model.h"
#include "graph/observed.h"
#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

struct ObservedOptions {
  int height = 0, width = 0;  ///< of the inputs; must suit the graph as they are
  Storage storage = Storage::kF32;
  bool fuse = true;  ///< false: a kernel per node, as far as kernels exist
};
[[nodiscard]] std::unique_ptr<ObservedPlan> observe_plan(std::shared_ptr<Device> device,
                                                         std::shared_ptr<Pipelines> pipelines,
                                                         std::shared_ptr<const Model> model,
                                                         const ObservedOptions& options);

}  // namespace unblur::vk
