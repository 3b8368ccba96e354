// SPDX-License-Identifier: MIT
// Short forms for what networks and tests build again and again.
#pragma once

#include <string>

#include "graph/graph.h"

namespace unblur {

/// A convolution with parameters NAME.weight and NAME.bias whose zero border keeps the size (odd `kernel`,
/// stride 1).
inline Value add_conv(Graph& graph, const std::string& name, Value x, int channels, int kernel = 3,
                      int stride = 1) {
  op::Conv2d conv{.weight = name + ".weight", .bias = name + ".bias", .out_channels = channels};
  conv.kernel = {kernel, kernel};
  conv.stride = {stride, stride};
  conv.pad = Margins::all(kernel / 2);
  return graph.add(name, conv, {x});
}

}  // namespace unblur
