// SPDX-License-Identifier: MIT
// What kinds of training share.
#pragma once

#include <string>
#include <vector>

#include "golden.h"

namespace unblur::golden {

/// Compares with the stored tensor, if the file has it; the bound is of its largest value.
void compare_relative(Case& c, const std::string& name, const Tensor& got, double bound);

/// Numbers as a tensor of one dimension.
[[nodiscard]] Tensor row(const std::vector<double>& values);

}  // namespace unblur::golden
