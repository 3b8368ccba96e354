// SPDX-License-Identifier: MIT
// BIMNet: LiteFlowNet (Hui et al. 2018) as PVDNet's authors trained it. Flow inside the network is in units
// of 20 full-resolution pixels at every level, so that upsampling does not scale it. Parameter names count
// levels from 2 (index 0) to 6 (index 4); the network runs from 6 down.
#include <fmt/format.h>

#include <optional>

#include "networks/pvdnet_parts.h"

namespace unblur::pvdnet {
namespace {

constexpr float kFlowUnit = 20.0F;
constexpr int kRadius = 3;                     // of the correlation: 7 x 7 displacements
constexpr std::array kKernels{7, 5, 5, 3, 3};  // by level - 2: last layers, and the smoothing window

/// Pixels of `level` per unit of flow.
float unit_at(int level) { return kFlowUnit / static_cast<float>(1 << (level - 1)); }

/// Parameters and node names of one stage at one level.
struct Stage {
  Builder& b;
  std::string parameters;  ///< "BIMNet.moduleMatching.0"
  std::string name;        ///< "BIMNet.matching.2"
  int level;

  Stage(Builder& builder, std::string_view stage, std::string_view module, int l)
      : b(builder),
        parameters(fmt::format("BIMNet.module{}.{}", module, l - 2)),
        name(fmt::format("BIMNet.{}.level{}", stage, l)),
        level(l) {}
  [[nodiscard]] int kernel() const { return kKernels[static_cast<std::size_t>(level - 2)]; }
  [[nodiscard]] std::string node(std::string_view what) const { return fmt::format("{}.{}", name, what); }

