// SPDX-License-Identifier: MIT
#include "torch_observed.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "graph/error.h"
#include "torch_graph.h"

namespace unblur {
namespace {

bool is_source(const Node& node) {
  return std::holds_alternative<op::Input>(node.op) || std::holds_alternative<op::State>(node.op);
}

class TorchObserved final : public ObservedPlan {
 public:
  TorchObserved(std::shared_ptr<const Model> model, const torch::TensorOptions& options,
                const TorchMode& mode, int height, int width)
      : model_(std::move(model)),
        options_(options),
        mode_(mode),
        shapes_(infer_shapes(model_->graph, height, width)),
        net_(model_->graph, model_->parameters, options),
        values_(graph().nodes().size()),
        states_(graph().states().size()) {
    std::vector<Value> targets;
    for (const OutputSpec& o : graph().outputs()) targets.push_back(o.value);
    for (const StateSpec& s : graph().states()) targets.push_back(s.next);
    const std::vector<bool> needed = ancestors(graph(), targets);
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(needed.size()); ++i) {
      const Node& node = graph().node({i});
      if (is_source(node)) sources_.push_back({i});
      if (!needed[static_cast<std::size_t>(i)] || is_source(node)) continue;
      layers_.push_back({.name = node.name,
                         .op = std::string(op_name(node.op)),
                         .kernel = "LibTorch",
                         .covers = {{i}},
                         .operands = node.inputs,
                         .output = {i},
                         .completes = {{i}}});
    }
    last_reader_ = last_readers(needed, targets);
    std::vector<Value> initial;
    for (const StateSpec& s : graph().states()) {
      if (!s.zero) initial.push_back(s.initial);
    }
    first_ = ancestors(graph(), initial);
    last_first_reader_ = last_readers(first_, initial);
  }

  [[nodiscard]] std::span<const ObservedLayer> layers() const override { return layers_; }
  [[nodiscard]] std::span<const Value> sources() const override { return sources_; }

  void begin(const TensorMap& inputs, bool first) override {
    const at::NoGradGuard no_gradients;
    next_ = 0;
    std::ranges::fill(values_, torch::Tensor());
    for (const Value v : graph().inputs()) values_[index(v)] = checked(inputs, v).to(options_);
    if (first) set_initial_states();
    for (std::size_t i = 0; i < states_.size(); ++i)
      values_[index(graph().states()[i].read)] = std::exchange(states_[i], {});
  }

  void step() override {
    const at::NoGradGuard no_gradients;
    const Value output = layers_[next_++].output;
    run(output);
    note(held_bytes());
    release(output);
  }

  Tensor read(Value v) override { return from_torch(values_[index(v)]); }

  Tensor run_on(std::size_t i, std::span<const Tensor* const> operands) override {
    const at::NoGradGuard no_gradients;
    std::vector<torch::Tensor> moved;
    std::uint64_t bytes = 0;
    for (const Tensor* t : operands) bytes += moved.emplace_back(to_torch(*t).to(options_)).nbytes();
    const torch::Tensor result = apply(layers_[i].output, moved);
    note(held_bytes() + bytes + result.nbytes());
    return from_torch(result);
  }

  TensorMap finish() override {
    TensorMap outputs;
    for (const OutputSpec& o : graph().outputs()) outputs[o.name] = from_torch(values_[index(o.value)]);
    for (std::size_t i = 0; i < states_.size(); ++i) states_[i] = values_[index(graph().states()[i].next)];
    std::ranges::fill(values_, torch::Tensor());
    return outputs;
  }

  [[nodiscard]] std::uint64_t tensor_bytes() override {
    note(held_bytes());
    return std::exchange(most_bytes_, 0);
  }

 private:
  static std::size_t index(Value v) { return static_cast<std::size_t>(v.id); }
  [[nodiscard]] const Graph& graph() const { return model_->graph; }
  void note(std::uint64_t bytes) { most_bytes_ = std::max(most_bytes_, bytes); }
  /// A part of a tensor keeps the whole of it.
  [[nodiscard]] std::uint64_t held_bytes() const {
    std::map<const void*, std::uint64_t> storages;
    for (const auto* held : {&values_, &states_}) {
      for (const torch::Tensor& t : *held) {
        if (t.defined()) storages[t.storage().data()] = t.storage().nbytes();
      }
    }
    std::uint64_t bytes = 0;
    for (const auto& [data, size] : storages) bytes += size;
    return bytes;
  }

