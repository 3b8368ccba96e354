// SPDX-License-Identifier: MIT
// One iteration of each stage: forward through a clip, losses, backward, update.
#pragma once

#include <functional>
#include <string>

#include "losses.h"
#include "optimiser.h"
#include "path_losses.h"
#include "replicas.h"
#include "torch_graph.h"
#include "train_config.h"
#include "value_range.h"

namespace unblur {

/// A batch of clips on the device of the network. Pictures are sRGB values in [0,1].
struct ClipBatch {
  at::Tensor blurred, sharp;  ///< [t,n,3,h,w]
  at::Tensor flow;            ///< [t,n,2,h,w]: px from frame t to frame t-1; frame 0 has none
  at::Tensor valid;           ///< [t,n,1,h,w]: 1 where that flow counts (in view, not occluded)
  std::int64_t context = 0;   ///< frames at either end that are only neighbours of others
  /// Where paths are trained, at 1/4 scale: [t,n,P,2,h/4,w/4] as Clip::gather and [t,n,1,h/4,w/4], 1 where
  /// they count.
  at::Tensor gather = {}, shown = {};
  [[nodiscard]] std::int64_t begin() const { return context; }
  [[nodiscard]] std::int64_t end() const { return blurred.size(0) - context; }
};

/// What the joint stage trains for (recipe.h).
enum class Recipe : std::uint8_t {
  kPictures,      ///< the output "frame" against the sharp picture
  kTrajectories,  ///< the output "control" against the exact paths of the synthesis
  kReblur,        ///< the sharp picture averaged along the output "offsets" against the blurred one
};

/// What an iteration reports; means over its frames. `motion` holds all losses of the flow.
struct StepReport {
  double loss = 0, picture = 0, auxiliary = 0, motion = 0, temporal = 0;
  double gradient_norm = 0;              ///< before clipping, of the last update
  double input_mse = 0, output_mse = 0;  ///< of float pictures, for a gain in dB at a glance
  EndPointError epe;                     ///< of the flow
  double path = 0;
  double structure = 0, variation = 0, magnitude = 0;  ///< of kReblur (LossConfig)
  BinnedPathError paths = {};                          ///< of frames that have a previous one
  EndPointError still;  ///< of those that are their own, against the better direction of time
  [[nodiscard]] bool finite() const;
  StepReport& operator+=(const StepReport& o);  ///< of another part of the batch; the norm stays
};

struct StepOptions {
  LossConfig loss;
  Recipe recipe = Recipe::kPictures;               ///< of joint_step
  std::string path_mode = kPathMode;               ///< of the output "control"
  PairPictures pictures = PairPictures::kBlurred;  ///< of motion_step
  int skipped_flows = 0;  ///< of motion_step: the finest flows, neither computed nor trained
  ValueRange range;
  std::vector<Value> constants = {};  ///< nodes through which no gradient flows
  int segment = 4;                    ///< frames of one update; 0: the whole clip
  bool temporal = false;
  bool round_to_half = false;  ///< values and weights as fp16 storage would hold them
  bool bf16 = false;
  std::function<void(Value, const at::Tensor&)> observe = {};  ///< values of the network, one replica
  std::function<double(std::int64_t)> rate = {};  ///< factor of this iteration's update k; empty: 1
};

struct UpdateReport {
  double loss = 0, gradient_norm = 0;  ///< before clipping
};
/// Called after each optimiser step (the moving average follows); gradients are still there.
using AfterUpdate = std::function<void(const UpdateReport&)>;

// The clips of a batch are split over the replicas, whose gradients are added in a fixed order: the same
// numbers for any count of them up to rounding, and the same bits for the same count. One update per segment;
// states and outputs carried into the next one are detached.

/// Trains the flow outputs alone on the neighbouring frames of the batch. Networks with feature states see
/// blurred frames only.
StepReport motion_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch,
                       const StepOptions& options, Replicas& replicas, const AfterUpdate& after);

/// Trains everything: states are carried through the clip, gradients through `segment` frames.
StepReport joint_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch,
                      const StepOptions& options, Replicas& replicas, const AfterUpdate& after);

/// Rounds to fp16 and back; the gradient passes as if nothing had happened.
[[nodiscard]] at::Tensor round_to_half(const at::Tensor& x);

}  // namespace unblur
