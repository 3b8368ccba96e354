// SPDX-License-Identifier: MIT
// Runs one kernel on host tensors: how kernels are tested and measured on their own, without the planner.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "graph/trial.h"
#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace unblur::vk {

struct SingleOpOptions {
  int row_step = 0;   ///< > 0: one dispatch per that many output rows, as strips do it
  int repeats = 1;    ///< dispatches of the same work, for timing
  bool time = false;  ///< fill SingleOpResult::ms
};

struct SingleOpResult {
  std::vector<float> values;      ///< planar [c,h,w] of step.output
  bool padding_is_zero = true;    ///< the channels behind the last one, up to a multiple of 8
  bool outside_untouched = true;  ///< the other channels of a wider buffer
  double ms = 0;                  ///< device time of one repeat, the fastest
};

/// `op` alone on operands that have buffers of their own. The step points into `trial`.
[[nodiscard]] Step single_step(const std::string& name, const Op& op, std::span<const Shape> shapes,
                               const Trial& trial, Storage storage);

/// `inputs`: planar values per view of step.inputs. The output buffer is poisoned with NaN before. Waits.
[[nodiscard]] SingleOpResult run_kernel(const std::shared_ptr<Device>& device, Pipelines& pipelines,
                                        const Step& step, const Kernel& kernel,
                                        std::span<const std::vector<float>> inputs,
                                        const SingleOpOptions& options = {});

}  // namespace unblur::vk
