// SPDX-License-Identifier: MIT
// How much memory the values of a graph need at least when nodes run in order.
#pragma once

#include <cstdint>
#include <span>

#include "graph/graph.h"

namespace unblur {

/// Largest sum of values alive at once, in elements, with sizes from `infer_shapes`: a value lives from its
/// node to its last reader, outputs and what feeds states to the end.
[[nodiscard]] std::uint64_t peak_elements(const Graph& graph, std::span<const Shape> shapes);

/// Elements of the operands and the output of the largest node.
[[nodiscard]] std::uint64_t largest_node_elements(const Graph& graph, std::span<const Shape> shapes);

}  // namespace unblur
