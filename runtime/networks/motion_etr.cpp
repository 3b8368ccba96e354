// SPDX-License-Identifier: MIT
// The offset network, the expansion of its control offsets and the reblur model.
#include "networks/motion_etr.h"

#include <fmt/format.h>

#include "graph/error.h"
#include "graph/exposure.h"
#include "graph/op_registry.h"
#include "networks/motion_etr_parts.h"

namespace unblur {
namespace motion_etr {
namespace {

op::PathForm path_form(const std::string& mode) {
  for (const op::PathForm form : {op::PathForm::kQuad, op::PathForm::kBilin, op::PathForm::kLin}) {
    if (mode == enum_name(form)) return form;
  }
  throw UsageError(fmt::format("there is no trajectory mode '{}'; the modes are: quad, bilin, lin", mode));
}

/// x + conv2(relu(conv1(x))), the border replicated before both.
Value residual(const Builder& b, const std::string& name, Value x, int channels) {
  constexpr Margins kPad = Margins::all(2);
  Value y = b.conv(name + ".conv_block.1", x, channels, 5, 1, kPad, Border::kReplicate);
  y = b.relu(name + ".conv_block.2", y);
  return b.add(name, x, b.conv(name + ".conv_block.4", y, channels, 5, 1, kPad, Border::kReplicate));
}

/// An entry convolution with a mirrored border, then three residual blocks.
Value stage(const Builder& b, const std::string& name, Value x, int channels, int stride) {
  const Margins pad = stride == 1 ? Margins::all(2) : Margins{1, 2, 1, 2};
  x = b.relu(name + ".2", b.conv(name + ".1", x, channels, 5, stride, pad, Border::kReflect));
  for (int block = 0; block < 3; ++block) x = residual(b, fmt::format("{}.3.{}", name, block), x, channels);
  return x;
}

Value bottleneck(const Builder& b, const std::string& name, Value x, int channels) {
  x = b.leaky(name + ".conv1.act", b.conv(name + ".conv1", x, 2 * channels, 1, 1, {}));
  return b.leaky(name + ".conv2.act", b.conv(name + ".conv2", x, channels, 3, 1, Margins::all(1)));
}

Value build_control(const Builder& b, Value frame, int channels) {
  const Value blocks =
      b.graph.add(b.node("blocks"), op::PixelUnshuffle{2, op::ShuffleOrder::kBlockMajor}, {frame});
  const Value half = stage(b, "conv_1", blocks, 16, 1);
  const Value quarter = stage(b, "conv_2", half, 32, 2);
  Value x = bottleneck(b, "bottleneck_1", stage(b, "conv_3", quarter, 64, 2), 64);
  x = b.concat("concat_2", {b.leaky("uconv_1.act", b.up("uconv_1", x, 32)), quarter});
  x = bottleneck(b, "bottleneck_2", x, 64);
  x = b.concat("concat_3", {b.leaky("uconv_2.act", b.up("uconv_2", x, 16)), half});
  x = b.relu("uconv_3.act", b.up("uconv_3", bottleneck(b, "bottleneck_3", x, 32), 32));
  return b.conv("conv_out_0", x, channels, 5, 1, Margins::all(2));
}

}  // namespace

Trajectories build_trajectories(const Builder& b, const MotionEtrConfig& config, Value frame) {
  const op::PathForm form = path_form(config.mode);
  (void)stored_times(config.points);  // throws for a wrong number
  const Value control = build_control(b, frame, form == op::PathForm::kLin ? 2 : 4);
  return {control, b.graph.add(b.node("offsets"), op::ExposurePath{form, config.points}, {control})};
}

}  // namespace motion_etr

Graph build_offset_network(const MotionEtrConfig& config) {
  Graph g;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const auto [control, offsets] = motion_etr::build_trajectories({g, "", ""}, config, frame);
  g.set_output("control", control);
  g.set_output("offsets", offsets);
  g.validate();
  return g;
}

Graph build_reblur(int points, bool taps) {
  (void)stored_times(points);  // throws for a wrong number
  Graph g;
  const Value sharp = g.add("sharp", op::Input{.name = "sharp"});
  const Value offsets = g.add("offsets", op::Input{.name = "offsets", .channels = 2 * points});
  g.set_output("reblurred", g.add("reblurred", op::GatherMean{}, {sharp, offsets}));
  for (int n = 0; taps && n < points; ++n) {
    const Value point = g.add(fmt::format("point_{}", n), op::Slice{2 * n, 2}, {offsets});
    const std::string name = fmt::format("tap_{}", n);
    g.set_output(name, g.add(name, op::GatherMean{}, {sharp, point}));
  }
  g.validate();
  return g;
}

std::string motion_etr_parameter(std::string_view stored) {
  std::string name(stored);
  const std::size_t block = name.rfind("bottleneck_");
  if (block == std::string::npos) return name;
  for (const auto& [listed, kept] : {std::pair{".model.0.", ".conv1."}, std::pair{".model.2.", ".conv2."}}) {
    if (const std::size_t at = name.find(listed, block); at != std::string::npos)
      return name.replace(at, std::string_view(listed).size(), kept);
  }
  return name;
}

}  // namespace unblur
