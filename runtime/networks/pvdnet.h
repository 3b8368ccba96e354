// SPDX-License-Identifier: MIT
// Recurrent video deblurring with blur-invariant motion estimation and pixel volumes (Son, Lee, Lee, Cho,
// Lee; ACM TOG 40(5), 2021), with the parameter names of the authors' checkpoints.
#pragma once

#include <string>

#include "graph/graph.h"

namespace unblur {

/// Widths and depth. The published networks have divisor 1.
struct PvdnetConfig {
  std::string name = "pvdnet";
  int divisor = 1;             ///< every width of BIMNet and PVDNet is divided by this
  int quarter_channels = 128;  ///< R, at quarter resolution (before division)
  int blocks = 12;
  bool keep_features = false;  ///< inference: the previous frame's features and pictures are states
  bool coarse_flows = false;   ///< training outputs "flow_3" to "flow_6": the flow after those levels, px
};
[[nodiscard]] PvdnetConfig pvdnet_config();        ///< 10.5 M parameters with BIMNet
[[nodiscard]] PvdnetConfig pvdnet_large_config();  ///< 23.4 M
[[nodiscard]] PvdnetConfig pvdnet_slim_config();   ///< a quarter of all widths, 4 blocks

/// One step of the whole system. Inputs "frame" (0), "next" (+1) and, unless `keep_features`, "previous"
/// (-1), all blurred, in [-1, 1], height and width multiples of 4 and at least 64; outputs "frame" (not
/// clamped) and "flow" (current to previous frame, px, at full resolution). State "restored": the previous
/// output; at first the previous blurred frame. With `keep_features` the previous frame is the state
/// "previous_frame" (at first the frame itself) and its features are states too: the same numbers at two
/// thirds of BIMNet's feature and image pyramids saved.
[[nodiscard]] Graph build_pvdnet(const PvdnetConfig& config);

/// BIMNet alone: inputs "first" (0) and "second" (-1), RGB in [0, 1], sides multiples of 32 and at least 64;
/// output "flow": first to second, full-resolution px, at half resolution.
[[nodiscard]] Graph build_bimnet(const PvdnetConfig& config);

/// PVDNet alone, for comparisons: inputs "volume" (25 channels), "previous", "frame", "next"; output "frame".
[[nodiscard]] Graph build_pvdnet_trunk(const PvdnetConfig& config);

}  // namespace unblur
