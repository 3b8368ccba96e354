// SPDX-License-Identifier: MIT
#include "step_parts.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "networks/networks.h"

namespace unblur {
namespace {

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

}  // namespace

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
    p.clips = {.blurred = cut(batch.blurred),
               .sharp = cut(batch.sharp),
               .flow = cut(batch.flow),
               .valid = cut(batch.valid),
               .context = batch.context};
  }
  return parts;
}

void LossSum::add(const at::Tensor& term, double weight, double share, double& shown) {
  shown += term.item<double>() * share;
  const at::Tensor weighted = term * (weight * share);
  total = total.defined() ? total + weighted : weighted;
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

TorchTensors inputs_at(const TorchGraph& net, const ClipBatch& batch, std::int64_t t, ValueRange range) {
  TorchTensors inputs;
  for (const Value v : net.graph().inputs()) {
    const auto& input = std::get<op::Input>(net.graph().node(v).op);
    const std::int64_t at = std::clamp<std::int64_t>(t + input.frame_offset, 0, batch.blurred.size(0) - 1);
    inputs[input.name] = range.to_network(batch.blurred[at]);
  }
  return inputs;
}

FlowTruth truth_at(const ClipBatch& whole, std::int64_t t, double limit) {
  const at::Tensor flow = whole.flow[t];
  const at::Tensor slow = flow.square().sum(1, /*keepdim=*/true) < limit * limit;
  return {flow, whole.valid[t] * slow};
}

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

at::Tensor blur_invariant_loss(const at::Tensor& flow, const Part& part, std::int64_t t) {
  at::Tensor total;
  for (const at::Tensor& one : flow.to(at::kFloat).split(part.size)) {
    const at::Tensor loss = blur_invariant_term(one, part.clips.sharp[t - 1], part.clips.sharp[t]).loss;
    total = total.defined() ? total + loss : loss;
  }
  return total * (static_cast<double>(part.size) / static_cast<double>(flow.size(0)));
}

EndPointError undirected_path_error(const TorchTensors& outputs, const Part& part, std::int64_t t,
                                    const StepOptions& options) {
  const auto found = outputs.find("control");
  const auto& g = part.whole->gather;
  EndPointError sum;
  if (found == outputs.end() || !g.defined()) return sum;
  const at::Tensor control =
      at::adaptive_avg_pool2d(found->second.detach().to(at::kFloat), {g.size(4), g.size(5)});
  const PathTruth truth = paths_like(part, t, control);
  const at::Tensor backwards = better_reversed(control, options.path_mode, truth);
  for (const EndPointError& bin :
       binned_path_error(control, options.path_mode, reversed_where(truth, backwards)))
    sum += bin;
  return sum;
}

PathTruth paths_like(const Part& part, std::int64_t t, const at::Tensor& map) {
  const PathTruth all = reduce_paths({part.whole->gather[t], part.whole->shown[t]}, map.size(2), map.size(3));
  return {all.gather.narrow(0, part.first, part.size), all.mask.narrow(0, part.first, part.size),
          all.mask.sum()};
}

}  // namespace unblur
