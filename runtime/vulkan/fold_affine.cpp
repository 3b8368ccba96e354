// SPDX-License-Identifier: MIT
// The pass that moves constant scales and shifts into convolution weights: y = W(s*x + t) + b is
// (W*s) x + (b + sum W*t), and s*(W x + b) + t is (s*W) x + (s*b + t).
#include <algorithm>
#include <optional>

#include "vulkan/passes.h"

namespace unblur::vk {
namespace {

/// scale[c] * x + shift[c].
struct PerChannel {
  std::vector<float> scale, shift;
  [[nodiscard]] bool shifts() const {
    return std::ranges::any_of(shift, [](float s) { return s != 0.0F; });
  }
};

std::optional<PerChannel> constants_of(const LoweredNode& node, int channels) {
  const auto count = static_cast<std::size_t>(channels);
  if (const auto* affine = std::get_if<op::Affine>(&node.op)) {
    return PerChannel{std::vector<float>(count, affine->scale), std::vector<float>(count, affine->shift)};
  }
  if (const auto* affine = std::get_if<op::ChannelAffine>(&node.op)) {
    const auto read = [&](const std::string& name, float otherwise) {
      return name.empty() ? std::vector<float>(count, otherwise) : node.parameters->at(name).to_floats();
    };
    return PerChannel{read(affine->scale, 1.0F), read(affine->shift, 0.0F)};
  }
  return std::nullopt;
}

/// Weights of a convolution in a form both directions can edit; store() makes them the node's own.
class Weights {
 public:
  Weights(const LoweredNode& node, const op::Conv2d& conv)
      : weight_(node.parameters->at(conv.weight)),
        values_(weight_.to_floats()),
        bias_(conv.bias.empty() ? std::vector<float>(static_cast<std::size_t>(conv.out_channels))
                                : node.parameters->at(conv.bias).to_floats()) {}

  void scale_outputs(const PerChannel& c) {
    const std::size_t per_output = values_.size() / bias_.size();
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] *= c.scale[i / per_output];
    for (std::size_t o = 0; o < bias_.size(); ++o) bias_[o] = bias_[o] * c.scale[o] + c.shift[o];
  }

  void scale_inputs(const PerChannel& c, int groups) {
    const auto inputs = static_cast<std::size_t>(weight_.dims[1]);  // per group
    const auto taps = static_cast<std::size_t>(weight_.dims[2] * weight_.dims[3]);
    const std::size_t outputs_per_group = bias_.size() / static_cast<std::size_t>(groups);
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const std::size_t o = i / (inputs * taps);
      const std::size_t channel = o / outputs_per_group * inputs + i / taps % inputs;
      bias_[o] += values_[i] * c.shift[channel];
      values_[i] *= c.scale[channel];
    }
  }

  void store(Lowered& graph, LoweredNode& node, op::Conv2d& conv) {
    conv.weight = node.name + "/weight";
    conv.bias = node.name + "/bias";
    (*graph.folded)[conv.weight] = Tensor::from_floats(weight_.dims, values_);
    (*graph.folded)[conv.bias] = Tensor::from_floats({static_cast<std::int64_t>(bias_.size())}, bias_);
    node.parameters = graph.folded.get();
  }

 private:
  const Tensor& weight_;
  std::vector<float> values_, bias_;
};

bool has_zero_border(const op::Conv2d& conv) {
  return conv.border == Border::kZero && !(conv.pad == Margins{});
}

/// Into the convolution that computes its operand.
bool fold_back(Lowered& graph, Value v, const PerChannel& constants) {
  const Value before = graph.at(v).inputs[0];
  LoweredNode& producer = graph.at(before);
  auto* conv = std::get_if<op::Conv2d>(&producer.op);
  if (conv == nullptr || !producer.alive || graph.uses(before) != 1 || graph.is_pinned(before)) return false;
  Weights weights(producer, *conv);
  weights.scale_outputs(constants);
  LoweredNode merged = producer;
  merged.covers.push_back(v);
  weights.store(graph, merged, std::get<op::Conv2d>(merged.op));
  producer.alive = false;
  graph.at(v) = std::move(merged);
  return true;
}

/// Into every convolution that reads it.
bool fold_forward(Lowered& graph, Value v, const PerChannel& constants) {
  if (graph.is_pinned(v)) return false;
  std::vector<LoweredNode*> readers;
  for (LoweredNode& node : graph.nodes) {
    if (!node.alive || std::ranges::find(node.inputs, v) == node.inputs.end()) continue;
    const auto* conv = std::get_if<op::Conv2d>(&node.op);
    if (conv == nullptr || (constants.shifts() && has_zero_border(*conv))) return false;
    readers.push_back(&node);
  }
  if (readers.empty()) return false;
  for (LoweredNode* reader : readers) {
    auto& conv = std::get<op::Conv2d>(reader->op);
    Weights weights(*reader, conv);
    weights.scale_inputs(constants, conv.groups);
    weights.store(graph, *reader, conv);
    reader->inputs[0] = graph.at(v).inputs[0];
    reader->covers.insert(reader->covers.begin(), v);
  }
  graph.at(v).alive = false;
  return true;
}

}  // namespace

void fold_affine(Lowered& graph) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph.nodes.size()); ++i) {
    const Value v{i};
    if (!graph.at(v).alive) continue;
    const auto constants = constants_of(graph.at(v), graph.shape(v).c);
    if (!constants) continue;
    if (!fold_back(graph, v, *constants)) (void)fold_forward(graph, v, *constants);
  }
}

}  // namespace unblur::vk
