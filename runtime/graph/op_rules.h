// SPDX-License-Identifier: MIT
// What each operator demands of its operands and what it returns: the rules behind Graph::add and
// infer_shapes. Failures are ModelErrors without the node's name; the callers add it.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "graph/graph.h"

namespace unblur {

/// Checks attributes and operand channels; returns the output's channels.
[[nodiscard]] int output_channels(const Op& op, std::span<const int> input_channels);

/// Output shape for operand shapes whose channels already satisfy `output_channels`. Not for input and state.
[[nodiscard]] Shape output_shape(const Op& op, std::span<const Shape> inputs, int channels);

/// Calls `visit(parameter name, its shape)` for each parameter that the operator reads.
void for_each_parameter(const Op& op, std::span<const int> input_channels,
                        const std::function<void(const std::string&, const Dims&)>& visit);

}  // namespace unblur