  Value warp(std::string_view what, Value x, Value flow) const {
    return b.graph.add(node(what), op::Warp{.flow_scale = unit_at(level), .border = Border::kZero},
                       {x, flow});
  }
  /// Three layers and a fourth that makes two channels of flow.
  Value head(Value x) const {
    x = b.leaky_conv(parameters + ".moduleMain.0", x, b.wide(128), 3);
    x = b.leaky_conv(parameters + ".moduleMain.2", x, b.wide(64), 3);
    x = b.leaky_conv(parameters + ".moduleMain.4", x, b.wide(32), 3);
    return b.conv(parameters + ".moduleMain.6", x, 2, kernel());
  }
};

struct Pair {
  Value first, second;
};

/// Level 2 widens its features; every stage with weights of its own, both frames with the same.
Value widened(const Stage& s, std::string_view frame, Value features, int channels) {
  const std::string weights = s.parameters + ".moduleFeat.0";
  const Value x = s.b.graph.add(s.node(fmt::format("features.{}", frame)),
                                op::Conv2d{.weight = weights + ".weight",
                                           .bias = weights + ".bias",
                                           .out_channels = channels,
                                           .kernel = {1, 1}},
                                {features});
  return s.b.leaky(s.node(fmt::format("features.{}.act", frame)), x);
}
Pair widened(const Stage& s, Pair features) {
  if (s.level != 2) return features;
  const int channels = s.b.wide(64);
  return {widened(s, "first", features.first, channels), widened(s, "second", features.second, channels)};
}

/// Matches features within +-3 (levels 2 and 3: +-6) pixels of the flow of the level above.
Value matching(Builder& b, int level, Pair features, std::optional<Value> flow) {
  const Stage s(b, "matching", "Matching", level);
  auto [first, second] = widened(s, features);
  if (flow) {
    flow = b.up_depthwise(s.parameters + ".moduleUpflow", *flow);
    second = s.warp("warped", second, *flow);
  }
  const bool coarse = level <= 3;
  Value cost = b.graph.add(s.node("correlation"),
                           op::Correlation{.radius = kRadius, .stride = coarse ? 2 : 1}, {first, second});
  cost = b.leaky(s.node("cost"), cost);
  if (coarse) cost = b.up_depthwise(s.parameters + ".moduleUpcorr", cost);
  const Value change = s.head(cost);
  return flow ? b.add(s.name, *flow, change) : change;
}

/// Refines to fractions of a pixel by looking at the features themselves.
Value subpixel(Builder& b, int level, Pair features, Value flow) {
  const Stage s(b, "subpixel", "Subpixel", level);
  const auto [first, second] = widened(s, features);
  const Value warped = s.warp("warped", second, flow);
  return b.add(s.name, flow, s.head(b.concat(s.node("input"), {first, warped, flow})));
}

/// exp(-d^2), scaled so that the largest of a pixel is 1.
Value closeness(const Stage& s, Value distance) {
  Builder& b = s.b;
  const Value square = b.unary(s.node("square"), op::UnaryKind::kSquare, distance);
  const Value negative = b.unary(s.node("negative"), op::UnaryKind::kNeg, square);
  const Value largest = b.graph.add(s.node("largest"), op::ReduceChannels{op::Reduction::kMax}, {negative});
  const Value shifted = b.binary(s.node("shifted"), op::BinaryKind::kSub, negative, largest);
  return b.unary(s.node("closeness"), op::UnaryKind::kExp, shifted);
}

/// k x k values per pixel, from 32 channels; from level 4 on by a column and a row.
Value distances(const Stage& s, Value x) {
  const int k = s.kernel();
  const std::string name = s.parameters + ".moduleDist";
  if (s.level >= 5) return s.b.conv(name + ".0", x, k * k, k);
  return s.b.conv(name + ".1", s.b.conv(name + ".0", x, k * k, Extent2{k, 1}), k * k, Extent2{1, k});
}

/// Where the warped picture does not match: root of the summed squares over the colours. No gradient flows
/// through it in training (constants_in_training).
Value mismatch(const Stage& s, Pair images, Value flow) {
  Builder& b = s.b;
  const Value warped = s.warp("image", images.second, flow);
  const Value difference = b.binary(s.node("difference"), op::BinaryKind::kSub, images.first, warped);
  const Value square = b.unary(s.node("difference.square"), op::UnaryKind::kSquare, difference);
  const Value sum = b.graph.add(s.node("difference.sum"), op::ReduceChannels{op::Reduction::kSum}, {square});
  return b.unary(s.node("mismatch"), op::UnaryKind::kSqrt, sum);
}

/// Replaces the flow by a weighted mean of its neighbours, weights by what the pixels look like.
Value regularization(Builder& b, int level, Value features, Pair images, Value flow) {
  const Stage s(b, "regularization", "Regularization", level);
  const Value mean = b.graph.add(s.node("mean"), op::ReduceSpace{op::Reduction::kMean}, {flow});
  const Value relative = b.binary(s.node("relative"), op::BinaryKind::kSub, flow, mean);
  if (level <= 4) features = widened(s, "first", features, b.wide(128));

  Value x = b.concat(s.node("input"), {mismatch(s, images, flow), relative, features});
  constexpr std::array kWidths{128, 128, 64, 64, 32, 32};
  for (std::size_t i = 0; i < kWidths.size(); ++i) {
    x = b.leaky_conv(fmt::format("{}.moduleMain.{}", s.parameters, 2 * i), x, b.wide(kWidths[i]), 3);
  }
  const Value weights = closeness(s, distances(s, x));
  const Value total = b.graph.add(s.node("total"), op::ReduceChannels{op::Reduction::kSum}, {weights});

  const auto smoothed = [&](int channel, const std::string& axis) {
    const Value component = b.graph.add(s.node("flow" + axis), op::Slice{channel, 1}, {flow});
    const Value around =
        b.graph.add(s.node("around" + axis), op::Neighbourhood{.kernel = s.kernel()}, {component});
    const Value weighted = b.binary(s.node("weighted" + axis), op::BinaryKind::kMul, weights, around);
    const Value sum = b.conv(s.parameters + ".moduleScale" + axis, weighted, 1, 1);
    return b.binary(s.node("smooth" + axis), op::BinaryKind::kDiv, sum, total);
  };
  const Value smooth_x = smoothed(0, "X");
  return b.concat(s.name, {smooth_x, smoothed(1, "Y")});
}

}  // namespace

Pyramid build_pyramid(Builder& b, const std::string& name, Value picture) {
  // One set of weights serves both frames, so nodes get the frame's name and parameters do not.
  const auto layer = [&](const char* which, Value x, int out, int kernel, int stride) {
    const std::string weights = fmt::format("BIMNet.moduleFeatures.module{}", which);
    const std::string node = fmt::format("{}.{}", weights, name);
    const Value y = b.graph.add(node,
                                op::Conv2d{.weight = weights + ".weight",
                                           .bias = weights + ".bias",
                                           .out_channels = b.wide(out),
                                           .kernel = {kernel, kernel},
                                           .stride = {stride, stride},
                                           .pad = Margins::all(kernel / 2)},
                                {x});
    return b.leaky(node + ".act", y);
  };
  Pyramid p;
  Value x = layer("One.0", picture, 32, 7, 1);
  x = layer("Two.0", x, 32, 3, 2);
  x = layer("Two.2", x, 32, 3, 1);
  p.features[0] = x = layer("Two.4", x, 32, 3, 1);
  x = layer("Thr.0", x, 64, 3, 2);
  p.features[1] = x = layer("Thr.2", x, 64, 3, 1);
  x = layer("Fou.0", x, 96, 3, 2);
  p.features[2] = x = layer("Fou.2", x, 96, 3, 1);
  p.features[3] = x = layer("Fiv.0", x, 128, 3, 2);
  p.features[4] = layer("Six.0", x, 192, 3, 2);
  for (int level = 2; level <= kLevels; ++level) {
    picture = b.graph.add(fmt::format("BIMNet.images.{}.level{}", name, level),
                          op::Resize{.numerator = 1, .denominator = 2}, {picture});
    p.images[static_cast<std::size_t>(level - 2)] = picture;
  }
  return p;
}

Flows build_flow(Builder& b, const Pyramid& first, const Pyramid& second) {
  Flows flows;
  std::optional<Value> flow;
  for (int level = kLevels; level >= 2; --level) {
    const auto i = static_cast<std::size_t>(level - 2);
    const Pair features{first.features[i], second.features[i]};
    flow = matching(b, level, features, flow);
    flow = subpixel(b, level, features, *flow);
    flow = regularization(b, level, first.features[i], {first.images[i], second.images[i]}, *flow);
    flows[i] = *flow;
  }
  return flows;
}

Value flow_in_pixels(Builder& b, const Flows& flows, int level) {
  const std::string name = level == 2 ? "BIMNet.flow" : fmt::format("BIMNet.flow.level{}", level);
  return b.affine(name, flows[static_cast<std::size_t>(level - 2)], kFlowUnit, 0.0F);
}

}  // namespace unblur::pvdnet
