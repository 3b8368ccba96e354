// SPDX-License-Identifier: MIT
// Trajectories of ours (docs/networks.md): where the surface seen at each pixel went during the exposure. The
// motion branch of the real-time family tells how far it moved since the previous frame; a U-shaped trunk at
// 1/4, 1/8 and 1/16 scale reads the blur itself, which tells how much of that way the exposure saw, and is
// all there is on a still (the frame is then its own previous one).
//
// Names: flow.* motion branch (that of the real-time family: its weights fit), read.* the trunk, head.* the
// control offsets, head8 / head16 training outputs.
#include "networks/networks.h"
#include "networks/real_time_parts.h"

namespace unblur {
namespace {

constexpr float kUsualHalfExposure = 0.25F;  // frame intervals: shutters are open half of the time

/// Control offsets (S.dy, S.dx, E.dy, E.dx) at the scale of x, where a pixel covers `scale` of the frame: the
/// flow times a learned share for either end, plus a learned rest in pixels of this scale. The flow points
/// from the frame to the one before, so that steady motion is S = -duty / 2 * flow, E = +duty / 2 * flow.
Value build_control(real_time::Builder& b, const std::string& name, Value x, Value flow, int scale) {
  const Value out = b.conv(name, x, 6);
  const Value rest =
      b.affine(name + ".rest", b.slice(name + ".rest.raw", out, 2, 4), static_cast<float>(scale), 0.0F);
  const Value swapped =
      b.concat(name + ".flow", {b.slice(name + ".dy", flow, 1, 1), b.slice(name + ".dx", flow, 0, 1)});
  const auto end = [&](const std::string& which, int channel, float usual) {
    const Value share = b.affine(which + ".share", b.slice(which + ".raw", out, channel, 1), 1.0F, usual);
    return b.binary(which, op::BinaryKind::kMul, swapped, share);
  };
  const Value start = end(name + ".start", 0, -kUsualHalfExposure);
  const Value stop = end(name + ".stop", 1, kUsualHalfExposure);
  return b.add(name + ".control", b.concat(name + ".ends", {start, stop}), rest);
}

/// The frame in blocks of 4x4 at 1/4 scale, [49]: what differs from the block's mean, and that mean.
Value build_blocks(real_time::Builder& b, Value frame) {
  const Value blocks = b.unshuffle("read.blocks", b.affine("read.centred", frame, 4.0F, -2.0F), 4);
  const Value mean = b.graph.add("read.mean", op::ReduceChannels{op::Reduction::kMean}, {blocks});
  const Value detail = b.binary("read.detail", op::BinaryKind::kSub, blocks, mean);
  return b.concat("read.in", {detail, mean});
}

}  // namespace

Graph build_trajectory(const TrajectoryConfig& config) {
  real_time::Builder b;
  Graph& g = b.graph;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const real_time::Flow flow = real_time::build_flow(b, frame);
  const Value near_flow = b.affine("read.flow", flow.fine, 1.0F / 8.0F, 0.0F);

  Value x = b.gated_blocks("read.b4a", b.conv("read.4", build_blocks(b, frame), config.c4), config.b4);
  const Value skip4 = x;
  const Value down8 = b.conv("read.8", x, config.c8, 3, 2);
  x = b.conv("read.merge", b.concat("read.merge.in", {down8, flow.match, near_flow}), config.c8, 1);
  const Value skip8 = x = b.gated_blocks("read.b8a", x, config.b8);
  const Value x16 = b.gated_blocks("read.b16", b.conv("read.16", x, config.c16, 3, 2), config.b16);
  const Value x8 = b.gated_blocks("read.b8b", b.up("read.up8", x16, skip8), config.b8);
  const Value x4 = b.gated_blocks("read.b4b", b.up("read.up4", x8, skip4), config.b4);

  const Value control4 = build_control(b, "head", x4, b.resize("head.flow4", flow.fine, 2, 1), 4);
  g.set_output("control", b.resize("control", control4, 4, 1));
  g.set_output("flow", flow.fine);
  g.set_output("flow_coarse", flow.coarse);
  if (config.auxiliary) {
    const Value flow16 = b.resize("head16.flow16", flow.fine, 1, 2);
    g.set_output("control4", control4);
    g.set_output("control8", build_control(b, "head8", x8, flow.fine, 8));
    g.set_output("control16", build_control(b, "head16", x16, flow16, 16));
  }
  g.validate();
  return g;
}

}  // namespace unblur
