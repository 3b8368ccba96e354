// SPDX-License-Identifier: MIT
// The real-time family (docs/networks.md): a small recurrent U-net at 1/2, 1/4 and 1/8 scale that sees the
// frame, a neighbouring frame and its own previous output moved to this frame by a tiny flow network.
//
// Names: flow.* motion branch (buildable and trainable alone), in / down4 / merge / down8 / up4 / up2 the
// path, b2a b4a b8 b4b b2b the blocks, out the last convolution, aux2 / aux4 training outputs.
#include "networks/networks.h"
#include "networks/real_time_parts.h"

namespace unblur {
namespace {

/// Unshuffled pictures that the trunk sees, at 1/2 scale.
Value build_trunk_input(real_time::Builder& b, const RealTimeConfig& config, Value frame,
                        const real_time::Flow& flow) {
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
  real_time::Builder b;
  Graph& g = b.graph;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const real_time::Flow flow = real_time::build_flow(b, frame);
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
