// SPDX-License-Identifier: MIT
// Synthesis of blurred clips with exact ground truth from still photographs (real-time-model.md 4.1).
#pragma once

#include <torch/types.h>

#include "clip_plan.h"

namespace unblur {

/// A clip of T frames. Displacements are in px, x right, y down, in channels (x, y).
struct Clip {
  torch::Tensor blurred;  ///< uint8 [T,3,H,W], what the camera stored
  torch::Tensor sharp;    ///< uint8 [T,3,H,W], the middle instant of each exposure, clean
  /// float32 [T,2,H,W], the networks' flow, a gather from frame t to t-1: sharp[t](p) = sharp[t-1](p +
  /// flow[t](p)), centre instant to centre instant. Content moved by -flow (the public meaning of motion,
  /// design.md 6). Frame 0: zero.
  torch::Tensor flow;
  torch::Tensor
      visible;  ///< float32 [T,1,H,W], 1 where flow leads to the same surface inside frame t-1; frame 0: 0
  /// float32 [T,N,2,H,W] where asked for, else undefined: instants evenly spaced from the first to the last
  /// of the exposure (the middle one is 0 for odd N). `trajectory`: content displacement from its place at
  /// the middle instant. `gather`: offsets with blurred(p) = mean over i of sharp(p + gather_i(p)) in linear
  /// light.
  torch::Tensor trajectory, gather;
  /// float32 [T,1,H,W], with them: 1 where the surface is hidden at none of those instants (truth.h).
  torch::Tensor shown;
  double blur_length = 0;  ///< px; see ClipPlan
  int bin = 0;
  bool repeated = false;  ///< one frame, T times
  std::uint64_t index = 0;
};

/// Renders a plan on a device; outputs stay there.
[[nodiscard]] Clip render_clip(const ClipPlan& plan, const PhotoLibrary& photos, torch::Device device,
                               int frames);

/// draw_plan + render_clip: sample `index` of `seed`.
[[nodiscard]] Clip synthesise(const SynthesisOptions& options, const PhotoLibrary& photos, std::uint64_t seed,
                              std::uint64_t index, torch::Device device = torch::kCPU);

}  // namespace unblur
