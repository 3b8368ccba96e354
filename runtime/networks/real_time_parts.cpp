// SPDX-License-Identifier: MIT
#include "networks/real_time_parts.h"

#include <fmt/format.h>

namespace unblur::real_time {
namespace {

constexpr float kSlope = 0.1F;  // of the motion branch: with plain ReLU it dies at zero motion
constexpr float kFeatureEps = 1e-4F, kBlockEps = 1e-6F;

}  // namespace

Value Builder::leaky_conv(const std::string& name, Value x, int channels, int stride) {
  const op::Unary leaky{op::UnaryKind::kLeakyRelu, kSlope};
  return graph.add(name + ".act", leaky, {conv(name, x, channels, 3, stride)});
}

Value Builder::gated_block(const std::string& name, Value x) {
  const int c = graph.node(x).channels;
  const Value rms = graph.add(name + ".rms", op::NormChannels{op::NormKind::kRms, kBlockEps}, {x});
  const Value norm = graph.add(name + ".gain", op::ChannelAffine{.scale = name + ".gain"}, {rms});
  const Value both = conv(name + ".split", norm, 2 * c);
  const Value u = slice(name + ".u", both, 0, c);
  const Value v = slice(name + ".v", both, c, c);
  const Value gate = binary(name + ".gate", op::BinaryKind::kMul, u, v);
  return add(name, x, conv(name + ".join", gate, c));
}

Value Builder::gated_blocks(const std::string& name, Value x, int count) {
  for (int i = 0; i < count; ++i) x = gated_block(fmt::format("{}.{}", name, i), x);
  return x;
}

Value Builder::up(const std::string& name, Value x, Value skip) {
  const Value wide = conv(name, x, 4 * graph.node(skip).channels, 1);
  return add(name + ".skip", graph.add(name + ".shuffle", op::PixelShuffle{.factor = 2}, {wide}), skip);
}

Flow build_flow(Builder& b, Value frame) {
  Graph& g = b.graph;
  // The grey mean stands for luma: one operator, and no worse to match on.
  const Value grey = g.add("flow.grey", op::ReduceChannels{op::Reduction::kMean}, {frame});
  const Value centred = b.affine("flow.centred", grey, 4.0F, -2.0F);
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
  const Value scaled = b.affine("flow.scaled8", start, 1.0F / 8.0F, 0.0F);
  const Value correction = head("flow.fine", b.concat("flow.in8", {match8, now8, scaled}));
  return {.coarse = coarse, .fine = b.add("flow.8", start, correction), .match = match8};
}

}  // namespace unblur::real_time
