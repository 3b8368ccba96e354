// SPDX-License-Identifier: MIT
// Losses of networks that restore pictures.
#include <ATen/ATen.h>

#include "networks/networks.h"
#include "step_parts.h"

namespace unblur {
namespace {

double mean_square(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach() - b).square().mean().item<double>();
}

at::Tensor image_loss(const at::Tensor& output, const at::Tensor& target, const StepOptions& options) {
  if (options.loss.picture == PictureLoss::kCharbonnier)
    return picture_loss(output, target, options.loss.frequency);
  const double span = options.range.span();
  return (output - target).square().mean() * (span * span);
}

}  // namespace

at::Tensor picture_losses(const TorchGraph& net, const TorchTensors& outputs, Part& part, std::int64_t t,
                          const StepOptions& options) {
  const LossConfig& weights = options.loss;
  const at::Tensor target = part.clips.sharp[t];
  const at::Tensor output = options.range.from_network(outputs.at("frame").to(at::kFloat));
  const double place = t - part.clips.begin() < 2 ? weights.first_frames : 1.0;
  LossSum sum;
  const auto add = [&](const at::Tensor& term, double weight, double share, double& shown) {
    sum.add(term, weight * place, share, shown);
  };
  add(image_loss(output, target, options), 1.0, part.share, part.report.picture);
  at::Tensor auxiliary;
  for (const char* name : {"aux2", "aux4"}) {
    const auto found = outputs.find(name);
    if (found == outputs.end() || weights.auxiliary == 0) continue;
    const at::Tensor term = picture_loss(found->second.to(at::kFloat), target, weights.frequency);
    auxiliary = auxiliary.defined() ? auxiliary + term : term;
  }
  if (auxiliary.defined()) add(auxiliary, weights.auxiliary, part.share, part.report.auxiliary);
  if (t > 0 && outputs.contains("flow")) {
    const FlowTruth truth = truth_at(*part.whole, t, weights.motion_limit);
    const at::Tensor motion = truth_losses(motion_outputs(net.graph()), outputs, truth, part);
    if (weights.motion > 0) add(motion, weights.motion, 1.0, part.report.motion);
    if (weights.blur_invariant > 0) {
      const FramePairs pairs = pairs_at(part, t, PairPictures::kAll);
      const TorchWanted flow = wanting({.outputs = {"flow"}, .states = {}}, options);
      const TorchStep step = net.forward(flow_inputs(net.graph(), pairs, options.range), {}, flow);
      add(blur_invariant_loss(step.outputs.at("flow"), part, t), weights.blur_invariant, part.share,
          part.report.motion);
    }
    if (options.temporal && weights.temporal > 0 && part.previous.defined()) {
      add(temporal_loss(output, part.previous, target, part.clips.sharp[t - 1],
                        part_of(truth, part.first, part.size)),
          weights.temporal, 1.0, part.report.temporal);
    }
  }
  part.report.epe += undirected_path_error(outputs, part, t, options);
  part.previous = output;
  part.report.input_mse += mean_square(part.clips.blurred[t], target) * part.share;
  part.report.output_mse += mean_square(output, target) * part.share;
  return sum.total;
}

}  // namespace unblur
