// SPDX-License-Identifier: MIT
#include "networks/pvdnet.h"

#include <fmt/format.h>

#include "networks/pvdnet_parts.h"

namespace unblur {
namespace pvdnet {

Value Builder::conv(const std::string& name, Value x, int out, Extent2 kernel, int stride) {
  const int rows = kernel.h / 2, columns = kernel.w / 2;
  return graph.add(name,
                   op::Conv2d{.weight = name + ".weight",
                              .bias = name + ".bias",
                              .out_channels = out,
                              .kernel = kernel,
                              .stride = {stride, stride},
                              .pad = {rows, rows, columns, columns}},
                   {x});
}

Value Builder::leaky_conv(const std::string& name, Value x, int out, int kernel, int stride) {
  return leaky(name + ".act", conv(name, x, out, kernel, stride));
}
Value Builder::relu_conv(const std::string& name, Value x, int out, int kernel, int stride) {
  return relu(name + ".act", conv(name, x, out, kernel, stride));
}

Value Builder::up(const std::string& name, Value x, int out) {
  return graph.add(
      name,
      op::ConvTranspose2d{
          .weight = name + ".weight", .bias = name + ".bias", .out_channels = out, .pad = Margins::all(1)},
      {x});
}
Value Builder::up_depthwise(const std::string& name, Value x) {
  return graph.add(name,
                   op::ConvTranspose2d{.weight = name + ".weight",
                                       .out_channels = channels(x),
                                       .groups = channels(x),
                                       .pad = Margins::all(1)},
                   {x});
}

Value build_trunk(Builder& b, const PvdnetConfig& config, Value volume, Value previous, Value current,
                  Value next) {
  const int c = b.wide(64), r = b.wide(config.quarter_channels);
  Value v = b.relu_conv("PVDNet.PV_dec.0", volume, c, 3);
  v = b.relu_conv("PVDNet.PV_dec.2", v, c, 3);
  Value x = b.concat("PVDNet.images", {current, previous, next});
  x = b.relu_conv("PVDNet.img_dec.0", x, b.wide(32), 3);
  x = b.relu_conv("PVDNet.img_dec.2", x, b.wide(32), 3);
  const Value d0 = b.conv("PVDNet.d0", b.concat("PVDNet.d0.input", {v, x}), c, 5);
  const Value d1 = b.conv("PVDNet.d1.2", b.relu_conv("PVDNet.d1.0", d0, c, 5, 2), c, 5);
  x = b.relu_conv("PVDNet.temp.0", d1, b.wide(128), 5, 2);
  const Value deep = x = b.relu_conv("PVDNet.temp.2", x, r, 5);
  for (int n = 0; n < config.blocks; ++n) {
    const std::string name = fmt::format("PVDNet.RBs.{}", n);
    const Value y = b.relu_conv(name + ".0", x, r, 3);
    x = b.add(name, x, b.relu_conv(name + ".2", y, r, 3));
  }
  x = b.add("PVDNet.RB_end", b.relu_conv("PVDNet.RB_end.0", x, r, 3), deep);
  x = b.relu("PVDNet.dconv1.act", b.add("PVDNet.dconv1.skip", b.up("PVDNet.dconv1", x, c), d1));
  x = b.relu_conv("PVDNet.dconv1_end.1", x, c, 5);
  x = b.relu("PVDNet.dconv2.act", b.add("PVDNet.dconv2.skip", b.up("PVDNet.dconv2", x, c), d0));
  x = b.relu_conv("PVDNet.dconv2_end.1", x, c, 5);
  return b.add("PVDNet.result", b.conv("PVDNet.end", x, 3, 5), current);
}

namespace {

constexpr int kVolumeChannels = 25, kFlowMultiple = 32;

/// The top-left part that BIMNet sees, in its range.
Value flow_picture(Builder& b, const std::string& name, Value frame) {
  const Value part = b.graph.add(name + ".part", op::Crop{.multiple = kFlowMultiple}, {frame});
  return b.affine(name + ".unit", part, 0.5F, 0.5F);
}

/// A state that holds what `now` was on the previous frame; on a first frame `now` itself.
Value remembered(Graph& graph, const std::string& name, Value now) {
  const Value before = graph.add_state(name, graph.node(now).channels);
  graph.set_state(name, now, now);
  return before;
}

Pyramid remembered(Graph& graph, const Pyramid& now) {
  Pyramid before;
  for (int level = 2; level <= kLevels; ++level) {
    const auto i = static_cast<std::size_t>(level - 2);
    before.features[i] = remembered(graph, fmt::format("features_{}", level), now.features[i]);
    before.images[i] = remembered(graph, fmt::format("image_{}", level), now.images[i]);
  }
  return before;
}

}  // namespace
}  // namespace pvdnet

PvdnetConfig pvdnet_config() { return {}; }
PvdnetConfig pvdnet_large_config() { return {.name = "pvdnet-large", .quarter_channels = 192, .blocks = 24}; }
PvdnetConfig pvdnet_slim_config() { return {.name = "pvdnet-slim", .divisor = 4, .blocks = 4}; }

Graph build_pvdnet(const PvdnetConfig& config) {
  using namespace pvdnet;
  Graph g;
  Builder b(g, config.divisor);
  const Value current = g.add("frame", op::Input{.name = "frame"});
  const Value next = g.add("next", op::Input{.name = "next", .frame_offset = 1});
  const Pyramid first = build_pyramid(b, "first", flow_picture(b, "first", current));
  Value previous;
  Pyramid second;
  if (config.keep_features) {
    previous = remembered(g, "previous_frame", current);
    second = remembered(g, first);
  } else {
    previous = g.add("previous", op::Input{.name = "previous", .frame_offset = -1});
    second = build_pyramid(b, "second", flow_picture(b, "second", previous));
  }
  const Flows flows = build_flow(b, first, second);
  const Value full = g.add("flow.full", op::Resize{.numerator = 2}, {flow_in_pixels(b, flows, 2)});
  const Value flow = g.add("flow", op::Pad{}, {full, current});  // zeros at the bottom and right

  const Value restored = g.add_state("restored", 3);
  const Value volume = g.add("volume", op::PixelVolume{}, {restored, current, flow});
  const Value result = build_trunk(b, config, volume, previous, current, next);
  // Before the first frame stands the blurred previous one, which at the start of a clip is the frame itself.
  g.set_state("restored", result, config.keep_features ? current : previous);
  g.set_output("frame", result);
  g.set_output("flow", flow);
  for (int level = 3; config.coarse_flows && level <= kLevels; ++level)
    g.set_output(fmt::format("flow_{}", level), flow_in_pixels(b, flows, level));
  g.validate();
  return g;
}

Graph build_bimnet(const PvdnetConfig& config) {
  using namespace pvdnet;
  Graph g;
  Builder b(g, config.divisor);
  const Value first = g.add("first", op::Input{.name = "first"});
  const Value second = g.add("second", op::Input{.name = "second", .frame_offset = -1});
  const Pyramid of_first = build_pyramid(b, "first", first);
  const Flows flows = build_flow(b, of_first, build_pyramid(b, "second", second));
  g.set_output("flow", flow_in_pixels(b, flows, 2));
  g.validate();
  return g;
}

Graph build_pvdnet_trunk(const PvdnetConfig& config) {
  using namespace pvdnet;
  Graph g;
  Builder b(g, config.divisor);
  const Value volume = g.add("volume", op::Input{.name = "volume", .channels = kVolumeChannels});
  const Value previous = g.add("previous", op::Input{.name = "previous", .frame_offset = -1});
  const Value current = g.add("frame", op::Input{.name = "frame"});
  const Value next = g.add("next", op::Input{.name = "next", .frame_offset = 1});
  g.set_output("frame", build_trunk(b, config, volume, previous, current, next));
  g.validate();
  return g;
}

}  // namespace unblur
