// SPDX-License-Identifier: MIT
// The order of steps and the rows of strips: the part of planning that knows no memory and no kernels.
#pragma once

#include <vector>

#include "graph/reach.h"
#include "vulkan/lowering.h"

namespace unblur::vk {

/// Nodes that become kernels, producers before readers.
[[nodiscard]] std::vector<Value> steps_in_order(const Lowered& graph);

/// True where the value has no step: it is a view of its operand, or all its operands are written in place.
[[nodiscard]] bool is_placed(const Lowered& graph, Value v);

/// The rows of operand `i` (residual included) that rows `out` of the stored value need; nothing = all.
[[nodiscard]] std::optional<Range> operand_rows(const Lowered& graph, Value step, std::size_t i, Range out);

/// Strips: which values are kept whole, and the phase every step runs in. Between phases everything is whole;
/// the steps of a phase run strip by strip.
struct Phases {
  std::vector<bool> whole;  ///< by root value
  std::vector<int> phase;   ///< by value with a step
  int count = 0;
};
[[nodiscard]] Phases find_phases(const Lowered& graph, const std::vector<Value>& order);

/// Rows of each root that strip `index` of `count` holds; of whole roots those that this strip computes.
[[nodiscard]] std::vector<Range> strip_rows(const Lowered& graph, const std::vector<Value>& order,
                                            const Phases& phases, int phase, int index, int count);

}  // namespace unblur::vk
