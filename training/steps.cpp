// SPDX-License-Identifier: MIT
#include "steps.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "networks/networks.h"
#include "step_parts.h"

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

TorchTensors detached(const TorchTensors& tensors) {
  TorchTensors out;
  for (const auto& [name, value] : tensors) out[name] = value.detach();
  return out;
}

/// The flows that are trained, the finest first; at least the coarsest.
std::vector<std::string> trained_flows(const Graph& graph, int skipped) {
  std::vector<std::string> names = motion_outputs(graph);
  const auto left_out = std::min<std::ptrdiff_t>(skipped, std::ssize(names) - 1);
  names.erase(names.begin(), names.begin() + left_out);
  return names;
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

/// Losses of the flow between frames t - 1 and t. Feature states, where a network has them, hold the frame
/// before and are carried on.
at::Tensor pair_losses(const TorchGraph& net, const StepOptions& options, std::int64_t t, Part& part) {
  const LossConfig& weights = options.loss;
  const std::vector<std::string> flows = trained_flows(net.graph(), options.skipped_flows);
  TorchWanted wanted = wanting({.outputs = flows, .states = {}}, options);
  TorchStep step;
  if (part.states.empty()) {
    const PairPictures pictures = weights.blur_invariant > 0 ? PairPictures::kAll : options.pictures;
    step = net.forward(flow_inputs(net.graph(), pairs_at(part, t, pictures), options.range), {}, wanted);
  } else {
    for (const auto& [name, value] : part.states) wanted.states.push_back(name);
    step = net.forward(inputs_at(net, part.clips, t, options.range), part.states, wanted);
    part.states = std::move(step.states);
  }
  const FlowTruth truth = truth_at(*part.whole, t, weights.motion_limit);
  at::Tensor total = truth_losses(flows, step.outputs, truth, part);
  part.report.motion += total.item<double>();
  total = total * weights.motion;
  if (weights.blur_invariant > 0) {
    const at::Tensor invariant = blur_invariant_loss(step.outputs.at("flow"), part, t) * part.share;
    part.report.motion += invariant.item<double>();
    total = total + invariant * weights.blur_invariant;
  }
  return total;
}

/// What frame `t` of a clip brings on: the features that the motion branch compares the next frame with.
void start_motion(const TorchGraph& net, const StepOptions& options, std::int64_t t, Part& part) {
  TorchWanted features;
  for (const StateSpec& s : net.graph().states()) {
    if (s.name.starts_with("flow_features")) features.states.push_back(s.name);
  }
  if (!features.states.empty())
    part.states = net.forward(inputs_at(net, part.clips, t, options.range), {}, features).states;
}

/// What the losses of a recipe read, and the states that are carried on.
TorchWanted joint_wanted(const TorchGraph& net, const StepOptions& options) {
  TorchWanted wanted = net.everything();
  // Paths are learned at the scales they are predicted at, not enlarged.
  if (options.recipe == Recipe::kTrajectories) std::erase(wanted.outputs, "control");
  return wanting(std::move(wanted), options);
}

/// One frame of the joint training, forward.
at::Tensor joint_frame(const TorchGraph& net, const StepOptions& options, std::int64_t t, Part& part) {
  TorchStep step;
  {
    const Autocast autocast(options.bf16, part.clips.blurred.device().type());
    step = net.forward(inputs_at(net, part.clips, t, options.range), part.states, joint_wanted(net, options));
  }
  part.states = std::move(step.states);
  switch (options.recipe) {
    case Recipe::kTrajectories:
      return trajectory_losses(net, step.outputs, part, t, options);
    case Recipe::kReblur:
      return reblur_losses(net, step.outputs, part, t, options);
    case Recipe::kPictures:
      break;
  }
  return picture_losses(net, step.outputs, part, t, options);
}

using FrameLoss = std::function<at::Tensor(std::int64_t, Part&)>;

/// Frames `begin` to `end` - 1 of a part, forward and backward.
void segment_of(const FrameLoss& frame, const Optimiser& optimiser, std::int64_t begin, std::int64_t end,
                Part& part) {
  at::Tensor total;
  for (std::int64_t t = begin; t < end; ++t) {
    const at::Tensor loss = frame(t, part);
    total = total.defined() ? total + loss : loss;
  }
  part.segment_loss = total.item<double>();
  part.report.loss += part.segment_loss;
  part.gradients = gradients_of(total / static_cast<double>(end - begin), optimiser);
  part.states = detached(part.states);
  if (part.previous.defined()) part.previous = part.previous.detach();
}

/// Frames `first` to `last` - 1 of a batch, an update after each segment.
StepReport train_frames(const FrameLoss& frame, TorchGraph& net, Optimiser& optimiser,
                        std::vector<Part>& parts, std::int64_t first, std::int64_t last,
                        const StepOptions& options, Replicas& replicas, const AfterUpdate& after) {
  StepReport report;
  const std::int64_t length = options.segment > 0 ? options.segment : last - first;
  std::int64_t update = 0;
  for (std::int64_t begin = first; begin < last; begin += length, ++update) {
    const std::int64_t end = std::min(begin + length, last);
    HalfWeights half(options.round_to_half, net.parameters());
    replicas.run(std::ssize(parts), [&](std::int64_t i) {
      segment_of(frame, optimiser, begin, end, parts[static_cast<std::size_t>(i)]);
    });
    half.restore();
    set_gradients(optimiser, parts);
    report.gradient_norm = optimiser.step(options.rate ? options.rate(update) : 1.0);
    double loss = 0;
    for (const Part& p : parts) loss += p.segment_loss / static_cast<double>(end - begin);
    after({.loss = loss, .gradient_norm = report.gradient_norm});
  }
  for (const Part& p : parts) report += p.report;
  const auto n = static_cast<double>(last - first);
  for (double* value :
       {&report.loss, &report.picture, &report.path, &report.auxiliary, &report.motion, &report.temporal,
        &report.structure, &report.variation, &report.magnitude, &report.input_mse, &report.output_mse}) {
    *value /= n;
  }
  return report;
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
  path += o.path;
  structure += o.structure, variation += o.variation, magnitude += o.magnitude;
  input_mse += o.input_mse, output_mse += o.output_mse;
  epe += o.epe;
  for (std::size_t b = 0; b < paths.size(); ++b) paths[b] += o.paths[b];
  still += o.still;
  return *this;
}

StepReport motion_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch,
                       const StepOptions& options, Replicas& replicas, const AfterUpdate& after) {
  std::vector<Part> parts = split(batch, replicas.count());
  const std::int64_t first = std::max<std::int64_t>(batch.begin(), 1);
  const FrameLoss frame = [&](std::int64_t t, Part& part) {
    if (t == first) start_motion(net, options, t - 1, part);
    return pair_losses(net, options, t, part);
  };
  return train_frames(frame, net, optimiser, parts, first, batch.end(), options, replicas, after);
}

StepReport joint_step(TorchGraph& net, Optimiser& optimiser, const ClipBatch& batch,
                      const StepOptions& options, Replicas& replicas, const AfterUpdate& after) {
  std::vector<Part> parts = split(batch, replicas.count());
  const FrameLoss frame = [&](std::int64_t t, Part& part) { return joint_frame(net, options, t, part); };
  return train_frames(frame, net, optimiser, parts, batch.begin(), batch.end(), options, replicas, after);
}

}  // namespace unblur
