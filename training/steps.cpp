// SPDX-License-Identifier: MIT
#include "steps.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "networks/networks.h"

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

TorchTensors inputs_at(const TorchGraph& net, const ClipBatch& batch, std::int64_t t, ValueRange range) {
  TorchTensors inputs;
  for (const Value v : net.graph().inputs()) {
    const auto& input = std::get<op::Input>(net.graph().node(v).op);
    const std::int64_t at = std::clamp<std::int64_t>(t + input.frame_offset, 0, batch.blurred.size(0) - 1);
    inputs[input.name] = range.to_network(batch.blurred[at]);
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
  double segment_loss = 0;
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
    p.clips = {cut(batch.blurred), cut(batch.sharp), cut(batch.flow), cut(batch.valid), batch.context};
  }
  return parts;
}

/// Truth of a frame of the whole batch.
FlowTruth truth_at(const ClipBatch& whole, std::int64_t t, double limit) {
  const at::Tensor flow = whole.flow[t];
  const at::Tensor slow = flow.square().sum(1, /*keepdim=*/true) < limit * limit;
  return {flow, whole.valid[t] * slow};
}

/// The part's clips of it at the scale of `map`, once for each combination that was stacked.
FlowTruth truth_like(const Part& part, const FlowTruth& whole, const at::Tensor& map) {
  const FlowTruth truth =
      part_of(reduce_flow(whole, static_cast<int>(map.size(2)), static_cast<int>(map.size(3))), part.first,
              part.size);
  const std::int64_t stacked = map.size(0) / part.size;
  if (stacked == 1) return truth;
  return {truth.flow.repeat({stacked, 1, 1, 1}), truth.mask.repeat({stacked, 1, 1, 1}),
          truth.count * stacked};
}

/// The flows that are trained, the finest first; at least the coarsest.
std::vector<std::string> trained_flows(const Graph& graph, int skipped) {
  std::vector<std::string> names = motion_outputs(graph);
  const auto left_out = std::min<std::ptrdiff_t>(skipped, std::ssize(names) - 1);
  names.erase(names.begin(), names.begin() + left_out);
  return names;
}

/// Loss of these flow outputs of a frame; counts end-point errors of the first, the finest.
at::Tensor truth_losses(const std::vector<std::string>& names, const TorchTensors& outputs,
                        const FlowTruth& whole, Part& part) {
  at::Tensor total;
  for (const std::string& name : names) {
    const at::Tensor flow = outputs.at(name).to(at::kFloat);
    const FlowTruth truth = truth_like(part, whole, flow);
    if (name == names.front()) part.report.epe += end_point_error(flow, truth);
    const at::Tensor loss = motion_loss(flow, truth);
    total = total.defined() ? total + loss : loss;
  }
  return total;
}

/// Neighbouring frames; several combinations of blurred and sharp are stacked along the batch.
struct FramePairs {
  at::Tensor previous, current;
};

FramePairs pairs_at(const Part& part, std::int64_t t, PairPictures pictures) {
  const ClipBatch& c = part.clips;
  if (pictures == PairPictures::kBlurred) return {c.blurred[t - 1], c.blurred[t]};
  if (pictures == PairPictures::kAll) {  // the previous frame's kind first: bb, bs, sb, ss
    return {at::cat({c.blurred[t - 1], c.blurred[t - 1], c.sharp[t - 1], c.sharp[t - 1]}),
            at::cat({c.blurred[t], c.sharp[t], c.blurred[t], c.sharp[t]})};
  }
  std::vector<at::Tensor> previous, current;
  for (std::int64_t i = 0; i < part.size; ++i) {
    const std::int64_t combination = (part.first + i + t) % 4;
    previous.push_back((combination / 2 == 0 ? c.blurred : c.sharp)[t - 1][i]);
    current.push_back((combination % 2 == 0 ? c.blurred : c.sharp)[t][i]);
  }
  return {at::stack(previous), at::stack(current)};
}

TorchTensors flow_inputs(const Graph& graph, const FramePairs& pairs, ValueRange range) {
  TorchTensors inputs;
  for (const Value v : graph.inputs()) {
    const auto& input = std::get<op::Input>(graph.node(v).op);
    if (input.frame_offset == 0) inputs[input.name] = range.to_network(pairs.current);
    if (input.frame_offset == -1) inputs[input.name] = range.to_network(pairs.previous);
  }
  return inputs;
}

/// Mean over the combinations in the output "flow" of pairs_at(kAll).
at::Tensor blur_invariant_loss(const at::Tensor& flow, const Part& part, std::int64_t t) {
  at::Tensor total;
  for (const at::Tensor& one : flow.to(at::kFloat).split(part.size)) {
    const at::Tensor loss = blur_invariant_term(one, part.clips.sharp[t - 1], part.clips.sharp[t]).loss;
    total = total.defined() ? total + loss : loss;
  }
  return total * (static_cast<double>(part.size) / static_cast<double>(flow.size(0)));
}

TorchWanted wanting(TorchWanted wanted, const StepOptions& options) {
  wanted.observe = options.observe;
  if (options.constants.empty() && !options.round_to_half) return wanted;
  wanted.replace = [&options](Value v, const at::Tensor& x) {
    const at::Tensor y = options.round_to_half ? round_to_half(x) : x;
    const bool constant =
        std::find(options.constants.begin(), options.constants.end(), v) != options.constants.end();
    return constant ? y.detach() : y;
  };
  return wanted;
}

at::Tensor image_loss(const at::Tensor& output, const at::Tensor& target, const StepOptions& options) {
  if (options.loss.picture == PictureLoss::kCharbonnier)
    return picture_loss(output, target, options.loss.frequency);
  const double span = options.range.span();
  return (output - target).square().mean() * (span * span);
}

/// The joint losses of one frame, each weighted by its place in the clip; the report gets them unweighted.
at::Tensor frame_losses(const TorchGraph& net, const TorchTensors& outputs, Part& part, std::int64_t t,
                        const StepOptions& options) {
  const LossConfig& weights = options.loss;
  const at::Tensor target = part.clips.sharp[t];
  const at::Tensor output = options.range.from_network(outputs.at("frame").to(at::kFloat));
  const double place = t - part.clips.begin() < 2 ? weights.first_frames : 1.0;
  at::Tensor total;
  const auto add = [&](const at::Tensor& term, double weight, double share, double& shown) {
    shown += term.item<double>() * share;
    const at::Tensor weighted = term * (weight * place * share);
    total = total.defined() ? total + weighted : weighted;
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
  if (t > 0) {
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
  part.previous = output;
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

/// One frame of the joint training, forward.
at::Tensor joint_frame(const TorchGraph& net, const StepOptions& options, std::int64_t t, Part& part) {
  TorchStep step;
  {
    const Autocast autocast(options.bf16, part.clips.blurred.device().type());
    step = net.forward(inputs_at(net, part.clips, t, options.range), part.states,
                       wanting(net.everything(), options));
  }
  part.states = std::move(step.states);
  return frame_losses(net, step.outputs, part, t, options);
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
  for (double* value : {&report.loss, &report.picture, &report.auxiliary, &report.motion, &report.temporal,
                        &report.input_mse, &report.output_mse}) {
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
  input_mse += o.input_mse, output_mse += o.output_mse;
  epe += o.epe;
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
