// SPDX-License-Identifier: MIT
// Motion-ETR's offset network: no motion is known, the blurred picture alone tells.
#include <ATen/ATen.h>

#include "reblur_losses.h"
#include "step_parts.h"

namespace unblur {
namespace {

/// Where the truth is known. A single picture does not tell the directions of time apart.
void count_path_errors(const at::Tensor& predicted, const StepOptions& options, std::int64_t t, Part& part) {
  const auto& g = part.whole->gather;
  const at::Tensor control = at::adaptive_avg_pool2d(predicted.detach(), {g.size(4), g.size(5)});
  const PathTruth truth = paths_like(part, t, control);
  const at::Tensor backwards = better_reversed(control, options.path_mode, truth);
  for (const EndPointError& bin :
       binned_path_error(control, options.path_mode, reversed_where(truth, backwards)))
    part.report.still += bin;
}

}  // namespace

at::Tensor reblur_losses(const TorchGraph& /*net*/, const TorchTensors& outputs, Part& part, std::int64_t t,
                         const StepOptions& options) {
  const LossConfig& weights = options.loss;
  const at::Tensor &sharp = part.clips.sharp[t], &blurred = part.clips.blurred[t];
  const at::Tensor offsets = outputs.at("offsets").to(at::kFloat);
  const at::Tensor again = reblurred(sharp, offsets);
  StepReport& report = part.report;
  LossSum sum;
  const at::Tensor squared = (again - blurred).square().mean();
  report.output_mse += squared.item<double>() * part.share;
  report.input_mse += (sharp - blurred).square().mean().item<double>() * part.share;
  sum.add(squared, 1.0, part.share, report.picture);
  if (weights.structure > 0)
    sum.add(1 - multi_scale_ssim(again, blurred).value, weights.structure, part.share, report.structure);
  sum.add(total_variation(offsets), weights.variation, part.share, report.variation);
  sum.add(offsets.square().mean(), weights.magnitude, part.share, report.magnitude);
  if (part.whole->gather.defined()) count_path_errors(outputs.at("control").to(at::kFloat), options, t, part);
  return sum.total;
}

}  // namespace unblur
