// SPDX-License-Identifier: MIT
// Deterministic parameters of golden cases: the `fill` of golden.py, bit for bit.
#pragma once

#include <string_view>

#include "graph/model.h"

namespace unblur::golden {

/// The values of parameter `name`: for rank >= 2 gain * sqrt(3 / fan-in) * u, names that end in "bias" 0.05
/// u, in "running_mean" 0.1 u, other vectors 1 + 0.1 u, scalars 0; u in [-1, 1) from splitmix64 of the name.
[[nodiscard]] Tensor fill(std::string_view name, const Dims& dims, double gain);

}  // namespace unblur::golden
