// SPDX-License-Identifier: MIT
// One table of operator cases for every executor: each runs them and compares with evaluate_reference.
#pragma once

#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/reference.h"

namespace unblur::test {

struct Range {
  float low = -2.0F, high = 2.0F;
};

/// One operator with fixed attributes on one set of operand shapes.
struct OperatorCase {
  std::string name;  ///< "warp_zero/3": configuration, number of the shape
  Op op;
  std::vector<Shape> inputs;
  std::vector<Range> ranges;     ///< of the values per operand; missing ones are the default
  double tolerance = 2e-6;       ///< fp32: of |error| / max(1, |truth|)
  double half_tolerance = 2e-3;  ///< the same with values stored as fp16
};

/// All cases, the same on every machine. A configuration comes on several shapes: 1x1, single rows and
/// columns, primes, sizes beyond a workgroup, channels that are no multiple of 8.
[[nodiscard]] std::vector<OperatorCase> operator_cases();

/// Random operands and parameters of a case, always the same. `half`: rounded to fp16 first, so that storing
/// them as such loses nothing.
struct OperatorData {
  std::vector<std::vector<float>> inputs;  ///< planar, per operand
  TensorMap parameters;
  ReferenceTensor truth;
};
[[nodiscard]] OperatorData make_data(const OperatorCase& c, bool half);

/// Largest |error| / max(1, |truth|); infinity if a value is not finite where the truth is.
[[nodiscard]] double largest_error(const std::vector<float>& values, const ReferenceTensor& truth);

}  // namespace unblur::test
