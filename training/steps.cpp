// SPDX-License-Identifier: MIT
#include "steps.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <iterator>

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

TorchTensors detached(const TorchTensors& tensors) {
  TorchTensors out;
  for (const auto& [name, value] : tensors) out[name] = value.detach();
  return out;
}

double mean_square(const at::Tensor& a, const at::Tensor& b) {
  return (a.detach() - b).square().mean().item<double>();
}

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
  StepReport report;
};

std::vector<Part> split(const ClipBatch& batch, int wanted) {
  const std::int64_t clips = batch.blurred.size(1), count = std::min<std::int64_t>(wanted, clips);
  std::vector<Part> parts(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    Part& p = parts[static_cast<std::size_t>(i)];
    p.whole = &batch;
    p.first = clips * i / count;
    p.size = clips * (i + 1) / count - p.first;
    p.share = static_cast<double>(p.size) / static_cast<double>(clips);
    const auto cut = [&](const at::Tensor& x) { return x.narrow(1, p.first, p.size); };
    p.clips = {cut(batch.blurred), cut(batch.sharp), cut(batch.flow), cut(batch.valid)};
  }
  return parts;
}

/// Truth of a frame of the whole batch.
FlowTruth truth_at(const ClipBatch& whole, std::int64_t t, double limit) {
  const at::Tensor flow = whole.flow[t];
  const at::Tensor slow = flow.square().sum(1, /*keepdim=*/true) < limit * limit;
  return {flow, whole.valid[t] * slow};
}

/// The part's clips of it at the scale of `map`.
FlowTruth truth_like(const Part& part, const FlowTruth& whole, const at::Tensor& map) {
  return part_of(reduce_flow(whole, static_cast<int>(map.size(2)), static_cast<int>(map.size(3))), part.first,
                 part.size);
}

/// Loss of the outputs "flow" and "flow_coarse" of a frame; counts end-point errors.
at::Tensor flow_losses(const TorchTensors& outputs, const FlowTruth& truth, Part& part) {
  const at::Tensor fine = outputs.at("flow").to(at::kFloat),
                   coarse = outputs.at("flow_coarse").to(at::kFloat);
  const FlowTruth truth8 = truth_like(part, truth, fine);
  part.report.epe += end_point_error(fine, truth8);
  return motion_loss(fine, truth8) + motion_loss(coarse, truth_like(part, truth, coarse));
}

/// The joint losses of one frame, each weighted by its place in the clip; the report gets them unweighted.
at::Tensor frame_losses(const TorchTensors& outputs, Part& part, std::int64_t t,
                        const JointStepOptions& options) {
  const LossConfig& weights = options.loss;
  const at::Tensor target = part.clips.sharp[t];
  const at::Tensor output = outputs.at("frame").to(at::kFloat);
  const double place = t < 2 ? weights.first_frames : 1.0;
  at::Tensor total;
  const auto add = [&](const at::Tensor& term, double weight, double share, double& shown) {
    shown += term.item<double>() * share;
    const at::Tensor weighted = term * (weight * place * share);
    total = total.defined() ? total + weighted : weighted;
  };
  add(picture_loss(output, target, weights.frequency), 1.0, part.share, part.report.picture);
  at::Tensor auxiliary;
  for (const char* name : {"aux2", "aux4"}) {
    const auto found = outputs.find(name);
    if (found == outputs.end() || weights.auxiliary == 0) continue;
    const at::Tensor term = picture_loss(found->second.to(at::kFloat), target, weights.frequency);
    auxiliary = auxiliary.defined() ? auxiliary + term : term;
  }
  if (auxiliary.defined()) add(auxiliary, weights.auxiliary, part.share, part.report.auxiliary);
  if (t > 0) {
    const FlowTruth truth = truth_at(*part.whole, t, weights.motion_limit);
    const at::Tensor motion = flow_losses(outputs, truth, part);
    if (weights.motion > 0) add(motion, weights.motion, 1.0, part.report.motion);
    if (options.temporal && weights.temporal > 0) {
      add(temporal_loss(output, part.previous, target, part.clips.sharp[t - 1],
                        part_of(truth, part.first, part.size)),
          weights.temporal, 1.0, part.report.temporal);
    }
  }
  part.report.input_mse += mean_square(part.clips.blurred[t], target) * part.share;
  part.report.output_mse += mean_square(output, target) * part.share;
  return total;
}

std::vector<at::Tensor> gradients_of(const at::Tensor& loss, const Optimiser& optimiser) {
  std::vector<at::Tensor> leaves;
  for (const auto& p : optimiser.parameters()) leaves.push_back(p.value);
  return torch::autograd::grad({loss}, leaves, {}, /*retain_graph=*/false, /*create_graph=*/false,
                               /*allow_unused=*/true);
}

