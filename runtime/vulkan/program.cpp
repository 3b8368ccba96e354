// SPDX-License-Identifier: MIT
#include "vulkan/program.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "vulkan/fault.h"
#include "vulkan/layout.h"

namespace unblur::vk {

Arena::Arena(const std::shared_ptr<Device>& device, std::uint64_t bytes, const std::string& name)
    : chunk_(device->physical().limits.max_allocation / kAlignment * kAlignment) {
  // At least one buffer, so that a plan without values still has something to bind.
  for (std::uint64_t at = 0; at == 0 || at < bytes; at += chunk_) {
    buffers_.emplace_back(device, std::min(chunk_, bytes - at), MemoryUse::kDevice, name);
  }
}

std::pair<const Buffer*, std::uint64_t> Arena::locate(std::uint64_t offset) const {
  return {&buffers_.at(offset / chunk_), offset % chunk_};
}

namespace {

TensorView state_view(const StateSpec& state, std::span<const Shape> shapes, Storage storage) {
  return whole_view(shapes[static_cast<std::size_t>(state.read.id)], storage);
}

}  // namespace

StateMemory::StateMemory(const std::shared_ptr<Device>& device, const Graph& graph,
                         std::span<const Shape> shapes, Storage storage, int copies)
    : copies_(copies) {
  for (const StateSpec& state : graph.states()) {
    const TensorView& view = views_.emplace_back(state_view(state, shapes, storage));
    for (int copy = 0; copy < copies; ++copy) {
      buffers_.emplace_back(device, row_bytes(view) * static_cast<std::uint64_t>(view.h), MemoryUse::kDevice,
                            "state " + state.name);
    }
  }
}

std::uint64_t StateMemory::bytes(const Graph& graph, std::span<const Shape> shapes, Storage storage,
                                 int copies) {
  std::uint64_t sum = 0;
  for (const StateSpec& state : graph.states()) {
    const TensorView view = state_view(state, shapes, storage);
    sum += row_bytes(view) * static_cast<std::uint64_t>(view.h) * static_cast<std::uint64_t>(copies);
  }
  return sum;
}

void TimeMarks::mark(VkCommandBuffer commands, int step_index) {
  assert(next < capacity);
  vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries, next++);
  if (next > 1) step.push_back(step_index);
}

Program::Program(std::shared_ptr<Device> device, Pipelines& pipelines, Plan plan)
    : device_(std::move(device)), plan_(std::move(plan)) {
  std::vector<std::byte> weights(plan_.weight_bytes);
  std::vector<PipelineKey> keys;
  for (PlannedStep& step : plan_.steps) {
    std::vector<std::byte>& own = step.kernel.weights;
    std::ranges::copy(own, weights.begin() + static_cast<std::ptrdiff_t>(step.weight_offset));
    keys.push_back({step.kernel.shader, step.kernel.specialization, step.kernel.required_subgroup_size});
  }
  weights_ = Buffer(device_, weights.size(), MemoryUse::kDevice, "weights");
  if (!weights.empty()) upload(device_, pipelines, weights_, weights);
  pipelines_ = pipelines.get(keys);
}

Binding Program::touched_binding(const TouchedRows& touched, const Workspace& memory) const {
  const Residence& home = plan_.residence(touched.root);
  const Buffer* buffer = nullptr;
  std::uint64_t offset = 0;
  if (home.home == Home::kArena) {
    std::tie(buffer, offset) = memory.arena->locate(home.offset);
  } else {
    const bool read = home.home == Home::kStateRead;
    buffer = &memory.states->at(home.state, read ? memory.read_copy : memory.next_copy);
  }
  return rows_of(touched, *buffer, offset);
}

/// `offset`: where the rows that are there begin in the buffer.
Binding Program::rows_of(const TouchedRows& touched, const Buffer& buffer, std::uint64_t offset) const {
  const auto row = static_cast<std::int64_t>(row_bytes(plan_.graph.view(touched.root, plan_.storage)));
  const std::int64_t base = static_cast<std::int64_t>(offset) - touched.first_row * row;
  // Nothing may be touched of a "like" operand, yet a binding needs some bytes.
  const auto begin = static_cast<std::uint64_t>(base + std::max(touched.rows.begin, touched.first_row) * row);
  const std::int64_t end = base + static_cast<std::int64_t>(touched.rows.end) * row;
  return {&buffer, base, begin,
          std::max(static_cast<std::uint64_t>(std::max<std::int64_t>(end, 0)), begin + 16),
          element_bytes(plan_.storage)};
}

Binding Program::binding(Value v, const Workspace& memory) const {
  const Value root = plan_.graph.root(v).parent;
  return touched_binding({root, 0, {0, plan_.graph.shape(root).h}}, memory);
}

