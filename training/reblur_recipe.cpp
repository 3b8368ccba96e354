// SPDX-License-Identifier: MIT
// Motion-ETR's offset network: no motion is known, the blurred picture alone tells.
#include <ATen/ATen.h>

#include "reblur_losses.h"
#include "step_parts.h"

namespace unblur {

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
  report.still += undirected_path_error(outputs, part, t, options);
  return sum.total;
}

}  // namespace unblur
