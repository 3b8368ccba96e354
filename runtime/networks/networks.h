// SPDX-License-Identifier: MIT
// Networks by name. Each is one function in its own file that builds a Graph from a config; nobody
// writes a network twice.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/model.h"

namespace unblur {

/// Widths, depths and inputs of the real-time family (docs/networks.md). Channels are multiples of 16 in the
/// trunk.
struct RealTimeConfig {
  std::string name = "unblur-rt";
  int c1 = 16, c2 = 32, c3 = 64;  ///< at 1/2, 1/4 and 1/8 scale
  int b1 = 1, b2 = 1, b3 = 4;     ///< gated blocks there
  bool next_frame = false;        ///< I_(t+1) in place of I_(t-1): one frame of look-ahead
  bool pixel_volume = false;      ///< 3x3 grey candidates of the previous output
  bool auxiliary = false;         ///< training outputs "aux2" and "aux4": pictures at 1/2 and 1/4 scale
};
[[nodiscard]] RealTimeConfig rt_config();
[[nodiscard]] RealTimeConfig balanced_config();

/// Inputs "frame" (0) and "next" (+1) where asked; outputs "frame", "flow" (current to previous frame,
/// full-resolution px, at 1/8 scale), "flow_coarse" (1/16), and aux; states "previous_frame" (unless
/// next_frame), "restored", "hidden", "flow_features_8", "flow_features_16". On a first frame the previous
/// frame and the previous output are the frame itself, the hidden features zero. The motion branch alone is
/// what outputs "flow", "flow_coarse" and states "flow_features_*" need (`ancestors`).
[[nodiscard]] Graph build_real_time(const RealTimeConfig& config);

/// Widths and depths of the trajectory network (docs/networks.md).
struct TrajectoryConfig {
  int c4 = 32, c8 = 64, c16 = 80;  ///< at 1/4, 1/8 and 1/16 scale
  int b4 = 1, b8 = 1, b16 = 2;     ///< gated blocks there; at 1/4 and 1/8 on either way
  bool auxiliary = false;  ///< training outputs "control4", "control8" and "control16", at those scales
};

/// Input "frame" (0); outputs "control" (S.dy, S.dx, E.dy, E.dx: gather offsets in full-resolution px at the
/// start and the end of the exposure, graph/exposure.h; predicted at 1/4 scale), "flow" and "flow_coarse"
/// as build_real_time. States "flow_features_8" and "flow_features_16"; on a first frame they are the frame's
/// own, so that a still is a frame given twice.
[[nodiscard]] Graph build_trajectory(const TrajectoryConfig& config);

/// ModelInfo and graph of a network by name ("rt", "balanced", "trajectory", and the published "pvdnet",
/// "pvdnet-large", "pvdnet-slim" (a quarter of its widths) and "bimnet" of pvdnet.h, "motion-etr-quad",
/// "motion-etr-bilin", "motion-etr-lin" and "motion-etr-deblur" of motion_etr.h), without parameters.
/// `training` adds auxiliary outputs (pictures, flows or paths at coarser scales), and gives the recurrent
/// networks without kept features. Throws UsageError listing the names.
[[nodiscard]] Model build_network(const std::string& name, bool training = false);
[[nodiscard]] std::vector<std::string> network_names();

/// Names of the outputs that are flows: "flow" and those at coarser scales. What they need is the motion
/// branch.
[[nodiscard]] std::vector<std::string> motion_outputs(const Graph& graph);
/// Nodes whose values training takes as constants: no gradient flows back through them.
[[nodiscard]] std::vector<Value> constants_in_training(const Graph& graph);

enum class Start : std::uint8_t {
  /// Normal distribution with variance gain / fan_in, gain 2 / (1 + slope^2) where a rectifier reads the
  /// result (He et al. 2015) and 1 elsewhere; biases 0, gains 1; the last layers of flow heads a tenth of
  /// that; layers that make pictures 0, so that training starts from output = input. In BIMNet, the first
  /// layer's filters have mean 0 and four times the size (pictures are not normalised), depthwise upsampling
  /// is bilinear, and the weights that smooth a flow start at 1.
  kHe,
  /// Uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot, Bengio 2010) with fan_in = dim 1 x k^2 and fan_out =
  /// dim 0 x k^2 of the stored shape for convolutions both ways; biases 0, gains 1. As PVDNet's authors.
  kXavier
};
/// Start of a training. The same seed gives the same bits everywhere a C library rounds log, cos and sqrt
/// alike.
[[nodiscard]] TensorMap initial_parameters(const Graph& graph, std::uint64_t seed, Start start = Start::kHe);

}  // namespace unblur
