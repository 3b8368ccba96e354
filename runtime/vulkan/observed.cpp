// SPDX-License-Identifier: MIT
#include "vulkan/observed.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "graph/error.h"
#include "vulkan/layout.h"
#include "vulkan/program.h"

namespace unblur::vk {
namespace {

std::uint64_t bytes_of(const TensorView& view) {
  return row_bytes(view) * static_cast<std::uint64_t>(view.h);
}

class VulkanObserved final : public ObservedPlan {
 public:
  VulkanObserved(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines,
                 std::shared_ptr<const Model> model, const ObservedOptions& options);

  [[nodiscard]] std::span<const ObservedLayer> layers() const override { return layers_; }
  [[nodiscard]] std::span<const Value> sources() const override { return sources_; }
  void begin(const TensorMap& inputs, bool first) override;
  void step() override;
  [[nodiscard]] Tensor read(Value v) override;
  [[nodiscard]] Tensor run_on(std::size_t index, std::span<const Tensor* const> operands) override;
  TensorMap finish() override;
  [[nodiscard]] std::uint64_t tensor_bytes() const override { return fixed_bytes_ + scratch_bytes_; }

 private:
  [[nodiscard]] const Plan& plan() const { return frame_->plan(); }
  [[nodiscard]] const PlannedStep& planned(std::size_t i) const { return plan().steps[i]; }
  [[nodiscard]] std::uint32_t runs_of(int step) const {
    return static_cast<std::uint32_t>(std::ranges::count(plan().runs, step, &PlannedRun::step));
  }
  void describe_layers();
  void find_completed();
  [[nodiscard]] Value in_graph(Value v) const;
  [[nodiscard]] Workspace workspace() const { return {&*arena_, &*states_, read_copy_, 1 - read_copy_}; }
  void load(const Program& program, const Workspace& memory, const TensorMap& inputs);
  [[nodiscard]] static std::vector<float> checked(const TensorMap& from, const std::string& name,
                                                  const Shape& s);
  [[nodiscard]] Tensor in_memory(Value v) const;
  [[nodiscard]] Tensor unpacked(const Buffer& buffer, std::uint64_t begin, Value v) const;
  template <class Record>
  void submit(const char* name, std::uint32_t dispatches, Record&& record) const;
  /// A buffer like that of the value which owns `v`, NaN but for the channels of `v`.
  [[nodiscard]] Buffer scratch(Value v, const Tensor* values) const;

