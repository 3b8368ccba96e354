// SPDX-License-Identifier: MIT
// One table of operator cases for every executor: each runs them and compares with evaluate_reference.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "graph/trial.h"

namespace unblur::test {

/// One operator with fixed attributes on one set of operand shapes.
struct OperatorCase {
  std::string name;  ///< "warp_zero/3": configuration, number of the shape
  Op op;
  std::vector<Shape> inputs;
  std::vector<ValueRange> ranges;  ///< of the values per operand; missing ones are the default
  /// Of |error| / max(1, |truth|) in fp32. An operation rounds by 6e-8 of its result, so 2e-6 leaves some
  /// thirty of them; cases with longer sums, positions (an error of a position times the slope of the
  /// picture) or transcendental functions (Vulkan promises exp to 3 + 2|x| units) say what they need, copies
  /// 0.
  double tolerance = 2e-6;
  double torch_tolerance = 0;  ///< LibTorch's in float32, where larger
  /// The same with values stored as fp16: one rounding of the result is 5e-4 of it.
  double half_tolerance = 2e-3;
};

/// All cases, the same on every machine. A configuration comes on several shapes: 1x1, single rows and
/// columns, primes, sizes beyond a workgroup, channels that are no multiple of 8.
[[nodiscard]] std::vector<OperatorCase> operator_cases();
/// Those of one operator ("conv2d"); of them only UNBLUR_CASE where that is set ("warp_0/2").
[[nodiscard]] std::vector<OperatorCase> selected_cases(const std::string& operator_name);
[[nodiscard]] std::vector<std::string> operator_names();  ///< all that the table has, in its order

/// Random numbers for a case, always the same.
[[nodiscard]] Trial make_data(const OperatorCase& c, bool half);

/// Empty if every |error| / max(1, |truth|) is within `tolerance`. Else what a reader needs: operator,
/// attributes, shapes, the first element that differs with its place, how many do, and how to run this case
/// alone.
[[nodiscard]] std::string first_difference(const OperatorCase& c, const ReferenceTensor& truth,
                                           std::span<const double> values, double tolerance);
[[nodiscard]] std::string first_difference(const OperatorCase& c, const ReferenceTensor& truth,
                                           std::span<const float> values, double tolerance);

}  // namespace unblur::test
