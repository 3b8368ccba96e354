// SPDX-License-Identifier: MIT
// What the losses of all recipes are computed on: some clips of a batch, frame by frame. Internal to the
// steps.
#pragma once

#include <vector>

#include "path_losses.h"
#include "steps.h"

namespace unblur {

/// Some clips of a batch, and what is carried through them. Losses and reports of all parts add up to those
/// of the batch: means over pictures are weighted by `share`, means over masks divide by the batch's mask.
struct Part {
  const ClipBatch* whole = nullptr;
  std::int64_t first = 0, size = 0;
  double share = 1;  ///< of the batch's clips
  ClipBatch clips;
  TorchTensors states;
  at::Tensor previous;  ///< output of the frame before
  std::vector<at::Tensor> gradients;
  double segment_loss = 0;
  StepReport report;
};
[[nodiscard]] std::vector<Part> split(const ClipBatch& batch, int wanted);

/// Weighted sum of loss terms; reports get them unweighted.
struct LossSum {
  at::Tensor total;
  void add(const at::Tensor& term, double weight, double share, double& shown);
};

/// Outputs and states to compute, with the observations, roundings and constants of the options.
[[nodiscard]] TorchWanted wanting(TorchWanted wanted, const StepOptions& options);

/// Inputs of frame t; neighbours beyond the clip are its ends.
[[nodiscard]] TorchTensors inputs_at(const TorchGraph& net, const ClipBatch& batch, std::int64_t t,
                                     ValueRange range);

/// True flow of a frame of the whole batch, faster pixels than `limit` masked.
[[nodiscard]] FlowTruth truth_at(const ClipBatch& whole, std::int64_t t, double limit);
/// Loss of these flow outputs of a frame; counts end-point errors of the first, the finest.
[[nodiscard]] at::Tensor truth_losses(const std::vector<std::string>& names, const TorchTensors& outputs,
                                      const FlowTruth& whole, Part& part);

/// Neighbouring frames; several combinations of blurred and sharp are stacked along the batch.
struct FramePairs {
  at::Tensor previous, current;
};
[[nodiscard]] FramePairs pairs_at(const Part& part, std::int64_t t, PairPictures pictures);
[[nodiscard]] TorchTensors flow_inputs(const Graph& graph, const FramePairs& pairs, ValueRange range);
/// Mean over the combinations in the output "flow" of pairs_at(kAll).
[[nodiscard]] at::Tensor blur_invariant_loss(const at::Tensor& flow, const Part& part, std::int64_t t);

/// True paths of the part's clips at the scale of `map`.
[[nodiscard]] PathTruth paths_like(const Part& part, std::int64_t t, const at::Tensor& map);

/// Error of the output "control" of networks that see single pictures, against the better of both directions
/// of time of each; nothing where the network has no such output or the truth is not known.
[[nodiscard]] EndPointError undirected_path_error(const TorchTensors& outputs, const Part& part,
                                                  std::int64_t t, const StepOptions& options);

// The joint losses of frame t of a part by recipe; the report gets their parts.
[[nodiscard]] at::Tensor picture_losses(const TorchGraph& net, const TorchTensors& outputs, Part& part,
                                        std::int64_t t, const StepOptions& options);
[[nodiscard]] at::Tensor trajectory_losses(const TorchGraph& net, const TorchTensors& outputs, Part& part,
                                           std::int64_t t, const StepOptions& options);
[[nodiscard]] at::Tensor reblur_losses(const TorchGraph& net, const TorchTensors& outputs, Part& part,
                                       std::int64_t t, const StepOptions& options);

}  // namespace unblur
