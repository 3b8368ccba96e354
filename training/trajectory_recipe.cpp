// SPDX-License-Identifier: MIT
// Losses of networks that predict paths, against the exact ones of the synthesis.
#include <ATen/ATen.h>

#include "networks/networks.h"
#include "step_parts.h"

namespace unblur {
namespace {

/// bool [n]: clips whose frame t is its own previous one, so that the direction of time does not show.
at::Tensor stills(const Part& part, std::int64_t t) {
  const at::Tensor& frames = part.clips.blurred;
  if (t == part.clips.begin()) return at::ones({part.size}, frames.options().dtype(at::kBool));
  return (frames[t] == frames[t - 1]).flatten(1).all(1);
}

void count_errors(const at::Tensor& control, const PathTruth& truth, const at::Tensor& still,
                  const std::string& mode, StepReport& report) {
  const at::Tensor of_stills = still.view({-1, 1, 1, 1}).to(at::kFloat);
  for (const EndPointError& bin : binned_path_error(control, mode, {truth.gather, truth.mask * of_stills}))
    report.still += bin;
  const auto moving = binned_path_error(control, mode, {truth.gather, truth.mask * (1 - of_stills)});
  for (std::size_t b = 0; b < moving.size(); ++b) report.paths[b] += moving[b];
}

}  // namespace

at::Tensor trajectory_losses(const TorchGraph& net, const TorchTensors& outputs, Part& part, std::int64_t t,
                             const StepOptions& options) {
  const LossConfig& weights = options.loss;
  LossSum sum;
  const at::Tensor control = outputs.at("control4").to(at::kFloat);
  const PathTruth truth = paths_like(part, t, control);
  const at::Tensor still = stills(part, t);
  const at::Tensor backwards = better_reversed(control, options.path_mode, truth).logical_and(still);
  const PathTruth aim = reversed_where(truth, backwards);
  sum.add(path_loss(control, options.path_mode, aim), 1.0, 1.0, part.report.path);
  count_errors(control, aim, still, options.path_mode, part.report);
  for (const char* name : {"control8", "control16"}) {
    const at::Tensor coarse = outputs.at(name).to(at::kFloat);
    const PathTruth coarse_aim = reversed_where(paths_like(part, t, coarse), backwards);
    sum.add(path_loss(coarse, options.path_mode, coarse_aim), weights.auxiliary, 1.0, part.report.auxiliary);
  }
  if (t > part.clips.begin()) {
    const FlowTruth flow = truth_at(*part.whole, t, weights.motion_limit);
    sum.add(truth_losses(motion_outputs(net.graph()), outputs, flow, part), weights.motion, 1.0,
            part.report.motion);
  }
  return sum.total;
}

}  // namespace unblur
