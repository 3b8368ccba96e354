// SPDX-License-Identifier: MIT
#include "vulkan/tensor_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "graph/error.h"
#include "vulkan/layout.h"
#include "vulkan/program.h"

namespace unblur::vk {
namespace {

/// Batch entry `n` of a [n,c,h,w] tensor as floats, checked against the shape it must have.
std::vector<float> batch_entry(const TensorMap& tensors, const std::string& name, const Shape& shape,
                               std::size_t n) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) throw InputError("there is no tensor for \"" + name + "\"");
  const Dims& dims = found->second.dims;
  if (dims.size() != 4 ||
      Shape{static_cast<int>(dims[1]), static_cast<int>(dims[2]), static_cast<int>(dims[3])} != shape) {
    throw InputError(fmt::format("tensor \"{}\" is {}, its shape must be [n, {}, {}, {}]", name,
                                 to_string(dims), shape.c, shape.h, shape.w));
  }
  const std::vector<float> all = found->second.to_floats();
  const std::size_t count = all.size() / static_cast<std::size_t>(std::max<std::int64_t>(dims[0], 1));
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(n * count);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

void append_entry(TensorMap& tensors, const std::string& name, const Shape& shape,
                  const std::vector<float>& values) {
  Tensor& tensor = tensors[name];
  std::vector<float> all = tensor.dims.empty() ? std::vector<float>() : tensor.to_floats();
  const std::int64_t entries = tensor.dims.empty() ? 0 : tensor.dims[0];
  all.insert(all.end(), values.begin(), values.end());
  tensor = Tensor::from_floats({entries + 1, shape.c, shape.h, shape.w}, all);
}

class TensorRun {
 public:
  TensorRun(const std::shared_ptr<Device>& device, Pipelines& pipelines, const Model& model, int height,
            int width, bool states_given, const TensorRunOptions& options)
      : device_(device), pipelines_(pipelines), model_(model), options_(options) {
    PlanRequest request{.model = &model, .device = &device->physical(), .height = height, .width = width};
    request.storage = options.storage;
    request.strips = std::max(options.strips, 1);
    request.share_memory = options.share_memory;
    PlanRequest first = request;
    const std::span<const StateSpec> states = model.graph.states();
    for (int i = 0; i < static_cast<int>(states.size()); ++i) {
      const StateSpec& state = states[static_cast<std::size_t>(i)];
      request.feeds.push_back({i, state.next});
      if (!state.zero) first.feeds.push_back({i, state.initial});
    }
    for (const OutputSpec& output : model.graph.outputs()) request.outputs.push_back(output.value);
    frame_.emplace(device, pipelines, make_plan(request));
    if (!states_given && !first.feeds.empty()) first_.emplace(device, pipelines, make_plan(first));
    const std::uint64_t bytes = std::max(frame_->plan().arena_bytes, first_ ? first_->plan().arena_bytes : 0);
    arena_.emplace(device, bytes, "activations");
    states_.emplace(device, model.graph, frame_->plan().graph.shapes, options.storage, 2);
  }

  void run_entry(const TensorMap& inputs, const TensorMap* states, std::size_t n, TensorMap& outputs,
                 TensorMap& next) {
    set_states(states, n);
    if (first_) run(*first_, {&*arena_, &*states_, 0, 0}, inputs, n);
    const Workspace memory{&*arena_, &*states_, 0, 1};
    run(*frame_, memory, inputs, n);
    const Lowered& graph = frame_->plan().graph;
    for (const OutputSpec& output : model_.graph.outputs()) {
      append_entry(outputs, output.name, graph.shape(output.value),
                   read(graph.resolve(output.value), memory));
    }
    for (int i = 0; i < states_->count(); ++i) {
      const StateSpec& state = model_.graph.states()[static_cast<std::size_t>(i)];
      const Buffer& buffer = states_->at(i, 1);
      append_entry(next, state.name, graph.shape(state.read),
                   unpack_nhwc(download(device_, pipelines_, buffer, 0, buffer.size()), states_->view(i)));
    }
  }

 private:
  /// Given states, else zeros (initial values are computed over them).
  void set_states(const TensorMap* states, std::size_t n) {
    for (int i = 0; i < states_->count(); ++i) {
      const StateSpec& state = model_.graph.states()[static_cast<std::size_t>(i)];
      std::vector<std::byte> bytes(states_->at(i, 0).size());
      if (states != nullptr) {
        const Shape& shape = frame_->plan().graph.shape(state.read);
        pack_nhwc(batch_entry(*states, state.name, shape, n), states_->view(i), bytes);
      }
      upload(device_, pipelines_, states_->at(i, 0), bytes);
    }
  }