void Program::plant_nan(VkCommandBuffer commands, const Recorder& recorder, Value v,
                        const Workspace& memory) const {
  const Binding where = binding(v, memory);
  const Residence& home = plan_.residence(v);
  recorder.barrier(commands);
  vkCmdFillBuffer(commands, where.buffer->get(), where.begin, home.bytes, 0xffffffffU);
  recorder.barrier(commands);
}

/// `bindings`: operands and output; the weights are appended.
void Program::dispatch_rows(Recorder& recorder, VkCommandBuffer commands, const PlannedStep& step, int index,
                            Range rows, std::vector<Binding>& bindings) const {
  if (!step.kernel.weights.empty()) {
    bindings.push_back({&weights_, static_cast<std::int64_t>(step.weight_offset), step.weight_offset,
                        step.weight_offset + step.kernel.weights.size(), 4});
  }
  recorder.dispatch(commands, pipelines_[static_cast<std::size_t>(index)], bindings,
                    step.kernel.dispatch(rows.begin, rows.end));
}

void Program::record(Recorder& recorder, VkCommandBuffer commands, const Workspace& memory, TimeMarks* marks,
                     bool faulty) const {
  for (std::size_t i = 0; i < plan_.runs.size(); ++i) {
    if (plan_.runs[i].barrier_before) recorder.barrier(commands);
    record_run(recorder, commands, memory, i, 0, 1, faulty);
    if (marks != nullptr) marks->mark(commands, plan_.runs[i].step);
  }
}

void Program::record_run(Recorder& recorder, VkCommandBuffer commands, const Workspace& memory,
                         std::size_t index, int part, int parts, bool faulty) const {
  const PlannedRun& run = plan_.runs[index];
  const PlannedStep& step = plan_.steps[static_cast<std::size_t>(run.step)];
  // Parts begin where whole groups of rows do: stores that shuffle write several rows at once.
  constexpr int kRowUnit = 8;
  const int units = (run.rows.end - run.rows.begin + kRowUnit - 1) / kRowUnit;
  const auto row = [&](int p) {
    return std::min(run.rows.end, run.rows.begin + units * p / parts * kRowUnit);
  };
  if (row(part) >= row(part + 1)) return;
  std::vector<Binding> bindings;
  for (const TouchedRows& touched : run.touched) bindings.push_back(touched_binding(touched, memory));
  dispatch_rows(recorder, commands, step, run.step, {row(part), row(part + 1)}, bindings);
  const bool last = part + 1 == parts;
  if (last && faulty && fault_at_node("nan", step.step.name))
    plant_nan(commands, recorder, step.output, memory);
}

void Program::record_step_on(Recorder& recorder, VkCommandBuffer commands,
                             std::span<const Buffer* const> buffers, int step) const {
  recorder.barrier(commands);
  std::vector<Binding> bindings;
  for (const PlannedRun& run : plan_.runs) {
    if (run.step != step) continue;
    bindings.clear();
    for (std::size_t i = 0; i < buffers.size(); ++i)
      bindings.push_back(rows_of(run.touched[i], *buffers[i], 0));
    dispatch_rows(recorder, commands, plan_.steps[static_cast<std::size_t>(step)], step, run.rows, bindings);
  }
  recorder.barrier(commands);
}

void upload(const std::shared_ptr<Device>& device, const Pipelines& pipelines, const Buffer& target,
            std::span<const std::byte> bytes) {
  assert(bytes.size() <= target.size());
  if (!target.mapped().empty()) {
    std::memcpy(target.mapped().data(), bytes.data(), bytes.size());
    target.flush();
    return;
  }
  const Buffer staging(device, bytes.size(), MemoryUse::kUpload, "staging");
  std::memcpy(staging.mapped().data(), bytes.data(), bytes.size());
  staging.flush();
  Recorder recorder(device, pipelines, device->physical().compute_family, 0);
  const VkCommandBuffer commands = recorder.begin("upload");
  const VkBufferCopy region{0, 0, bytes.size()};
  vkCmdCopyBuffer(commands, staging.get(), target.get(), 1, &region);
  recorder.barrier(commands);
  recorder.end(commands);
  submit_and_wait(*device, commands);
}

std::vector<std::byte> download(const std::shared_ptr<Device>& device, const Pipelines& pipelines,
                                const Buffer& source, std::uint64_t offset, std::uint64_t bytes) {
  const Buffer staging(device, bytes, MemoryUse::kReadback, "read-back");
  Recorder recorder(device, pipelines, device->physical().compute_family, 0);
  const VkCommandBuffer commands = recorder.begin("download");
  recorder.barrier(commands);
  const VkBufferCopy region{offset, 0, bytes};
  vkCmdCopyBuffer(commands, source.get(), staging.get(), 1, &region);
  recorder.barrier_to_host(commands);
  recorder.end(commands);
  submit_and_wait(*device, commands);
  staging.invalidate();
  const std::span<const std::byte> mapped = staging.mapped().first(bytes);
  return {mapped.begin(), mapped.end()};
}

}  // namespace unblur::vk
