// SPDX-License-Identifier: MIT
// Motion-ETR (Zhang, Wang, Maybank, Tao; "Exposure Trajectory Recovery from Motion Blur", TPAMI 44(11),
// 2022): exposure trajectories, reblur and motion-aware deblurring, with the parameter names of the authors'
// checkpoints and the behaviour of their code. What a trajectory is: graph/exposure.h.
#pragma once

#include <string>
#include <string_view>

#include "graph/graph.h"

namespace unblur {

struct MotionEtrConfig {
  std::string mode = "quad";  ///< "quad", "bilin" or "lin"
  int points = 15;            ///< time points N, odd, at least 3; at least 13 where pictures are deblurred
};

/// Trajectories of a blurred picture. Input "frame": RGB in [0, 1], sides multiples of 8 and at least 16.
/// Outputs "control" [4 or 2,H,W] and "offsets" [2N,H,W], px. Throws UsageError for a wrong config.
[[nodiscard]] Graph build_offset_network(const MotionEtrConfig& config);

/// Blur of a sharp picture along given trajectories: inputs "sharp" [3,H,W] and "offsets" [2N,H,W], output
/// "reblurred", the mean of the samples of all points, 0 outside the picture (borders darken). With `taps`
/// also the outputs "tap_0" to "tap_<N-1>" in stored order, the picture at each time.
[[nodiscard]] Graph build_reblur(int points, bool taps = false);

/// The picture without its blur, by a multi-patch network whose decoders sample along the trajectories. Input
/// "frame" as above; outputs "frame" (not clamped), "control", "offsets". Parameters "offset_net.*" and
/// "deblur_net.*".
[[nodiscard]] Graph build_motion_aware(const MotionEtrConfig& config);
/// Its deblurring half: inputs "frame" and "offsets" [2N,H,W], output "frame".
[[nodiscard]] Graph build_motion_deblur(int points);

/// The name under which graphs have a tensor of a checkpoint, which lists those of the bottlenecks twice:
/// "bottleneck_1.model.0.bias" is "bottleneck_1.conv1.bias". Other names stay as they are.
[[nodiscard]] std::string motion_etr_parameter(std::string_view stored);

}  // namespace unblur
