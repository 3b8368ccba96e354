// SPDX-License-Identifier: MIT
// The kinds of training: losses, gradients, updates, optimiser and schedules.
#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "losses.h"
#include "networks/networks.h"
#include "networks/pvdnet.h"
#include "pvdnet_kinds.h"
#include "schedule.h"
#include "steps.h"
#include "torch_graph.h"
#include "training_case.h"

namespace unblur::golden::pvdnet {
namespace {

// Bounds of the cases' README; relative ones are of the largest stored value.
constexpr double kLossBound = 1e-3, kGradientBound = 1e-2, kExactBound = 1e-6;

double config_number(const Case& c, const std::string& key) {
  const nlohmann::json value = c.config(key);
  if (!value.is_number()) throw CaseError(fmt::format("config '{}' is no number", key));
  return value.get<double>();
}

std::vector<TrainedParameter> all_parameters(TorchGraph& net, std::string_view prefix) {
  std::vector<TrainedParameter> trained;
  for (auto& [name, value] : net.parameters()) {
    const bool wanted = name.starts_with(prefix);
    value.requires_grad_(wanted);
    if (wanted) trained.push_back({.name = name, .value = value, .rule = UpdateRule::kRAdam});
  }
  return trained;
}

OptimiserConfig radam_config(double rate) {
  return {.rule = UpdateRule::kRAdam,
          .adam_rate = rate,
          .adam_beta1 = 0.9,
          .adam_beta2 = 0.999,
          .adam_eps = 1e-8,
          .weight_decay = 0.01,
          .clip_norm = 1.0};
}

/// The authors' settings: joint mode or BIMNet fixed, one frame per update.
StepOptions step_options(const TorchGraph& net, bool joint) {
  return {.loss = {.picture = PictureLoss::kSquared,
                   .auxiliary = 0,
                   .motion = 0,
                   .temporal = 0,
                   .blur_invariant = joint ? 1.0 : 0.0,
                   .first_frames = 1},
          .range = {-1, 1},
          .constants = constants_in_training(net.graph()),
          .segment = 1};
}

ClipBatch batch_of(at::Tensor blurred, at::Tensor sharp) {
  const auto t = blurred.size(0), n = blurred.size(1), h = blurred.size(3), w = blurred.size(4);
  return {std::move(blurred), std::move(sharp), at::zeros({t, n, 2, h, w}), at::zeros({t, n, 1, h, w}), 1};
}

/// What each of the four combinations of blurred and sharp gives, and the losses' mean.
void compare_combinations(Case& c, const at::Tensor& unit_previous, const at::Tensor& unit_current,
                          std::vector<double>& losses) {
  Model model = filled(c, build_pvdnet(pvdnet_config()));
  expose(model, "flow_half", "BIMNet.flow");
  const TorchGraph net(std::move(model.graph), model.parameters);
  const at::NoGradGuard no_grad;
  for (const std::string pair : {"bb", "bs", "sb", "ss"}) {
    const auto picture = [&](char kind, const char* which) {
      return to_torch(c.input(fmt::format("{}_{}", kind == 'b' ? "blurred" : "sharp", which)));
    };
    const TorchStep step =
        net.forward({{"previous", picture(pair[0], "previous")}, {"frame", picture(pair[1], "current")}}, {},
                    {.outputs = {"flow", "flow_half"}, .states = {}});
    c.compare("flow_half." + pair, from_torch(step.outputs.at("flow_half")), kFlowBound);
    const BlurInvariantTerm term = blur_invariant_term(step.outputs.at("flow"), unit_previous, unit_current);
    // A picture changes by at most its range for a pixel of flow.
    c.compare("warped." + pair, from_torch(term.warped), kFlowBound);
    c.compare("mask." + pair, from_torch(term.mask), kFlowBound);
    losses.push_back(term.loss.item<double>());
  }
}

}  // namespace

void blur_invariant_loss(Case& c, Backend* /*backend*/) {
  c.require("mode", "joint training, BIMNet not fixed");
  c.require("loss order", nlohmann::json{"bb", "bs", "sb", "ss", "flow", "image", "total"});
  c.require("frames", "[-1,1]; previous_deblurred = blurred_previous");
  // In float64, so that what is left of the smallest gradients (3e-7 of a norm of 3) is the reference's
  // rounding.
  const auto unit = [&](const char* name) { return (to_torch(c.input(name)).to(at::kDouble) + 1) / 2; };
  std::vector<double> losses;
  compare_combinations(c, unit("sharp_previous"), unit("sharp_current"), losses);

  Model model = filled(c, build_pvdnet(pvdnet_config()));
  TorchGraph net(std::move(model.graph), model.parameters, at::kDouble);
  Optimiser optimiser(all_parameters(net, ""), radam_config(0));
  const at::Tensor next = unit("blurred_next");
  const ClipBatch batch = batch_of(at::stack({unit("blurred_previous"), unit("blurred_current"), next}),
                                   at::stack({unit("sharp_previous"), unit("sharp_current"), next}));
  Replicas replicas(1);
  UpdateReport update;
  const StepReport report = joint_step(net, optimiser, batch, step_options(net, true), replicas,
                                       [&](const UpdateReport& u) { update = u; });
  losses.insert(losses.end(), {report.motion, report.picture, update.loss});
  compare_relative(c, "loss", row(losses), kLossBound);
  const nlohmann::json norm = c.metadata("gradient_norm_all");
  c.compare_number("gradient_norm_all", update.gradient_norm, norm.get<double>(),
                   kLossBound * norm.get<double>());
  for (const auto& p : optimiser.parameters())
    compare_relative(c, "grad." + p.name, from_torch(p.value.grad()), kGradientBound);

  const at::NoGradGuard no_grad;
  const auto picture = [&](const char* name) { return to_torch(c.input(name)).to(at::kDouble); };
  const TorchStep step = net.forward({{"previous", picture("blurred_previous")},
                                      {"frame", picture("blurred_current")},
                                      {"next", picture("blurred_next")}},
                                     {}, {.outputs = {"frame"}, .states = {}});
  const Tensor result = from_torch(step.outputs.at("frame"));
  c.compare("result", result, kStepLargest);
  c.compare("result", result, kStepMean, Measure::kMean);
}

void training_updates(Case& c, Backend* /*backend*/) {
  c.require("mode", "BIMNet fixed, loss = MSE on [-1,1]");
  c.require("optimiser", "RAdam betas 0.9 0.999 eps 1e-8 weight_decay 0.01");
  c.require("scheduler", "CA");
  c.require("gradient_clip_norm", 1.0);
  const double rate = config_number(c, "lr_init");
  Model model = filled(c, build_pvdnet(pvdnet_config()));
  const TorchGraph fresh(model.graph, model.parameters);
  TorchGraph net(std::move(model.graph), model.parameters);
  Optimiser optimiser(all_parameters(net, "PVDNet."), radam_config(rate));
  const auto pictures = [&](const char* name) {
    return to_torch(c.input(name)).to(at::kFloat).div_(255).transpose(0, 1).contiguous();
  };
  const ClipBatch batch = batch_of(pictures("input_rgb8"), pictures("gt_rgb8"));
  if (batch.end() - batch.begin() != std::lround(config_number(c, "updates")))
    throw CaseError("the clip has another number of frames than updates");
  const RateSchedule schedule{.shape = RateShape::kCosineRestarts, .lowest = 1e-7 / rate};
  StepOptions options = step_options(net, false);
  options.rate = [&](std::int64_t update) { return schedule.after_updates(update); };

  std::vector<double> losses, norms, rates;
  TorchTensors first_gradients;
  at::Tensor last_result;
  const Value output = net.graph().output("frame");
  options.observe = [&](Value v, const at::Tensor& x) {
    if (v == output) last_result = x.detach();
  };
  Replicas replicas(1);
  (void)joint_step(net, optimiser, batch, options, replicas, [&](const UpdateReport& u) {
    if (losses.empty()) {
      for (const auto& p : optimiser.parameters()) first_gradients[p.name] = p.value.grad().clone();
    }
    rates.push_back(rate * schedule.after_updates(std::ssize(losses)));
    losses.push_back(u.loss);
    norms.push_back(u.gradient_norm);
  });
  compare_relative(c, "loss", row(losses), kLossBound);
  compare_relative(c, "gradient_norm", row(norms), kLossBound);
  compare_relative(c, "learning_rate", row(rates), kExactBound);
  const Tensor result = from_torch(last_result);
  c.compare("result_last", result, kStepLargest);
  c.compare("result_last", result, kStepMean, Measure::kMean);
  for (const auto& p : optimiser.parameters()) {
    compare_relative(c, "first_gradient." + p.name, from_torch(first_gradients.at(p.name)), kGradientBound);
    compare_relative(c, "after." + p.name, from_torch(p.value.detach()), kGradientBound);
  }
}

void radam(Case& c, Backend* /*backend*/) {
  OptimiserConfig config = radam_config(config_number(c, "lr"));
  c.require("betas", nlohmann::json{0.9, 0.999});
  c.require("eps", 1e-8);
  c.require("weight_decay", 0.01);
  config.clip_norm = 0;
  at::Tensor value = to_torch(c.input("param")).requires_grad_(true);
  const at::Tensor gradients = to_torch(c.input("grad"));
  Optimiser optimiser({{.name = "p", .value = value, .rule = UpdateRule::kRAdam}}, config);
  std::vector<at::Tensor> after;
  for (std::int64_t t = 0; t < gradients.size(0); ++t) {
    optimiser.set_gradient(0, gradients[t]);
    (void)optimiser.step(1.0);
    after.push_back(value.detach().clone());
  }
  compare_relative(c, "after", from_torch(at::stack(after)), kExactBound);
}

void lr_schedule(Case& c, Backend* /*backend*/) {
  const double rate = config_number(c, "lr_init");
  c.require("update", "1-based index of the optimiser update that uses this learning rate");
  const RateSchedule cosine{.shape = RateShape::kCosineRestarts,
                            .lowest = config_number(c, "eta_min") / rate};
  const RateSchedule steps{.shape = RateShape::kSteps};
  const at::Tensor updates = to_torch(c.input("update")).to(at::kLong);
  std::vector<double> cosine_rates, step_rates;
  for (std::int64_t i = 0; i < updates.size(0); ++i) {
    const std::int64_t done = updates[i].item<std::int64_t>() - 1;
    cosine_rates.push_back(rate * cosine.after_updates(done));
    step_rates.push_back(rate * steps.after_updates(done));
  }
  compare_relative(c, "lr_cosine", row(cosine_rates), kExactBound);
  compare_relative(c, "lr_step", row(step_rates), kExactBound);
}

}  // namespace unblur::golden::pvdnet