  /// The node that reads a value last, by value; none is beyond the end for what is kept.
  [[nodiscard]] std::vector<std::size_t> last_readers(const std::vector<bool>& mask,
                                                      std::span<const Value> kept) const {
    std::vector<std::size_t> last(graph().nodes().size());
    for (std::size_t i = 0; i < last.size(); ++i) {
      if (!mask[i]) continue;
      last[i] = i;
      for (const Value v : graph().nodes()[i].inputs) last[index(v)] = i;
    }
    for (const Value v : kept) last[index(v)] = last.size();
    return last;
  }

  [[nodiscard]] torch::Tensor checked(const TensorMap& inputs, Value v) const {
    const std::string& name = std::get<op::Input>(graph().node(v).op).name;
    const auto found = inputs.find(name);
    if (found == inputs.end()) throw InputError("there is no tensor for \"" + name + "\"");
    const Shape& s = shapes_[index(v)];
    if (found->second.dims != Dims{1, s.c, s.h, s.w}) {
      throw InputError(fmt::format("tensor \"{}\" is {}, its shape must be [1, {}, {}, {}]", name,
                                   to_string(found->second.dims), s.c, s.h, s.w));
    }
    return to_torch(found->second);
  }

  [[nodiscard]] torch::Tensor apply(Value v, std::span<const torch::Tensor> operands) const {
    const Node& node = graph().node(v);
    mode_.apply();
    try {
      return apply_op(node.op, operands, net_.parameters());
    } catch (const c10::Error& e) {
      throw ProcessingError(
          fmt::format("node '{}' ({}): {}", node.name, op_name(node.op), e.what_without_backtrace()));
    }
  }

  void run(Value v) {
    std::vector<torch::Tensor> operands;
    for (const Value operand : graph().node(v).inputs) operands.push_back(values_[index(operand)]);
    values_[index(v)] = apply(v, operands);
  }

  /// Lets go of what the layer was the last to read.
  void release(Value output) {
    const std::size_t done = index(output);
    for (std::size_t i = 0; i < last_reader_.size(); ++i) {
      if (last_reader_[i] <= done && i != done) values_[i].reset();
    }
  }

  void set_initial_states() {
    for (std::size_t i = 0; i < first_.size(); ++i) {
      const Node& node = graph().nodes()[i];
      if (!first_[i] || is_source(node)) continue;
      run({static_cast<std::int32_t>(i)});
      for (std::size_t j = 0; j <= i; ++j) {
        if (last_first_reader_[j] <= i && !is_source(graph().nodes()[j])) values_[j].reset();
      }
    }
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const StateSpec& s = graph().states()[i];
      const Shape& shape = shapes_[index(s.read)];
      states_[i] = s.zero ? at::zeros({1, shape.c, shape.h, shape.w}, options_) : values_[index(s.initial)];
    }
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (!is_source(graph().nodes()[i])) values_[i].reset();
    }
  }

  std::shared_ptr<const Model> model_;
  torch::TensorOptions options_;
  TorchMode mode_;
  std::vector<Shape> shapes_;
  TorchGraph net_;
  std::vector<ObservedLayer> layers_;
  std::vector<Value> sources_;
  std::vector<bool> first_;  ///< nodes that initial states need
  std::vector<std::size_t> last_reader_, last_first_reader_;
  std::vector<torch::Tensor> values_, states_;
  std::size_t next_ = 0;
  std::uint64_t most_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ObservedPlan> observe_torch(std::shared_ptr<const Model> model,
                                            const torch::TensorOptions& options, const TorchMode& mode,
                                            int height, int width) {
  return std::make_unique<TorchObserved>(std::move(model), options, mode, height, width);
}

}  // namespace unblur