  void run(const Program& program, const Workspace& memory, const TensorMap& inputs, std::size_t n) {
    Recorder recorder(device_, pipelines_, device_->physical().compute_family,
                      static_cast<std::uint32_t>(program.plan().runs.size()) + 1);
    const VkCommandBuffer commands = recorder.begin("tensors");
    if (options_.poison) {
      for (const Buffer& b : arena_->buffers()) vkCmdFillBuffer(commands, b.get(), 0, VK_WHOLE_SIZE, ~0U);
      recorder.barrier(commands);
    }
    std::vector<Buffer> staging;
    for (const Value v : program.plan().inputs) {
      const auto& input = std::get<op::Input>(program.plan().graph.at(v).op);
      const TensorView view = program.view(v);
      // A buffer that holds nothing but this input; an input written in place of a wider value is copied
      // pixel by pixel.
      TensorView narrow = view;
      narrow.pixel_stride = (view.c + 7) / 8 * 8;
      narrow.channel_offset = 0;
      const std::uint64_t bytes = row_bytes(narrow) * static_cast<std::uint64_t>(narrow.h);
      const Buffer& b = staging.emplace_back(device_, bytes, MemoryUse::kUpload, "input " + input.name);
      pack_nhwc(batch_entry(inputs, input.name, program.plan().graph.shape(v), n), narrow, b.mapped());
      b.flush();
      copy_pixels(commands, b, narrow, program.binding(v, memory), view);
    }
    program.record(recorder, commands, memory, nullptr, true);
    recorder.barrier(commands);
    recorder.end(commands);
    submit_and_wait(*device_, commands);
  }

  static void copy_pixels(VkCommandBuffer commands, const Buffer& from, const TensorView& narrow,
                          const Binding& to, const TensorView& view) {
    const std::uint64_t element = element_bytes(view.storage);
    const std::uint64_t chunk = static_cast<std::uint64_t>(narrow.pixel_stride) * element;
    const auto base = static_cast<std::uint64_t>(to.base);
    if (narrow.pixel_stride == view.pixel_stride) {
      const VkBufferCopy all{0, base, from.size()};
      vkCmdCopyBuffer(commands, from.get(), to.buffer->get(), 1, &all);
      return;
    }
    std::vector<VkBufferCopy> regions;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(view.w) * static_cast<std::uint64_t>(view.h);
         ++i) {
      const std::uint64_t at =
          i * static_cast<std::uint64_t>(view.pixel_stride) + static_cast<std::uint64_t>(view.channel_offset);
      regions.push_back({i * chunk, base + at * element, chunk});
    }
    vkCmdCopyBuffer(commands, from.get(), to.buffer->get(), static_cast<std::uint32_t>(regions.size()),
                    regions.data());
  }

  std::vector<float> read(Value v, const Workspace& memory) {
    const Binding from = frame_->binding(v, memory);
    const std::uint64_t bytes = frame_->plan().residence(v).bytes;
    return unpack_nhwc(download(device_, pipelines_, *from.buffer, from.begin, bytes), frame_->view(v));
  }

  std::shared_ptr<Device> device_;
  Pipelines& pipelines_;
  const Model& model_;
  TensorRunOptions options_;
  std::optional<Program> frame_, first_;
  std::optional<Arena> arena_;
  std::optional<StateMemory> states_;
};

}  // namespace

TensorMap run_tensors(const std::shared_ptr<Device>& device, Pipelines& pipelines, const Model& model,
                      const TensorMap& inputs, TensorMap* states, const TensorRunOptions& options) {
  if (inputs.empty() || inputs.begin()->second.dims.size() != 4) {
    throw InputError("run_tensors needs inputs of shape [n, c, h, w]");
  }
  const Dims& dims = inputs.begin()->second.dims;
  const bool given = states != nullptr && !states->empty();
  TensorRun run(device, pipelines, model, static_cast<int>(dims[2]), static_cast<int>(dims[3]), given,
                options);
  TensorMap outputs;
  TensorMap next;
  for (std::size_t n = 0; n < static_cast<std::size_t>(dims[0]); ++n) {
    run.run_entry(inputs, given ? states : nullptr, n, outputs, next);
  }
  if (states != nullptr) *states = std::move(next);
  return outputs;
}

}  // namespace unblur::vk
