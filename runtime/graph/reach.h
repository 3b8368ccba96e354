// SPDX-License-Identifier: MIT
// How far operators reach: the rows or columns of an operand that a range of the output needs. Row strips
// take their halos from it, and a model file its receptive field.
#pragma once

#include <optional>

#include "graph/graph.h"

namespace unblur {

enum class Axis : std::uint8_t { kRows, kColumns };

/// Indices [begin, end); empty where nothing is needed (a "like" operand, padding alone).
struct Range {
  int begin = 0, end = 0;
  bool operator==(const Range&) const = default;
  [[nodiscard]] bool empty() const noexcept { return begin >= end; }
};

/// What the output range `out` reads of operand number `operand`, whose size along the axis is `in_size` (the
/// output's is `out_size`), borders included. Never too small; resizes count one more sample on either side,
/// since floating-point positions may round there. Nothing where any part of the operand may be read (warped
/// and deformably convolved values, a pixel volume's previous frame, reductions over space). Not for
/// op::Input and op::State.
[[nodiscard]] std::optional<Range> needed_range(const Op& op, std::size_t operand, Axis axis, Range out,
                                                int in_size, int out_size);

/// Pixels to each side of a pixel of output "frame" (of all outputs if there is none) that the inputs can
/// influence it from. Absent where unbounded: warps, pixel volumes, reductions over space, states. Sizes are
/// tried in multiples of `size_multiple`; absent too where none up to 16384 holds the whole field.
[[nodiscard]] std::optional<int> receptive_field(const Graph& graph, int size_multiple);

}  // namespace unblur
