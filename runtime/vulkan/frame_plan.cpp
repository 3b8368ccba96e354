// SPDX-License-Identifier: MIT
#include "vulkan/frame_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/error.h"
#include "vulkan/colour_kernels.h"
#include "vulkan/layout.h"
#include "vulkan/program.h"

namespace unblur::vk {
namespace {

int padded(int size, const ModelInfo& info) {
  const int wanted = std::max(size, info.min_size);
  return (wanted + info.size_multiple - 1) / info.size_multiple * info.size_multiple;
}

void check_inputs(const Graph& graph) {
  for (const Value v : graph.inputs()) {
    const auto& input = std::get<op::Input>(graph.node(v).op);
    if (input.channels != 3) {
      throw ModelError(
          fmt::format("input \"{}\" has {} channels; frames have 3", input.name, input.channels));
    }
  }
}

Value find_original(const Graph& graph) {
  for (const Value v : graph.inputs()) {
    if (std::get<op::Input>(graph.node(v).op).frame_offset == 0) return v;
  }
  throw ModelError("the model has no input with frame offset 0");
}

/// Bytes of frames and named outputs in all slots, the upload and read-back sides counted once each.
std::uint64_t io_bytes(const FramePlan& plan, const FrameOptions& options) {
  const std::uint64_t raw = RawLayout(options.bind.format).bytes();
  std::uint64_t slot = raw * (plan.frame.inputs.size() + 1) + sizeof(FrameStatistics);
  for (const OutputSpec& output : plan.named) {
    const TensorView view = plan.frame.graph.view(plan.frame.graph.resolve(output.value), options.storage);
    slot += row_bytes(view) * static_cast<std::uint64_t>(view.h);
  }
  return slot * static_cast<std::uint64_t>(plan.slots);
}

void fill_report(const Model& model, const FrameOptions& options, FramePlan& plan) {
  PlanReport& report = plan.report;
  report.weight_bytes = plan.frame.weight_bytes + (plan.first ? plan.first->weight_bytes : 0);
  report.activation_bytes = plan.arena_bytes();
  report.state_bytes = StateMemory::bytes(model.graph, plan.frame.graph.shapes, options.storage, plan.slots);
  report.io_bytes = io_bytes(plan, options);
  report.strips = plan.frame.strips;
  report.dispatches = static_cast<int>(plan.frame.runs.size()) + static_cast<int>(plan.frame.inputs.size()) +
                      options.bind.format.plane_count();
  report.multiply_adds = plan.frame.multiply_adds;
  report.kernels = plan.frame.kernel_lines();
  report.precision = storage_name(options.storage);
}

/// Plans with that many slots within `limit`, the memory of states and frames included.
FramePlan plan_with(const Model& model, const PhysicalDevice& device, const FrameOptions& options,
                    std::uint64_t limit, int slots, int strips) {
  const Graph& graph = model.graph;
  FramePlan plan;
  plan.slots = slots;
  plan.height = padded(options.bind.format.height, model.info);
  plan.width = padded(options.bind.format.width, model.info);
  plan.original = find_original(graph);
  plan.restored = graph.has_output("frame") ? graph.output("frame") : plan.original;
  for (const std::string& name : options.bind.named_outputs) {
    plan.named.push_back({name, graph.output(name)});
  }
  const std::vector<Shape> shapes = infer_shapes(graph, plan.height, plan.width);
  if (shapes[static_cast<std::size_t>(plan.restored.id)] != Shape{3, plan.height, plan.width}) {
    throw ModelError("output \"frame\" does not have the shape of a frame");
  }
  std::uint64_t slot_bytes = RawLayout(options.bind.format).bytes() * (graph.inputs().size() + 1);
  for (const OutputSpec& output : plan.named) {
    const TensorView view = whole_view(shapes[static_cast<std::size_t>(output.value.id)], options.storage);
    slot_bytes += row_bytes(view) * static_cast<std::uint64_t>(view.h);
  }
  const std::uint64_t fixed = StateMemory::bytes(graph, shapes, options.storage, slots) +
                              slot_bytes * static_cast<std::uint64_t>(slots);
  if (fixed >= limit) {
    throw MemoryError(fmt::format("states and frames of {} x {} alone need {} MiB, the limit is {} MiB",
                                  plan.width, plan.height, (fixed >> 20U) + 1, limit >> 20U));
  }

  PlanRequest request{.model = &model, .device = &device, .height = plan.height, .width = plan.width};
  request.storage = options.storage;
  request.limit = limit - fixed;
  request.strips = strips;
  request.share_memory = options.share_memory;
  PlanRequest initial = request;

  request.outputs = {plan.restored, plan.original};
  for (const OutputSpec& output : plan.named) request.outputs.push_back(output.value);
  const std::span<const StateSpec> states = graph.states();
  for (int i = 0; i < static_cast<int>(states.size()); ++i) {
    const StateSpec& state = states[static_cast<std::size_t>(i)];
    request.feeds.push_back({i, state.next});
    if (!state.zero) initial.feeds.push_back({i, state.initial});
  }
  // Both programs' weights stay on the device; their activations share memory.
  if (!initial.feeds.empty()) {
    plan.first = make_plan(initial);
    request.limit -= std::min(request.limit - 1, plan.first->weight_bytes);
  }
  plan.frame = make_plan(request);
  if (plan.first &&
      plan.frame.weight_bytes + plan.first->weight_bytes + plan.first->arena_bytes > limit - fixed) {
    initial.limit -= std::min(initial.limit - 1, plan.frame.weight_bytes);
    plan.first = make_plan(initial);
  }
  fill_report(model, options, plan);
  return plan;
}

}  // namespace

FrameWindow frame_window(const Graph& graph) {
  FrameWindow window;
  for (const Value v : graph.inputs()) {
    const int offset = std::get<op::Input>(graph.node(v).op).frame_offset;
    window.first = std::min(window.first, offset);
    window.last = std::max(window.last, offset);
  }
  return window;
}

FramePlan plan_frames(const Model& model, const PhysicalDevice& device, const FrameOptions& options) {
  check_inputs(model.graph);
  const std::uint64_t limit =
      options.bind.memory_limit > 0 ? options.bind.memory_limit : device.available_bytes();
  if (options.strips > 0)
    return plan_with(model, device, options, UINT64_MAX, options.most_slots, options.strips);
  // Whole frames with all slots; with fewer; then strips.
  for (int slots = options.most_slots; slots >= 2; --slots) {
    try {
      FramePlan plan = plan_with(model, device, options, limit, slots, 1);
      if (plan.report.total_bytes() <= limit) return plan;
    } catch (const MemoryError&) {
      if (slots == 2) break;  // the attempt below says what is missing
    }
  }
  FramePlan plan = plan_with(model, device, options, limit, 2, 0);
  if (plan.report.total_bytes() > limit) {
    throw MemoryError(fmt::format("the smallest plan for frames of {} x {} needs {} MiB, the limit is {} MiB",
                                  plan.width, plan.height, (plan.report.total_bytes() >> 20U) + 1,
                                  limit >> 20U));
  }
  return plan;
}

}  // namespace unblur::vk
