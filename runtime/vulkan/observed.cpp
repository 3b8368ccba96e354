// SPDX-License-Identifier: MIT
#include "vulkan/observed.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "graph/error.h"
#include "vulkan/layout.h"
#include "vulkan/program.h"

namespace unblur::vk {
namespace {

std::uint64_t buffer_bytes(const TensorView& view) {
  return row_bytes(view) * static_cast<std::uint64_t>(view.h);
}

Tensor float_tensor(const Shape& s) { return Tensor(DType::kF32, {1, s.c, s.h, s.w}); }

/// A program whose steps run one by one. Between them values wait on the host, planar and without padding, so
/// that no more memory is taken than their lifetimes ask for; on the device there is one step's at a time.
class StepRunner {
 public:
  /// The first `kept` of the plan's outputs can be read until the end.
  StepRunner(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines, Plan plan,
             std::size_t kept)
      : device_(std::move(device)),
        pipelines_(std::move(pipelines)),
        program_(device_, *pipelines_, std::move(plan)) {
    find_last_steps(kept);
  }

  [[nodiscard]] const Plan& plan() const { return program_.plan(); }
  [[nodiscard]] const PlannedStep& step(std::size_t i) const { return plan().steps[i]; }

  /// `states`: as they are read.
  void begin(const Graph& graph, const TensorMap& inputs, std::vector<Tensor> states);
  void run_step(std::size_t index);
  [[nodiscard]] Tensor run_on(std::size_t index, std::span<const std::span<const float>> operands);
  [[nodiscard]] Tensor read(Value v) const;
  /// What the frame leaves in state `i`; nothing where it does not feed it.
  [[nodiscard]] std::optional<Tensor> next_state(int i) const;
  void clear() { held_.clear(); }
  /// Most since the last call.
  [[nodiscard]] std::uint64_t most_bytes();

 private:
  void note(std::uint64_t bytes) { most_bytes_ = std::max(most_bytes_, bytes); }
  [[nodiscard]] std::uint64_t held_bytes() const;
  void find_last_steps(std::size_t kept);
  void put(Value v, Tensor value);
  [[nodiscard]] std::span<const float> channels(Value v) const;
  [[nodiscard]] Buffer buffer_like(Value v, std::span<const float> values) const;

