// SPDX-License-Identifier: MIT
// Runs a graph once on host tensors: operator tests, golden cases, comparisons.
#pragma once

#include <memory>

#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

struct TensorRunOptions {
  Storage storage = Storage::kF32;
  int strips = 0;            ///< > 0: that many row strips
  bool share_memory = true;  ///< false: no aliasing
  bool poison = false;       ///< activations are NaN before the run
};

/// As Backend::run_tensors. Throws InputError where inputs or states are missing or misshapen.
[[nodiscard]] TensorMap run_tensors(const std::shared_ptr<Device>& device, Pipelines& pipelines,
                                    const Model& model, const TensorMap& inputs, TensorMap* states,
                                    const TensorRunOptions& options);

}  // namespace unblur::vk
