// SPDX-License-Identifier: MIT
// What the parts of PVDNet are built with. Internal to runtime/networks.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "networks/pvdnet.h"

namespace unblur::pvdnet {

/// Appends operators; parameters are named after the node.
class Builder {
 public:
  Builder(Graph& g, int divisor) : graph(g), divisor_(divisor) {}

  [[nodiscard]] int wide(int channels) const { return channels / divisor_; }
  [[nodiscard]] int channels(Value v) const { return graph.node(v).channels; }

  /// NAME.weight, NAME.bias; padded to keep the size (or halve it).
  Value conv(const std::string& name, Value x, int out, Extent2 kernel, int stride = 1);
  Value conv(const std::string& name, Value x, int out, int kernel, int stride = 1) {
    return conv(name, x, out, Extent2{kernel, kernel}, stride);
  }
  Value leaky_conv(const std::string& name, Value x, int out, int kernel, int stride = 1);
  Value relu_conv(const std::string& name, Value x, int out, int kernel, int stride = 1);
  /// k4 s2 p1: twice the size.
  Value up(const std::string& name, Value x, int out);
  /// The same for each channel by itself, without bias.
  Value up_depthwise(const std::string& name, Value x);

  Value relu(const std::string& name, Value x) { return unary(name, op::UnaryKind::kRelu, x); }
  Value leaky(const std::string& name, Value x) { return unary(name, op::UnaryKind::kLeakyRelu, x); }
  Value unary(const std::string& name, op::UnaryKind kind, Value x) {
    return graph.add(name, op::Unary{kind, 0.1F}, {x});
  }
  Value binary(const std::string& name, op::BinaryKind kind, Value a, Value b) {
    return graph.add(name, op::Binary{kind}, {a, b});
  }
  Value add(const std::string& name, Value a, Value b) { return binary(name, op::BinaryKind::kAdd, a, b); }
  Value concat(const std::string& name, std::vector<Value> parts) {
    return graph.add(name, op::Concat{}, std::move(parts));
  }
  Value affine(const std::string& name, Value x, float scale, float shift) {
    return graph.add(name, op::Affine{scale, shift}, {x});
  }

  Graph& graph;

 private:
  int divisor_;
};

constexpr int kLevels = 6;  ///< of BIMNet's pyramid; level 1 is full resolution

/// Features of a frame at levels 2 to 6 and the frame itself at levels 2 to 6; index level - 2.
struct Pyramid {
  std::array<Value, kLevels - 1> features, images;
};

/// `picture`: RGB in [0, 1], sides multiples of 32. `name` tells the frames apart ("first").
[[nodiscard]] Pyramid build_pyramid(Builder& b, const std::string& name, Value picture);
/// Flow from the first to the second frame after levels 2 to 6 (index level - 2), in BIMNet's units; level 2,
/// at half resolution, is the result.
using Flows = std::array<Value, kLevels - 1>;
[[nodiscard]] Flows build_flow(Builder& b, const Pyramid& first, const Pyramid& second);
/// The flow after `level` in full-resolution px.
[[nodiscard]] Value flow_in_pixels(Builder& b, const Flows& flows, int level);
/// The restored frame from the pixel volume and three blurred frames.
[[nodiscard]] Value build_trunk(Builder& b, const PvdnetConfig& config, Value volume, Value previous,
                                Value current, Value next);

}  // namespace unblur::pvdnet