  std::shared_ptr<Device> device_;
  std::shared_ptr<Pipelines> pipelines_;
  Program program_;
  std::map<std::int32_t, Tensor> held_;             ///< by the value that owns the buffer in the plan
  std::map<std::int32_t, std::size_t> last_steps_;  ///< likewise: the last that touches it, if it may go then
  std::uint64_t most_bytes_ = 0;
};

void StepRunner::find_last_steps(std::size_t kept) {
  const Lowered& graph = plan().graph;
  const auto touch = [&](Value v, std::size_t step) { last_steps_[graph.root(v).parent.id] = step; };
  for (std::size_t i = 0; i < plan().steps.size(); ++i) {
    for (const Value v : step(i).operands) touch(v, i);
    touch(step(i).output, i);
  }
  for (std::size_t i = 0; i < kept; ++i) last_steps_.erase(graph.root(plan().outputs[i]).parent.id);
  std::erase_if(last_steps_, [&](const auto& entry) {
    return plan().residences[static_cast<std::size_t>(entry.first)].home == Home::kStateNext;
  });
}

void StepRunner::put(Value v, Tensor value) {
  const Lowered& graph = plan().graph;
  const Placement place = graph.root(v);
  const Shape &shape = graph.shape(v), &whole = graph.shape(place.parent);
  if (shape == whole) {
    held_[place.parent.id] = std::move(value);
    return;
  }
  const auto [entry, is_new] = held_.try_emplace(place.parent.id);
  if (is_new) {
    entry->second = float_tensor(whole);
    std::ranges::fill(entry->second.f32(), std::numeric_limits<float>::quiet_NaN());
  }
  const auto plane = static_cast<std::ptrdiff_t>(whole.h) * whole.w;
  std::ranges::copy(value.f32(), entry->second.f32().begin() + place.offset * plane);
}

std::span<const float> StepRunner::channels(Value v) const {
  const Lowered& graph = plan().graph;
  const Placement place = graph.root(v);
  const Shape& shape = graph.shape(v);
  const std::size_t plane = static_cast<std::size_t>(shape.h) * static_cast<std::size_t>(shape.w);
  return held_.at(place.parent.id)
      .f32()
      .subspan(static_cast<std::size_t>(place.offset) * plane, static_cast<std::size_t>(shape.c) * plane);
}

Tensor StepRunner::read(Value v) const {
  const Shape& s = plan().graph.shape(v);
  return Tensor::from_floats({1, s.c, s.h, s.w}, channels(v));
}

void StepRunner::begin(const Graph& graph, const TensorMap& inputs, std::vector<Tensor> states) {
  held_.clear();
  for (const Value v : plan().inputs) {
    const std::string& name = std::get<op::Input>(plan().graph.at(v).op).name;
    const Shape& s = plan().graph.shape(v);
    const auto found = inputs.find(name);
    if (found == inputs.end()) throw InputError("there is no tensor for \"" + name + "\"");
    if (found->second.dims != Dims{1, s.c, s.h, s.w}) {
      throw InputError(fmt::format("tensor \"{}\" is {}, its shape must be [1, {}, {}, {}]", name,
                                   to_string(found->second.dims), s.c, s.h, s.w));
    }
    put(v, found->second.as(DType::kF32));
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    const Value v = graph.states()[i].read;
    if (plan().graph.at(v).alive) put(v, std::move(states[i]));
  }
}

/// NaN but for the channels of `v`, which are NaN too where `values` is empty.
Buffer StepRunner::buffer_like(Value v, std::span<const float> values) const {
  const TensorView view = program_.view(v);
  std::vector<std::byte> bytes(buffer_bytes(view), std::byte{0xff});
  if (!values.empty()) pack_nhwc(values, view, bytes);
  Buffer buffer(device_, bytes.size(), MemoryUse::kDevice, "observed");
  upload(device_, *pipelines_, buffer, bytes);
  return buffer;
}

Tensor StepRunner::run_on(std::size_t index, std::span<const std::span<const float>> operands) {
  const PlannedStep& p = step(index);
  std::vector<Buffer> buffers;
  for (std::size_t i = 0; i < p.operands.size(); ++i)
    buffers.push_back(buffer_like(p.operands[i], operands[i]));
  buffers.push_back(buffer_like(p.output, {}));
  std::vector<const Buffer*> bound;
  std::uint64_t bytes = 0;
  for (const Buffer& b : buffers) {
    bound.push_back(&b);
    bytes += b.size();
  }
  const Buffer& out = buffers.back();
  note(held_bytes() + std::max(bytes, 2 * out.size()));  // operands go before the result is read back
  const auto number = static_cast<int>(index);
  const auto runs = std::ranges::count(plan().runs, number, &PlannedRun::step);
  Recorder recorder(device_, *pipelines_, device_->physical().compute_family,
                    static_cast<std::uint32_t>(runs));
  const VkCommandBuffer commands = recorder.begin("layer");
  program_.record_step_on(recorder, commands, bound, number);
  recorder.end(commands);
  submit_and_wait(*device_, commands);
  buffers.erase(buffers.begin(), buffers.end() - 1);
  const TensorView view = program_.view(p.output);
  const Buffer& result = buffers.front();
  return Tensor::from_floats({1, view.c, view.h, view.w},
                             unpack_nhwc(download(device_, *pipelines_, result, 0, result.size()), view));
}

void StepRunner::run_step(std::size_t index) {
  std::vector<std::span<const float>> operands;
  for (const Value v : step(index).operands) operands.push_back(channels(v));
  put(step(index).output, run_on(index, operands));
  note(held_bytes());
  const std::int32_t kept = plan().graph.root(step(index).output).parent.id;  // to be read
  std::erase_if(held_, [&](const auto& entry) {
    const auto last = last_steps_.find(entry.first);
    return entry.first != kept && last != last_steps_.end() && last->second <= index;
  });
}

std::optional<Tensor> StepRunner::next_state(int state) const {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(plan().residences.size()); ++i) {
    const Residence& home = plan().residences[static_cast<std::size_t>(i)];
    if (home.used && home.home == Home::kStateNext && home.state == state) return read({i});
  }
  return std::nullopt;
}

std::uint64_t StepRunner::held_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [root, tensor] : held_) bytes += tensor.bytes.size();
  return bytes;
}

