// SPDX-License-Identifier: MIT
#include "training_case.h"

#include <algorithm>
#include <cmath>

namespace unblur::golden {

void compare_relative(Case& c, const std::string& name, const Tensor& got, double bound) {
  if (!c.has(name)) return;
  double largest = 0;
  for (const float v : c.input(name).to_floats()) largest = std::max(largest, std::abs(double{v}));
  c.compare(name, got, bound * largest);
}

Tensor row(const std::vector<double>& values) {
  const std::vector<float> narrow(values.begin(), values.end());
  return Tensor::from_floats({static_cast<std::int64_t>(narrow.size())}, narrow);
}

}  // namespace unblur::golden