/// Always in the order of the parts, so that equal runs have equal bits.
void set_gradients(Optimiser& optimiser, const std::vector<Part>& parts) {
  for (std::size_t i = 0; i < optimiser.parameters().size(); ++i) {
    at::Tensor sum;
    for (const Part& p : parts) {
      const at::Tensor& g = p.gradients[i];
      if (g.defined()) sum = sum.defined() ? sum + g : g;
    }
    optimiser.set_gradient(i, sum);
  }
}

void motion_part(const TorchGraph& net, const Optimiser& optimiser, double motion_limit, Part& part) {
  TorchWanted features, flows;
  for (const StateSpec& s : net.graph().states()) {
    if (s.name.starts_with("flow_features")) features.states.push_back(s.name);
  }
  flows.states = features.states;
  flows.outputs = {"flow", "flow_coarse"};
  const std::int64_t frames = part.clips.frames();
  part.states = net.forward(inputs_at(net, part.clips, 0), {}, features).states;
  at::Tensor total;
  for (std::int64_t t = 1; t < frames; ++t) {
    TorchStep step = net.forward(inputs_at(net, part.clips, t), part.states, flows);
    part.states = std::move(step.states);
    const at::Tensor loss = flow_losses(step.outputs, truth_at(*part.whole, t, motion_limit), part);
    total = total.defined() ? total + loss : loss;
  }
  total = total / static_cast<double>(frames - 1);
  part.report.loss = part.report.motion = total.item<double>();
  part.gradients = gradients_of(total, optimiser);
}

/// Frames `begin` to `end` - 1 of a part, forward and backward.
void joint_segment(const TorchGraph& net, const Optimiser& optimiser, const TorchWanted& wanted,
                   const JointStepOptions& options, std::int64_t begin, std::int64_t end, Part& part) {
  at::Tensor total;
  for (std::int64_t t = begin; t < end; ++t) {
    TorchStep step;
    {
      const Autocast autocast(options.bf16, part.clips.blurred.device().type());
      step = net.forward(inputs_at(net, part.clips, t), part.states, wanted);
    }
    const at::Tensor loss = frame_losses(step.outputs, part, t, options);
    total = total.defined() ? total + loss : loss;
    part.previous = step.outputs.at("frame").to(at::kFloat);
    part.states = std::move(step.states);
  }
  part.report.loss += total.item<double>();
  part.gradients = gradients_of(total / static_cast<double>(end - begin), optimiser);
  part.states = detached(part.states);
  part.previous = part.previous.detach();
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

StepReport& StepReport::operator+=(const StepReport& o) {
  loss += o.loss, picture += o.picture, auxiliary += o.auxiliary, motion += o.motion, temporal += o.temporal;
  input_mse += o.input_mse, output_mse += o.output_mse;
  epe += o.epe;
  return *this;
}

StepReport motion_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch, double rate_factor,
                       double motion_limit, Replicas& replicas, const AfterUpdate& after) {
  std::vector<Part> parts = split(batch, replicas.count());
  replicas.run(std::ssize(parts), [&](std::int64_t i) {
    motion_part(net, optimiser, motion_limit, parts[static_cast<std::size_t>(i)]);
  });
  StepReport report;
  for (const Part& p : parts) report += p.report;
  set_gradients(optimiser, parts);
  report.gradient_norm = optimiser.step(rate_factor);
  after();
  return report;
}

StepReport joint_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch, double rate_factor,
                      const JointStepOptions& options, Replicas& replicas, const AfterUpdate& after) {
  StepReport report;
  const TorchWanted wanted = joint_outputs(net, options.round_to_half);
  const std::int64_t frames = batch.frames();
  std::vector<Part> parts = split(batch, replicas.count());
  for (std::int64_t begin = 0; begin < frames; begin += options.segment) {
    const std::int64_t end = std::min<std::int64_t>(begin + options.segment, frames);
    HalfWeights half(options.round_to_half, net.parameters());
    replicas.run(std::ssize(parts), [&](std::int64_t i) {
      joint_segment(net, optimiser, wanted, options, begin, end, parts[static_cast<std::size_t>(i)]);
    });
    half.restore();
    set_gradients(optimiser, parts);
    report.gradient_norm = optimiser.step(rate_factor);
    after();
  }
  for (const Part& p : parts) report += p.report;
  const auto n = static_cast<double>(frames);
  for (double* value : {&report.loss, &report.picture, &report.auxiliary, &report.motion, &report.temporal,
                        &report.input_mse, &report.output_mse}) {
    *value /= n;
  }
  return report;
}

}  // namespace unblur
