// SPDX-License-Identifier: MIT
// Short forms for what networks and tests build again and again.
#pragma once

#include <string>
#include <utility>
#include <vector>

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

/// A deformable convolution with parameters NAME.weight and NAME.bias whose taps are moved by `offset` and,
/// if it is valid, scaled by `mask`; one deformable group, the border keeps the size (odd `kernel`, stride
/// 1).
inline Value add_deform_conv(Graph& graph, const std::string& name, Value x, Value offset, int channels,
                             int kernel = 3, Value mask = {}) {
  op::DeformConv2d conv{.weight = name + ".weight", .bias = name + ".bias", .out_channels = channels};
  conv.kernel = {kernel, kernel};
  conv.pad = Margins::all(kernel / 2);
  std::vector<Value> operands{x, offset};
  if (mask.valid()) operands.push_back(mask);
  return graph.add(name, conv, std::move(operands));
}

}  // namespace unblur
