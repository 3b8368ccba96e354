// SPDX-License-Identifier: MIT
// The observed plan on a Vulkan device: one submission per layer, and between them its values on the host.
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
[[nodiscard]] std::unique_ptr<ObservedPlan> observe_plan(const std::shared_ptr<Device>& device,
                                                         const std::shared_ptr<Pipelines>& pipelines,
                                                         std::shared_ptr<const Model> model,
                                                         const ObservedOptions& options);

}  // namespace unblur::vk