  std::shared_ptr<Device> device_;
  std::shared_ptr<Pipelines> pipelines_;
  std::shared_ptr<const Model> model_;
  Storage storage_;
  std::optional<Program> frame_, first_;
  std::optional<Arena> arena_;
  std::optional<StateMemory> states_;
  std::vector<ObservedLayer> layers_;
  std::vector<Value> sources_;
  int read_copy_ = 0;  ///< of the states; the other one is written
  std::size_t next_ = 0;
  std::uint64_t fixed_bytes_ = 0, scratch_bytes_ = 0;
};

VulkanObserved::VulkanObserved(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines,
                               std::shared_ptr<const Model> model, const ObservedOptions& options)
    : device_(std::move(device)),
      pipelines_(std::move(pipelines)),
      model_(std::move(model)),
      storage_(options.storage) {
  PlanRequest request{.model = model_.get(),
                      .device = &device_->physical(),
                      .height = options.height,
                      .width = options.width,
                      .storage = storage_,
                      .fuse = options.fuse};
  request.strips = 1;
  PlanRequest first = request;
  const std::span<const StateSpec> states = model_->graph.states();
  for (int i = 0; i < static_cast<int>(states.size()); ++i) {
    const StateSpec& state = states[static_cast<std::size_t>(i)];
    request.feeds.push_back({i, state.next});
    if (!state.zero) first.feeds.push_back({i, state.initial});
  }
  for (const OutputSpec& output : model_->graph.outputs()) request.outputs.push_back(output.value);
  // A session keeps the picture to be restored as well: that decides what may be written in place.
  for (const Value v : model_->graph.inputs()) {
    if (std::get<op::Input>(model_->graph.node(v).op).frame_offset == 0) request.outputs.push_back(v);
  }
  frame_.emplace(device_, *pipelines_, make_plan(request));
  if (!first.feeds.empty()) first_.emplace(device_, *pipelines_, make_plan(first));
  const std::uint64_t bytes = std::max(plan().arena_bytes, first_ ? first_->plan().arena_bytes : 0);
  arena_.emplace(device_, bytes, "activations");
  states_.emplace(device_, model_->graph, plan().graph.shapes, storage_, 2);
  fixed_bytes_ = bytes + StateMemory::bytes(model_->graph, plan().graph.shapes, storage_, 2);
  describe_layers();
  find_completed();
}

/// Copies that the planner added stand for what they copy; other values of its own for nothing.
Value VulkanObserved::in_graph(Value v) const {
  const auto count = static_cast<std::int32_t>(model_->graph.nodes().size());
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
  const Lowered& graph = plan().graph;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(model_->graph.nodes().size()); ++i) {
    const Value v = graph.resolve({i});
    const Residence& home = plan().residence(v);
    if (!graph.at(v).alive || !home.used) continue;
    const Placement place = graph.root(v);
    std::ptrdiff_t last = -1;
    for (std::size_t step = 0; step < plan().steps.size(); ++step) {
      const Value output = planned(step).output;
      const Placement written = graph.root(output);
      if (written.parent != place.parent) continue;
      const bool apart = written.offset >= place.offset + graph.shape(v).c ||
                         place.offset >= written.offset + graph.shape(output).c;
      if (!apart) last = static_cast<std::ptrdiff_t>(step);
    }
    (last < 0 ? sources_ : layers_[static_cast<std::size_t>(last)].completes).push_back({i});
  }
}

std::vector<float> VulkanObserved::checked(const TensorMap& from, const std::string& name, const Shape& s) {
  const auto found = from.find(name);
  if (found == from.end()) throw InputError("there is no tensor for \"" + name + "\"");
  if (found->second.dims != Dims{1, s.c, s.h, s.w}) {
    throw InputError(fmt::format("tensor \"{}\" is {}, its shape must be [1, {}, {}, {}]", name,
                                 to_string(found->second.dims), s.c, s.h, s.w));
  }
  return found->second.to_floats();
}

template <class Record>
void VulkanObserved::submit(const char* name, std::uint32_t dispatches, Record&& record) const {
  Recorder recorder(device_, *pipelines_, device_->physical().compute_family, dispatches);
  const VkCommandBuffer commands = recorder.begin(name);
  record(recorder, commands);
  recorder.end(commands);
  submit_and_wait(*device_, commands);
}

void VulkanObserved::load(const Program& program, const Workspace& memory, const TensorMap& inputs) {
  for (const Value v : program.plan().inputs) {
    const auto& input = std::get<op::Input>(program.plan().graph.at(v).op);
    const std::vector<float> values = checked(inputs, input.name, program.plan().graph.shape(v));
    // The buffer may hold other inputs, too: read, changed, written.
    const Binding to = program.binding(v, memory);
    std::vector<std::byte> bytes = download(device_, *pipelines_, *to.buffer, to.begin, to.end - to.begin);
    pack_nhwc(values, program.view(v), bytes);
    const Buffer staging(device_, bytes.size(), MemoryUse::kUpload, "input " + input.name);
    std::ranges::copy(bytes, staging.mapped().begin());
    staging.flush();
    submit("input", 0, [&](Recorder& recorder, VkCommandBuffer commands) {
      const VkBufferCopy region{0, to.begin, bytes.size()};
      vkCmdCopyBuffer(commands, staging.get(), to.buffer->get(), 1, &region);
      recorder.barrier(commands);
    });
  }
}

void VulkanObserved::begin(const TensorMap& inputs, bool first) {
  next_ = 0;
  if (first) {
    for (int i = 0; i < states_->count(); ++i) {
      const Buffer& state = states_->at(i, read_copy_);
      upload(device_, *pipelines_, state, std::vector<std::byte>(state.size()));
    }
  }
  if (first && first_) {
    const Workspace memory{&*arena_, &*states_, read_copy_, read_copy_};
    load(*first_, memory, inputs);
    submit("first", static_cast<std::uint32_t>(first_->plan().runs.size()),
           [&](Recorder& recorder, VkCommandBuffer commands) {
             first_->record(recorder, commands, memory, nullptr, false);
             recorder.barrier(commands);
           });
  }
  load(*frame_, workspace(), inputs);
}

Tensor VulkanObserved::unpacked(const Buffer& buffer, std::uint64_t begin, Value v) const {
  const TensorView view = frame_->view(v);
  const std::vector<float> values =
      unpack_nhwc(download(device_, *pipelines_, buffer, begin, bytes_of(view)), view);
  return Tensor::from_floats({1, view.c, view.h, view.w}, values);
}

Tensor VulkanObserved::in_memory(Value v) const {
  const Binding from = frame_->binding(v, workspace());
  return unpacked(*from.buffer, from.begin, v);
}

Tensor VulkanObserved::read(Value v) {
  // A copy is read where it went, not where the value that it stands for lies.
  if (next_ > 0 && layers_[next_ - 1].output == v) return in_memory(planned(next_ - 1).output);
  return in_memory(plan().graph.resolve(v));
}

void VulkanObserved::step() {
  scratch_bytes_ = 0;
  const auto index = static_cast<int>(next_++);
  submit("layer", runs_of(index), [&](Recorder& recorder, VkCommandBuffer commands) {
    frame_->record_step(recorder, commands, workspace(), index);
  });
}

Buffer VulkanObserved::scratch(Value v, const Tensor* values) const {
  const TensorView view = frame_->view(v);
  std::vector<std::byte> bytes(bytes_of(view), std::byte{0xff});
  if (values != nullptr) pack_nhwc(values->f32(), view, bytes);
  Buffer buffer(device_, bytes.size(), MemoryUse::kDevice, "observed operand");
  upload(device_, *pipelines_, buffer, bytes);
  return buffer;
}

Tensor VulkanObserved::run_on(std::size_t index, std::span<const Tensor* const> operands) {
  const PlannedStep& p = planned(index);
  std::vector<Buffer> buffers;
  for (std::size_t i = 0; i < p.operands.size(); ++i) buffers.push_back(scratch(p.operands[i], operands[i]));
  buffers.push_back(scratch(p.output, nullptr));
  std::vector<const Buffer*> bound;
  std::uint64_t bytes = 0;
  for (const Buffer& b : buffers) {
    bound.push_back(&b);
    bytes += b.size();
  }
  const std::uint64_t out = buffers.back().size();
  scratch_bytes_ = std::max(bytes, 2 * out);  // operands go before the result is read back
  const auto step = static_cast<int>(index);
  submit("layer alone", runs_of(step), [&](Recorder& recorder, VkCommandBuffer commands) {
    frame_->record_step_on(recorder, commands, bound, step);
  });
  buffers.erase(buffers.begin(), buffers.end() - 1);
  return unpacked(buffers.back(), 0, p.output);
}

TensorMap VulkanObserved::finish() {
  TensorMap outputs;
  for (const OutputSpec& output : model_->graph.outputs())
    outputs[output.name] = in_memory(plan().graph.resolve(output.value));
  read_copy_ = 1 - read_copy_;
  return outputs;
}

}  // namespace

std::unique_ptr<ObservedPlan> observe_plan(std::shared_ptr<Device> device,
                                           std::shared_ptr<Pipelines> pipelines,
                                           std::shared_ptr<const Model> model,
                                           const ObservedOptions& options) {
  return std::make_unique<VulkanObserved>(std::move(device), std::move(pipelines), std::move(model), options);
}

}  // namespace unblur::vk
