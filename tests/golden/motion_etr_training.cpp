// SPDX-License-Identifier: MIT
// Losses, gradients and updates of Motion-ETR, through the steps that training runs.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "motion_etr_kinds.h"
#include "networks/motion_etr.h"
#include "reblur_losses.h"
#include "steps.h"
#include "torch_graph.h"
#include "training_case.h"

namespace unblur::golden::motion_etr {
namespace {

// Bounds of the cases' README.
constexpr double kTermBound = 1e-5, kReblurredBound = 1e-4, kStepBound = 2e-6;

double lambda(const Case& c, const char* name) {
  const nlohmann::json value = c.metadata(fmt::format("lambda_{}", name));
  if (!value.is_number()) throw CaseError(fmt::format("lambda_{} is no number", name));
  return value.get<double>();
}

std::vector<TrainedParameter> adam_parameters(TorchGraph& net) {
  std::vector<TrainedParameter> trained;
  for (auto& [name, value] : net.parameters()) {
    if (name.ends_with("ratio_3")) continue;  // stored, never trained
    value.requires_grad_(true);
    trained.push_back({.name = name, .value = value, .rule = UpdateRule::kAdamW});
  }
  return trained;
}

OptimiserConfig adam(double rate) {
  return {.rule = UpdateRule::kAdamW, .adam_rate = rate, .adam_beta2 = 0.999, .clip_norm = 0};
}

ClipBatch one_frame(const Tensor& blurred, const Tensor& sharp) {
  const auto n = blurred.dims[0], h = blurred.dims[2], w = blurred.dims[3];
  return {.blurred = to_torch(blurred).unsqueeze(0),
          .sharp = to_torch(sharp).unsqueeze(0),
          .flow = at::zeros({1, n, 2, h, w}),
          .valid = at::zeros({1, n, 1, h, w})};
}

void compare_gradients(Case& c, const Optimiser& optimiser, double bound) {
  std::map<std::string, double> norms;
  for (const auto& p : optimiser.parameters()) {
    const at::Tensor& g = p.value.grad();
    norms[p.name] = g.to(at::kDouble).norm().item<double>();
    compare_relative(c, "grad." + p.name, from_torch(g), bound);
  }
  if (!c.has("grad_l2")) return;
  std::vector<double> listed;
  for (const nlohmann::json& name : c.metadata("grad_l2_names")) {
    const auto found = norms.find(motion_etr_parameter(name.get<std::string>()));
    if (found == norms.end()) throw CaseError(fmt::format("no parameter '{}'", name.dump()));
    listed.push_back(found->second);
  }
  compare_relative(c, "grad_l2", row(listed), bound);
}

}  // namespace

void train_reblur(Case& c, Backend* /*backend*/) {
  constexpr double kGradientBound = 2e-3, kRate = 1e-4;  // the rate of the cases' README
  Model model = filled(c, build_offset_network(config_of(c)));
  TorchGraph net(std::move(model.graph), model.parameters);
  const ClipBatch batch = one_frame(c.input("blurry"), c.input("sharp"));
  {
    const at::NoGradGuard no_grad;
    const at::Tensor &blurry = batch.blurred[0], &sharp = batch.sharp[0];
    const TorchStep step = net.forward({{"frame", blurry}}, {}, {.outputs = {"offsets"}, .states = {}});
    const at::Tensor again = reblurred(sharp, step.outputs.at("offsets"));
    c.compare("reblurred", from_torch(again), kReblurredBound);
    const MultiScaleSsim quality = multi_scale_ssim(again, blurry);
    c.compare("msssim.ssim_per_level", from_torch(at::stack(quality.ssim)), kTermBound);
    c.compare("msssim.cs_per_level", from_torch(at::stack(quality.cs)), kTermBound);
    c.compare("msssim.value", from_torch(quality.value.view({1})), kTermBound);
    // The revision of 2020 counts the coarsest level four times.
    const at::Tensor coarsest = quality.ssim.back().pow(0.1333);
    c.compare("msssim.value_2020_formula", from_torch((quality.value * coarsest.pow(3)).view({1})),
              kTermBound);
  }
  const StepOptions options{
      .loss = {.structure = lambda(c, "ssim"), .variation = lambda(c, "tv"), .magnitude = lambda(c, "reg")},
      .recipe = Recipe::kReblur,
      .segment = 0};
  Optimiser optimiser(adam_parameters(net), adam(kRate));
  Replicas replicas(1);
  const StepReport report = joint_step(net, optimiser, batch, options, replicas, [](const UpdateReport&) {});
  c.compare("loss.mse", row({report.picture}), kTermBound);
  c.compare("loss.msssim_loss", row({report.structure}), kTermBound);
  c.compare("loss.tv", row({report.variation}), kTermBound);
  c.compare("loss.reg", row({report.magnitude}), kTermBound);
  c.compare("loss.total", row({report.loss}), kTermBound);
  compare_gradients(c, optimiser, kGradientBound);
  for (const auto& p : optimiser.parameters())
    c.compare("after_step." + p.name, from_torch(p.value.detach()), kStepBound);
}

void motion_aware_gradients(Case& c) {
  constexpr double kGradientBound = 1e-3;
  if (!c.has("sharp")) return;
  Model model = filled(c, build_motion_aware(config_of(c)));
  TorchGraph net(std::move(model.graph), model.parameters);
  const ClipBatch batch = one_frame(c.input("image"), c.input("sharp"));
  const StepOptions options{.loss = {.picture = PictureLoss::kSquared,
                                     .auxiliary = 0,
                                     .motion = 0,
                                     .temporal = 0,
                                     .first_frames = 1},
                            .segment = 0};
  Optimiser optimiser(adam_parameters(net), adam(0));
  Replicas replicas(1);
  const StepReport report = joint_step(net, optimiser, batch, options, replicas, [](const UpdateReport&) {});
  c.compare("loss", row({report.loss}), kTermBound);
  compare_gradients(c, optimiser, kGradientBound);
}

}  // namespace unblur::golden::motion_etr