std::uint64_t StepRunner::most_bytes() {
  note(held_bytes());
  return std::exchange(most_bytes_, 0);
}

class VulkanObserved final : public ObservedPlan {
 public:
  VulkanObserved(const std::shared_ptr<Device>& device, const std::shared_ptr<Pipelines>& pipelines,
                 std::shared_ptr<const Model> model, const ObservedOptions& options);

  [[nodiscard]] std::span<const ObservedLayer> layers() const override { return layers_; }
  [[nodiscard]] std::span<const Value> sources() const override { return sources_; }
  void begin(const TensorMap& inputs, bool first) override;
  void step() override;
  [[nodiscard]] Tensor read(Value v) override;
  [[nodiscard]] Tensor run_on(std::size_t index, std::span<const Tensor* const> operands) override;
  TensorMap finish() override;
  [[nodiscard]] std::uint64_t tensor_bytes() override;

 private:
  [[nodiscard]] const Plan& plan() const { return frame_->plan(); }
  [[nodiscard]] const Graph& graph() const { return model_->graph; }
  void describe_layers();
  void find_completed();
  [[nodiscard]] Value in_graph(Value v) const;
  void run_first(const TensorMap& inputs);

  std::shared_ptr<const Model> model_;
  std::optional<StepRunner> frame_, first_;  ///< first_: the states' initial values, where not zero
  std::vector<Tensor> states_;               ///< between frames
  std::vector<ObservedLayer> layers_;
  std::vector<Value> sources_;
  std::size_t next_ = 0;
};

VulkanObserved::VulkanObserved(const std::shared_ptr<Device>& device,
                               const std::shared_ptr<Pipelines>& pipelines,
                               std::shared_ptr<const Model> model, const ObservedOptions& options)
    : model_(std::move(model)) {
  PlanRequest request{.model = model_.get(),
                      .device = &device->physical(),
                      .height = options.height,
                      .width = options.width,
                      .storage = options.storage,
                      .fuse = options.fuse};
  request.strips = 1;
  PlanRequest first = request;
  const std::span<const StateSpec> states = graph().states();
  for (int i = 0; i < static_cast<int>(states.size()); ++i) {
    const StateSpec& state = states[static_cast<std::size_t>(i)];
    request.feeds.push_back({i, state.next});
    if (!state.zero) first.feeds.push_back({i, state.initial});
  }
  for (const OutputSpec& output : graph().outputs()) request.outputs.push_back(output.value);
  const std::size_t kept = request.outputs.size();
  // A session keeps the picture to be restored as well, and its plan is to be the same.
  for (const Value v : graph().inputs()) {
    if (std::get<op::Input>(graph().node(v).op).frame_offset == 0) request.outputs.push_back(v);
  }
  frame_.emplace(device, pipelines, make_plan(request), kept);
  if (!first.feeds.empty()) first_.emplace(device, pipelines, make_plan(first), 0);
  describe_layers();
  find_completed();
}

/// Copies that the planner added stand for what they copy; other values of its own for nothing.
Value VulkanObserved::in_graph(Value v) const {
  const auto count = static_cast<std::int32_t>(graph().nodes().size());
  while (v.id >= count) {
    const LoweredNode& node = plan().graph.at(v);
    const auto* copy = std::get_if<op::Slice>(&node.op);
    const bool whole = copy != nullptr && copy->begin == 0 && node.inputs.size() == 1 &&
                       copy->count == plan().graph.shape(node.inputs[0]).c;
    if (!whole) return {};
    v = node.inputs[0];
  }
  return v;
}

