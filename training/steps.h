// SPDX-License-Identifier: MIT
// One iteration of each stage: forward through a clip, losses, backward, update.
#pragma once

#include <functional>

#include "losses.h"
#include "optimiser.h"
#include "replicas.h"
#include "torch_graph.h"
#include "train_config.h"

namespace unblur {

/// A batch of clips on the device of the network. Pictures are sRGB values in [0,1].
struct ClipBatch {
  at::Tensor blurred, sharp;  ///< [t,n,3,h,w]
  at::Tensor flow;            ///< [t,n,2,h,w]: px from frame t to frame t-1; frame 0 has none
  at::Tensor valid;           ///< [t,n,1,h,w]: 1 where that flow counts (in view, not occluded)
  [[nodiscard]] std::int64_t frames() const { return blurred.size(0); }
};

/// What an iteration reports; means over its frames.
struct StepReport {
  double loss = 0, picture = 0, auxiliary = 0, motion = 0, temporal = 0;
  double gradient_norm = 0;              ///< before clipping, of the last update
  double input_mse = 0, output_mse = 0;  ///< of float pictures, for a gain in dB at a glance
  EndPointError epe;
  [[nodiscard]] bool finite() const;
  StepReport& operator+=(const StepReport& o);  ///< of another part of the batch; the norm stays
};

struct JointStepOptions {
  LossConfig loss;
  int segment = 4;
  bool temporal = false;
  bool round_to_half = false;  ///< values and weights as fp16 storage would hold them
  bool bf16 = false;
};

/// Called after each optimiser step (the moving average follows).
using AfterUpdate = std::function<void()>;

// The clips of a batch are split over the replicas, whose gradients are added in a fixed order: the same
// numbers for any count of them up to rounding, and the same bits for the same count.

/// Trains outputs "flow" and "flow_coarse" on the neighbouring frames of the batch; one update.
StepReport motion_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch, double rate_factor,
                       double motion_limit, Replicas& replicas, const AfterUpdate& after);

/// Trains everything: states are carried through the clip, gradients through `segment` frames; one update per
/// segment.
StepReport joint_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch, double rate_factor,
                      const JointStepOptions& options, Replicas& replicas, const AfterUpdate& after);

/// Rounds to fp16 and back; the gradient passes as if nothing had happened.
[[nodiscard]] at::Tensor round_to_half(const at::Tensor& x);

}  // namespace unblur
