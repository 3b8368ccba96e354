// SPDX-License-Identifier: MIT
#include "steps.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>

#include <algorithm>
#include <cmath>

namespace unblur {
namespace {

/// Autocast to bfloat16 within a scope, where wanted.
class Autocast {
 public:
  Autocast(bool wanted, c10::DeviceType device) : wanted_(wanted), device_(device) {
    if (!wanted_) return;
    at::autocast::set_autocast_dtype(device_, at::kBFloat16);
    at::autocast::set_autocast_enabled(device_, true);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!wanted_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device_, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool wanted_;
  c10::DeviceType device_;
};

/// Weights as fp16 would hold them within a scope; the update goes to the full ones.
class HalfWeights {
 public:
  HalfWeights(bool wanted, TorchTensors& parameters) : parameters_(parameters) {
    if (!wanted) return;
    const at::NoGradGuard no_grad;
    for (auto& [name, value] : parameters_) {
      full_[name] = value.detach().clone();
      value.copy_(value.to(at::kHalf));
    }
  }
  ~HalfWeights() { restore(); }
  HalfWeights(const HalfWeights&) = delete;
  HalfWeights& operator=(const HalfWeights&) = delete;
  void restore() {
    const at::NoGradGuard no_grad;
    for (auto& [name, value] : full_) parameters_.find(name)->second.copy_(value);
    full_.clear();
  }

 private:
  TorchTensors& parameters_;
  TorchTensors full_;
};

TorchTensors inputs_at(const TorchGraph& net, const ClipBatch& batch, std::int64_t t) {
  TorchTensors inputs;
  for (const Value v : net.graph().inputs()) {
    const auto& input = std::get<op::Input>(net.graph().node(v).op);
    const std::int64_t at = std::clamp<std::int64_t>(t + input.frame_offset, 0, batch.frames() - 1);
    inputs[input.name] = batch.blurred[at];
  }
  return inputs;
}

FlowTruth truth_at(const ClipBatch& batch, std::int64_t t, double limit) {
  const at::Tensor flow = batch.flow[t];
  const at::Tensor slow = flow.square().sum(1, /*keepdim=*/true) < limit * limit;
  return {flow, batch.valid[t] * slow};
}

FlowTruth truth_like(const FlowTruth& full, const at::Tensor& map) {
  return reduce_flow(full, static_cast<int>(map.size(2)), static_cast<int>(map.size(3)));
}

TorchTensors detached(const TorchTensors& tensors) {
  TorchTensors out;
  for (const auto& [name, value] : tensors) out[name] = value.detach();
  return out;
}

double mean_square(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach() - b).square().mean().item<double>();
}

/// The joint losses of one frame, each already weighted by its place in the clip but not by its kind.
struct FrameLosses {
  at::Tensor total;
  double picture = 0, auxiliary = 0, motion = 0, temporal = 0;
};

FrameLosses frame_losses(const TorchTensors& outputs, const ClipBatch& batch, std::int64_t t,
                         const at::Tensor& previous_output, const JointStepOptions& options,
                         StepReport& report) {
  const LossConfig& weights = options.loss;
  const at::Tensor target = batch.sharp[t];
  const at::Tensor output = outputs.at("frame").to(at::kFloat);
  const double place = t < 2 ? weights.first_frames : 1.0;
  FrameLosses l;
  const auto add = [&](const at::Tensor& term, double weight, double& shown) {
    shown = term.item<double>();
    const at::Tensor weighted = term * (weight * place);
    l.total = l.total.defined() ? l.total + weighted : weighted;
  };
  add(picture_loss(output, target, weights.frequency), 1.0, l.picture);
  at::Tensor auxiliary;
  for (const char* name : {"aux2", "aux4"}) {
    const auto found = outputs.find(name);
    if (found == outputs.end() || weights.auxiliary == 0) continue;
    const at::Tensor term = picture_loss(found->second.to(at::kFloat), target, weights.frequency);
    auxiliary = auxiliary.defined() ? auxiliary + term : term;
  }
  if (auxiliary.defined()) add(auxiliary, weights.auxiliary, l.auxiliary);
  if (t > 0) {
    const FlowTruth truth = truth_at(batch, t, weights.motion_limit);
    const at::Tensor fine = outputs.at("flow").to(at::kFloat),
                     coarse = outputs.at("flow_coarse").to(at::kFloat);
    const FlowTruth truth8 = truth_like(truth, fine);
    report.epe += end_point_error(fine, truth8);
    if (weights.motion > 0) {
      add(motion_loss(fine, truth8) + motion_loss(coarse, truth_like(truth, coarse)), weights.motion,
          l.motion);
    }
    if (options.temporal && weights.temporal > 0) {
      add(temporal_loss(output, previous_output, target, batch.sharp[t - 1], truth), weights.temporal,
          l.temporal);
    }
  }
  report.input_mse += mean_square(batch.blurred[t], target);
  report.output_mse += mean_square(output, target);
  return l;
}

TorchWanted joint_outputs(const TorchGraph& net, bool half) {
  TorchWanted wanted = net.everything();
  if (half) wanted.replace = [](Value, const at::Tensor& x) { return round_to_half(x); };
  return wanted;
}

}  // namespace

bool StepReport::finite() const { return std::isfinite(loss) && std::isfinite(gradient_norm); }

at::Tensor round_to_half(const at::Tensor& x) {
  const at::Tensor value = x.detach();
  // Clamped, since fp16 storage of a value beyond its range would be an infinity that training cannot mend.
  return x + (value.clamp(-65504.0, 65504.0).to(at::kHalf).to(value.scalar_type()) - value);
}

StepReport motion_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch, double rate_factor,
                       double motion_limit, const AfterUpdate& after) {
  StepReport report;
  TorchWanted features, flows;
  for (const StateSpec& s : net.graph().states()) {
    if (s.name.starts_with("flow_features")) features.states.push_back(s.name);
  }
  flows.states = features.states;
  flows.outputs = {"flow", "flow_coarse"};
  const std::int64_t frames = batch.frames();
  TorchTensors states = net.forward(inputs_at(net, batch, 0), {}, features).states;
  at::Tensor total;
  for (std::int64_t t = 1; t < frames; ++t) {
    TorchStep step = net.forward(inputs_at(net, batch, t), states, flows);
    states = std::move(step.states);
    const FlowTruth truth = truth_at(batch, t, motion_limit);
    const at::Tensor& fine = step.outputs.at("flow");
    const at::Tensor& coarse = step.outputs.at("flow_coarse");
    const FlowTruth truth8 = truth_like(truth, fine);
    const at::Tensor loss = motion_loss(fine, truth8) + motion_loss(coarse, truth_like(truth, coarse));
    total = total.defined() ? total + loss : loss;
    report.epe += end_point_error(fine, truth8);
  }
  total = total / static_cast<double>(frames - 1);
  optimiser.zero_gradients();
  total.backward();
  report.loss = report.motion = total.item<double>();
  report.gradient_norm = optimiser.step(rate_factor);
  after();
  return report;
}