void VulkanObserved::describe_layers() {
  for (const PlannedStep& p : plan().steps) {
    ObservedLayer layer{.name = p.step.name,
                        .op = std::string(op_name(p.step.op)),
                        .kernel = p.kernel.shader,
                        .covers = {},
                        .operands = {},
                        .output = in_graph(p.output),
                        .completes = {}};
    for (const Value v : p.step.covers) {
      if (in_graph(v) == v) layer.covers.push_back(v);
    }
    for (const Value v : p.operands) layer.operands.push_back(in_graph(v));
    layers_.push_back(std::move(layer));
  }
}

/// A value is there once the last step has written into its channels of the buffer that it lies in.
void VulkanObserved::find_completed() {
  const Lowered& lowered = plan().graph;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(graph().nodes().size()); ++i) {
    const Value v = lowered.resolve({i});
    const Residence& home = plan().residence(v);
    if (!lowered.at(v).alive || !home.used) continue;
    const Placement place = lowered.root(v);
    std::ptrdiff_t last = -1;
    for (std::size_t step = 0; step < plan().steps.size(); ++step) {
      const Value output = plan().steps[step].output;
      const Placement written = lowered.root(output);
      if (written.parent != place.parent) continue;
      const bool apart = written.offset >= place.offset + lowered.shape(v).c ||
                         place.offset >= written.offset + lowered.shape(output).c;
      if (!apart) last = static_cast<std::ptrdiff_t>(step);
    }
    (last < 0 ? sources_ : layers_[static_cast<std::size_t>(last)].completes).push_back({i});
  }
}

void VulkanObserved::run_first(const TensorMap& inputs) {
  states_.clear();
  for (const StateSpec& s : graph().states())
    states_.push_back(float_tensor(plan().graph.shapes[index_of(s.read)]));
  if (!first_) return;
  first_->begin(graph(), inputs, states_);
  for (std::size_t i = 0; i < first_->plan().steps.size(); ++i) first_->run_step(i);
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (auto initial = first_->next_state(static_cast<int>(i))) states_[i] = *std::move(initial);
  }
  first_->clear();
}

void VulkanObserved::begin(const TensorMap& inputs, bool first) {
  next_ = 0;
  if (first) run_first(inputs);
  frame_->begin(graph(), inputs, std::exchange(states_, {}));
}

Tensor VulkanObserved::read(Value v) {
  // A copy is read where it went, not where the value that it stands for lies.
  if (next_ > 0 && layers_[next_ - 1].output == v) return frame_->read(plan().steps[next_ - 1].output);
  return frame_->read(plan().graph.resolve(v));
}

void VulkanObserved::step() { frame_->run_step(next_++); }

Tensor VulkanObserved::run_on(std::size_t index, std::span<const Tensor* const> operands) {
  std::vector<std::span<const float>> values;
  for (const Tensor* t : operands) values.push_back(t->f32());
  return frame_->run_on(index, values);
}

TensorMap VulkanObserved::finish() {
  TensorMap outputs;
  for (const OutputSpec& output : graph().outputs())
    outputs[output.name] = frame_->read(plan().graph.resolve(output.value));
  for (std::size_t i = 0; i < graph().states().size(); ++i)
    states_.push_back(frame_->next_state(static_cast<int>(i)).value());
  frame_->clear();
  return outputs;
}

std::uint64_t VulkanObserved::tensor_bytes() {
  std::uint64_t bytes = frame_->most_bytes();
  for (const Tensor& state : states_) bytes += state.bytes.size();
  return bytes;
}

}  // namespace

std::unique_ptr<ObservedPlan> observe_plan(const std::shared_ptr<Device>& device,
                                           const std::shared_ptr<Pipelines>& pipelines,
                                           std::shared_ptr<const Model> model,
                                           const ObservedOptions& options) {
  return std::make_unique<VulkanObserved>(device, pipelines, std::move(model), options);
}

}  // namespace unblur::vk
