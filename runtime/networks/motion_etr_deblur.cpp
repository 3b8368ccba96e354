// SPDX-License-Identifier: MIT
// The motion-aware deblurring network: three levels on quarters, halves and the whole of the picture (DMPHN's
// 1-2-4 pattern), each an encoder and a decoder that ends in deformable convolutions along the trajectories.
// Patches are processed apart, so that zeros stand at their inner borders too.
#include <fmt/format.h>

#include "graph/error.h"
#include "networks/motion_etr_parts.h"

namespace unblur {
namespace motion_etr {
namespace {

constexpr int kFewestPoints = 13;  // the decoders read the stored points 3 to 11

Value res(const Builder& b, const std::string& name, Value x, int channels) {
  const Value y = b.relu(name + ".1", b.conv(name + ".0", x, channels, 3, 1, Margins::all(1)));
  return b.add(name, x, b.conv(name + ".2", y, channels, 3, 1, Margins::all(1)));
}

/// 128 channels at a quarter of the size.
Value encode(const Builder& b, Value picture) {
  Value x = b.conv("layer1", picture, 32, 3, 1, Margins::all(1));
  x = res(b, "layer3", res(b, "layer2", x, 32), 32);
  x = b.conv("layer5", x, 64, 3, 2, Margins::all(1));
  x = res(b, "layer7", res(b, "layer6", x, 64), 64);
  x = b.conv("layer9", x, 128, 3, 2, Margins::all(1));
  return res(b, "layer11", res(b, "layer10", x, 128), 128);
}

Value deformable_res(const Builder& b, const std::string& name, Value x, Value taps) {
  const Value y = b.relu(name + "_0.act", b.deform_conv(name + "_0", x, taps, 32));
  return b.add(name, x, b.deform_conv(name + "_1", y, taps, 32));
}

/// The correction of the picture, from features and where the deformable taps stand.
Value decode(const Builder& b, Value features, Value taps) {
  Value x = res(b, "layer14", res(b, "layer13", features, 128), 128);
  x = b.up("layer16", x, 64);
  x = res(b, "layer18", res(b, "layer17", x, 64), 64);
  x = b.up("layer20", x, 32);
  x = deformable_res(b, "dcn_6", deformable_res(b, "dcn_5", x, taps), taps);
  return b.conv("layer24", x, 3, 3, 1, Margins::all(1));
}

/// Appends one level's parts, named after it.
struct Level {
  Graph& graph;
  std::string prefix;
  int level;

  [[nodiscard]] Builder encoder(const std::string& patch = "") const {
    return {graph, fmt::format("{}encoder_lv{}.", prefix, level), patch};
  }
  [[nodiscard]] Builder decoder(const std::string& patch = "") const {
    return {graph, fmt::format("{}decoder_lv{}.", prefix, level), patch};
  }
  /// Offsets of the level's deformable layers, for the whole picture.
  [[nodiscard]] Value taps(Value offsets) const {
    const Builder b = decoder();
    return graph.add(b.node("taps"), op::MotionTaps{b.prefix + "ratio_3"}, {offsets});
  }
};

}  // namespace

Value build_deblurred(const Builder& b, Value frame, Value offsets) {
  Graph& g = b.graph;
  const auto part = [&](const std::string& name, Value x, Extent2 grid, Extent2 index) {
    return g.add(b.node(name), op::Part{grid, index}, {x});
  };
  const auto join = [&](const std::string& name, Value first, Value second, Extent2 grid) {
    return g.add(b.node(name), op::Join{grid}, {first, second});
  };
  constexpr Extent2 kHalves{2, 1}, kQuarters{2, 2}, kBeside{1, 2};
  constexpr const char* kRows[] = {".top", ".bottom"};

  const Level third{g, b.prefix, 3}, second{g, b.prefix, 2}, first{g, b.prefix, 1};
  const Value taps_3 = third.taps(offsets);
  Value features_3[2], features_2[2];
  for (int row = 0; row < 2; ++row) {
    const std::string half = kRows[row];
    const auto quarter = [&](int column, const std::string& name) {
      return encode(third.encoder(name), part("picture" + name, frame, kQuarters, {row, column}));
    };
    const Value left = quarter(0, half + "_left"), right = quarter(1, half + "_right");
    features_3[row] = join("features_lv3" + half, left, right, kBeside);
    const Value taps = part("taps_lv3" + half, taps_3, kHalves, {row, 0});
    const Value residual = decode(third.decoder(half), features_3[row], taps);
    const Value picture = part("picture" + half, frame, kHalves, {row, 0});
    features_2[row] = encode(second.encoder(half), b.add("picture_lv2" + half, picture, residual));
  }
  const Value f3 = join("features_lv3", features_3[0], features_3[1], kHalves);
  const Value f2 =
      b.add("features_lv2", join("features_lv2.patches", features_2[0], features_2[1], kHalves), f3);
  const Value r2 = decode(second.decoder(), f2, second.taps(offsets));
  const Value f1 = b.add("features_lv1", encode(first.encoder(), b.add("picture_lv1", frame, r2)), f2);
  return b.add("result", frame, decode(first.decoder(), f1, first.taps(offsets)));
}

}  // namespace motion_etr

namespace {

void check_deblurring_points(int points) {
  if (points >= motion_etr::kFewestPoints) return;
  throw UsageError(fmt::format("{} time points; motion-aware deblurring needs at least {}", points,
                               motion_etr::kFewestPoints));
}

}  // namespace

Graph build_motion_aware(const MotionEtrConfig& config) {
  check_deblurring_points(config.points);
  Graph g;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const auto [control, offsets] = motion_etr::build_trajectories({g, "offset_net.", ""}, config, frame);
  g.set_output("frame", motion_etr::build_deblurred({g, "deblur_net.", ""}, frame, offsets));
  g.set_output("control", control);
  g.set_output("offsets", offsets);
  g.validate();
  return g;
}

Graph build_motion_deblur(int points) {
  check_deblurring_points(points);
  Graph g;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  const Value offsets = g.add("offsets", op::Input{.name = "offsets", .channels = 2 * points});
  g.set_output("frame", motion_etr::build_deblurred({g, "deblur_net.", ""}, frame, offsets));
  g.validate();
  return g;
}

}  // namespace unblur