StepReport joint_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch, double rate_factor,
                      const JointStepOptions& options, const AfterUpdate& after) {
  StepReport report;
  const TorchWanted wanted = joint_outputs(net, options.round_to_half);
  const std::int64_t frames = batch.frames();
  TorchTensors states;
  at::Tensor previous;
  for (std::int64_t begin = 0; begin < frames; begin += options.segment) {
    const std::int64_t end = std::min<std::int64_t>(begin + options.segment, frames);
    HalfWeights half(options.round_to_half, net.parameters());
    at::Tensor total;
    for (std::int64_t t = begin; t < end; ++t) {
      TorchStep step;
      {
        const Autocast autocast(options.bf16, batch.blurred.device().type());
        step = net.forward(inputs_at(net, batch, t), states, wanted);
      }
      const FrameLosses l = frame_losses(step.outputs, batch, t, previous, options, report);
      total = total.defined() ? total + l.total : l.total;
      report.picture += l.picture, report.auxiliary += l.auxiliary;
      report.motion += l.motion, report.temporal += l.temporal;
      previous = step.outputs.at("frame").to(at::kFloat);
      states = std::move(step.states);
    }
    total = total / static_cast<double>(end - begin);
    optimiser.zero_gradients();
    total.backward();
    half.restore();
    report.loss += total.item<double>() * static_cast<double>(end - begin);
    report.gradient_norm = optimiser.step(rate_factor);
    after();
    states = detached(states);
    previous = previous.detach();
  }
  const auto n = static_cast<double>(frames);
  for (double* value : {&report.loss, &report.picture, &report.auxiliary, &report.motion, &report.temporal,
                        &report.input_mse, &report.output_mse}) {
    *value /= n;
  }
  return report;
}

}  // namespace unblur
