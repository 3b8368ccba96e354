// SPDX-License-Identifier: MIT
// The real-time family (docs/networks.md): a small recurrent U-net at 1/2, 1/4 and 1/8 scale that sees the
// frame, a neighbouring frame and its own previous output moved to this frame by a tiny flow network.
//
// Names: flow.* motion branch (buildable and trainable alone), in / down4 / merge / down8 / up4 / up2 the
// path, b2a b4a b8 b4b b2b the blocks, out the last convolution, aux2 / aux4 training outputs.
#include <fmt/format.h>

#include "graph/shorthand.h"
#include "networks/networks.h"

namespace unblur {
namespace {

constexpr float kSlope = 0.1F;  // of the motion branch: with plain ReLU it dies at zero motion
constexpr float kFeatureEps = 1e-4F, kBlockEps = 1e-6F;

/// Short forms for the operators this family is made of.
struct Builder {
  Graph graph;

  Value conv(const std::string& name, Value x, int channels, int kernel = 3, int stride = 1) {
    return add_conv(graph, name, x, channels, kernel, stride);
  }
  Value leaky(const std::string& name, Value x) {
    return graph.add(name, op::Unary{op::UnaryKind::kLeakyRelu, kSlope}, {x});
  }
  Value leaky_conv(const std::string& name, Value x, int channels, int stride = 1) {
    return leaky(name + ".act", conv(name, x, channels, 3, stride));
  }
  Value binary(const std::string& name, op::BinaryKind kind, Value a, Value b) {
    return graph.add(name, op::Binary{kind}, {a, b});
  }
  Value add(const std::string& name, Value a, Value b) { return binary(name, op::BinaryKind::kAdd, a, b); }
  Value concat(const std::string& name, std::vector<Value> parts) {
    return graph.add(name, op::Concat{}, std::move(parts));
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
  Value gated_block(const std::string& name, Value x) {
    const int c = graph.node(x).channels;
    const Value rms = graph.add(name + ".rms", op::NormChannels{op::NormKind::kRms, kBlockEps}, {x});
    const Value norm = graph.add(name + ".gain", op::ChannelAffine{.scale = name + ".gain"}, {rms});
    const Value both = conv(name + ".split", norm, 2 * c);
    const Value u = graph.add(name + ".u", op::Slice{0, c}, {both});
    const Value v = graph.add(name + ".v", op::Slice{c, c}, {both});
    const Value gate = binary(name + ".gate", op::BinaryKind::kMul, u, v);
    return add(name, x, conv(name + ".join", gate, c));
  }
  Value gated_blocks(const std::string& name, Value x, int count) {
    for (int i = 0; i < count; ++i) x = gated_block(fmt::format("{}.{}", name, i), x);
    return x;
  }
  /// 1x1 convolution and shuffle to twice the size, plus what the way down left there.
  Value up(const std::string& name, Value x, Value skip) {
    const Value wide = conv(name, x, 4 * graph.node(skip).channels, 1);
    return add(name + ".skip", graph.add(name + ".shuffle", op::PixelShuffle{.factor = 2}, {wide}), skip);
  }
};

struct Flow {
  Value coarse, fine;  ///< current to previous frame, full-resolution px, at 1/16 and 1/8
};

/// Matches this frame's features with those of the previous frame (states), coarse to fine.
Flow build_flow(Builder& b, Value frame) {
  Graph& g = b.graph;
  // The grey mean stands for luma: one operator, and no worse to match on.
  const Value grey = g.add("flow.grey", op::ReduceChannels{op::Reduction::kMean}, {frame});
  const Value centred = g.add("flow.centred", op::Affine{4.0F, -2.0F}, {grey});
  const Value f4 = b.leaky_conv("flow.f4", b.unshuffle("flow.unshuffle", centred, 4), 24);
  const Value f8 = b.leaky_conv("flow.f8", f4, 32, 2);
  const Value f16 = b.conv("flow.f16", f8, 48, 3, 2);
  const op::NormChannels standardise{op::NormKind::kCentred, kFeatureEps};
  const Value now8 = g.add("flow.n8", standardise, {f8}), now16 = g.add("flow.n16", standardise, {f16});
  const Value past8 = g.add_state("flow_features_8", 32), past16 = g.add_state("flow_features_16", 48);
  g.set_state("flow_features_8", now8, now8);
  g.set_state("flow_features_16", now16, now16);

  const auto head = [&](const std::string& name, Value x) {
    x = b.leaky_conv(name + ".0", x, 48);
    x = b.leaky_conv(name + ".1", x, 32);
    return b.conv(name + ".2", x, 2);
  };
  const Value match16 = g.add("flow.match16", op::Correlation{.radius = 4}, {now16, past16});
  const Value coarse = head("flow.coarse", b.concat("flow.in16", {match16, now16}));

  const Value start = b.resize("flow.up8", coarse, 2, 1);
  const Value aligned = b.warp("flow.warp8", past8, start, 8);
  const Value match8 = g.add("flow.match8", op::Correlation{.radius = 3}, {now8, aligned});
  // In px of this level, so that it has the size of the other features.
  const Value scaled = g.add("flow.scaled8", op::Affine{1.0F / 8.0F, 0.0F}, {start});
  const Value correction = head("flow.fine", b.concat("flow.in8", {match8, now8, scaled}));
  return {coarse, b.add("flow.8", start, correction)};
}

/// Unshuffled pictures that the trunk sees, at 1/2 scale.
Value build_trunk_input(Builder& b, const RealTimeConfig& config, Value frame, const Flow& flow) {
  Graph& g = b.graph;
  Value neighbour;
  if (config.next_frame) {
    neighbour = g.add("next", op::Input{.name = "next", .channels = 3, .frame_offset = 1});
  } else {
    neighbour = g.add_state("previous_frame", 3);
    g.set_state("previous_frame", frame, frame);
  }
  const Value restored = g.add_state("restored", 3);
  const Value flow1 = b.resize("flow.1", flow.fine, 8, 1);
  std::vector<Value> pictures{frame, neighbour, b.warp("restored.warped", restored, flow1, 1)};
  if (config.pixel_volume) {
    pictures.push_back(
        g.add("volume", op::PixelVolume{.radius = 1, .outside = 0.5F}, {restored, frame, flow1}));
  }
  return b.unshuffle("in.unshuffle", b.concat("in.pictures", std::move(pictures)), 2);
}

}  // namespace

RealTimeConfig rt_config() { return {}; }

RealTimeConfig balanced_config() {
  return {.name = "unblur-balanced",
          .c1 = 32,
          .c2 = 48,
          .c3 = 96,
          .b1 = 1,
          .b2 = 2,
          .b3 = 6,
          .next_frame = true,
          .pixel_volume = true};
}

Graph build_real_time(const RealTimeConfig& config) {
  Builder b;
  Graph& g = b.graph;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const Flow flow = build_flow(b, frame);
  const Value hidden = g.add_state("hidden", config.c2);
  const Value warped_hidden = b.warp("hidden.warped", hidden, b.resize("flow.4", flow.fine, 2, 1), 4);

  Value x = b.conv("in", build_trunk_input(b, config, frame, flow), config.c1);
  const Value skip2 = x = b.gated_blocks("b2a", x, config.b1);
  const Value down4 = b.conv("down4", x, config.c2, 3, 2);
  x = b.conv("merge", b.concat("merge.in", {down4, warped_hidden}), config.c2);
  const Value skip4 = x = b.gated_blocks("b4a", x, config.b2);
  x = b.gated_blocks("b8", b.conv("down8", x, config.c3, 3, 2), config.b3);
  x = b.gated_blocks("b4b", b.up("up4", x, skip4), config.b2);
  const Value new_hidden = x;
  x = b.gated_blocks("b2b", b.up("up2", x, skip2), config.b1);
  const Value residual = g.add("out.shuffle", op::PixelShuffle{.factor = 2}, {b.conv("out", x, 12)});
  const Value restored = b.add("restored", residual, frame);

  g.set_state("restored", restored, frame);
  // Zeros; a value of the right shape that needs no state is a slice of the unshuffled frame.
  const Value shape4 = b.unshuffle("hidden.shape", frame, 4);
  g.set_state("hidden", new_hidden, g.add("hidden.zero", op::Slice{0, config.c2}, {shape4}), true);

  g.set_output("frame", restored);
  g.set_output("flow", flow.fine);
  g.set_output("flow_coarse", flow.coarse);
  if (config.auxiliary) {
    // Bilinear halving with half-pixel centres is the mean of 2x2.
    const Value frame2 = b.resize("aux2.frame", frame, 1, 2), frame4 = b.resize("aux4.frame", frame2, 1, 2);
    g.set_output("aux2", b.add("aux2.sum", b.conv("aux2", x, 3), frame2));
    g.set_output("aux4", b.add("aux4.sum", b.conv("aux4", new_hidden, 3), frame4));
  }
  g.validate();
  return g;
}

}  // namespace unblur
