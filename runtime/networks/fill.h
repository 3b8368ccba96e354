// SPDX-License-Identifier: MIT
// Deterministic parameters without a training, as golden cases use them: every network can be compared and
// timed before it has weights.
#pragma once

#include <string_view>

#include "graph/model.h"

namespace unblur {

/// The values of parameter `name`: for rank >= 2 gain * sqrt(3 / fan-in) * u, names that end in "bias" 0.05
/// u, in "running_mean" 0.1 u, other vectors 1 + 0.1 u, scalars 0; u in [-1, 1) from splitmix64 of the name.
/// Bit for bit those of the golden cases.
[[nodiscard]] Tensor fill_parameter(std::string_view name, const Dims& dims, double gain);

/// All parameters of a graph; `motion_gain` for those of motion branches that have names of their own
/// (BIMNet.*, offset_net.*). Scalars (fixed ratios) keep the values that a training starts from.
[[nodiscard]] TensorMap filled_parameters(const Graph& graph, double gain, double motion_gain);

}  // namespace unblur
