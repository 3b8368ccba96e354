// SPDX-License-Identifier: MIT
// What the real-time networks of ours are built with: the motion branch and the gated blocks. Internal to
// runtime/networks.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/shorthand.h"

namespace unblur::real_time {

/// Short forms for the operators these networks are made of.
struct Builder {
  Graph graph;

  Value conv(const std::string& name, Value x, int channels, int kernel = 3, int stride = 1) {
    return add_conv(graph, name, x, channels, kernel, stride);
  }
  Value leaky_conv(const std::string& name, Value x, int channels, int stride = 1);
  Value binary(const std::string& name, op::BinaryKind kind, Value a, Value b) {
    return graph.add(name, op::Binary{kind}, {a, b});
  }
  Value add(const std::string& name, Value a, Value b) { return binary(name, op::BinaryKind::kAdd, a, b); }
  Value affine(const std::string& name, Value x, float scale, float shift) {
    return graph.add(name, op::Affine{scale, shift}, {x});
  }
  Value concat(const std::string& name, std::vector<Value> parts) {
    return graph.add(name, op::Concat{}, std::move(parts));
  }
  Value slice(const std::string& name, Value x, int begin, int count) {
    return graph.add(name, op::Slice{begin, count}, {x});
  }
  Value resize(const std::string& name, Value x, int numerator, int denominator) {
    return graph.add(name, op::Resize{.numerator = numerator, .denominator = denominator}, {x});
  }
  /// Flow is in full-resolution px everywhere; `scale` is how many of those a pixel of x covers.
  Value warp(const std::string& name, Value x, Value flow, int scale) {
    return graph.add(name, op::Warp{.flow_scale = 1.0F / static_cast<float>(scale)}, {x, flow});
  }
  Value unshuffle(const std::string& name, Value x, int factor) {
    return graph.add(name, op::PixelUnshuffle{.factor = factor}, {x});
  }

  /// x + conv(u * v), (u, v) = split(conv(n(x))): the product has no scale of its own, so x is divided by its
  /// root mean square first (without it the block learns slowly: real-time-model.md, section 3).
  Value gated_block(const std::string& name, Value x);
  Value gated_blocks(const std::string& name, Value x, int count);
  /// 1x1 convolution and shuffle to twice the size, plus what the way down left there.
  Value up(const std::string& name, Value x, Value skip);
};

struct Flow {
  Value coarse, fine;  ///< current to previous frame, full-resolution px, at 1/16 and 1/8
  Value match;         ///< at 1/8: correlation with the previous frame moved along the coarse flow
};

/// Matches this frame's features with those of the previous frame (states "flow_features_8" and
/// "flow_features_16", on a first frame its own), coarse to fine. Parameters are named "flow.*".
[[nodiscard]] Flow build_flow(Builder& b, Value frame);

}  // namespace unblur::real_time
