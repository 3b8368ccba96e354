// SPDX-License-Identifier: MIT
// Parameters of golden cases: the `fill` of golden.py.
#pragma once

#include "networks/fill.h"

namespace unblur::golden {

[[nodiscard]] inline Tensor fill(std::string_view name, const Dims& dims, double gain) {
  return fill_parameter(name, dims, gain);
}

}  // namespace unblur::golden
