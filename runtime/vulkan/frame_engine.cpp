// SPDX-License-Identifier: MIT
#include "vulkan/frame_engine.h"

#include <algorithm>
#include <cstring>

#include "graph/error.h"
#include "vulkan/check.h"
#include "vulkan/environment.h"
#include "vulkan/fault.h"
#include "vulkan/layout.h"

namespace unblur::vk {
namespace {

constexpr std::uint64_t kWaitSliceNs = 1'000'000'000;

std::uint64_t align_up(std::uint64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

QueryPoolHandle make_queries(const Device& device, std::uint32_t count) {
  VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
  info.queryType = VK_QUERY_TYPE_TIMESTAMP;
  info.queryCount = count;
  VkQueryPool pool = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateQueryPool(device.get(), &info, nullptr, &pool));
  return {device.get(), pool};
}

Binding whole(const Buffer& buffer) { return {&buffer, 0, 0, buffer.size(), 4}; }

bool crosses_a_bus(const Device& device) {
  const std::string& type = device.physical().info.type;
  return environment_override("UNBLUR_STAGING").value_or(type != "cpu" && type != "integrated");
}

}  // namespace

SemaphoreHandle make_timeline(const Device& device) {
  VkSemaphoreTypeCreateInfo type{VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO};
  type.semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE;
  VkSemaphoreCreateInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO};
  info.pNext = &type;
  VkSemaphore semaphore = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateSemaphore(device.get(), &info, nullptr, &semaphore));
  return {device.get(), semaphore};
}

FrameEngine::FrameEngine(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines,
                         const Model& model, const FrameOptions& options)
    : device_(std::move(device)),
      pipelines_(std::move(pipelines)),
      model_(model),
      options_(options),
      plan_(plan_frames(model, device_->physical(), options)),
      raw_(options.bind.format),
      staged_(crosses_a_bus(*device_)) {
  arena_ = std::make_unique<Arena>(device_, plan_.arena_bytes(), "activations");
  states_ = std::make_unique<StateMemory>(device_, model.graph, plan_.frame.graph.shapes, options_.storage,
                                          plan_.slots);
  frame_ = std::make_unique<Program>(device_, *pipelines_, plan_.frame);
  if (plan_.first) first_ = std::make_unique<Program>(device_, *pipelines_, *plan_.first);
  transfers_ = std::make_unique<Recorder>(device_, *pipelines_, device_->physical().transfer_family, 0);
  for (Timeline* timeline : {&uploaded_, &computed_, &downloaded_}) {
    timeline->semaphore = make_timeline(*device_);
  }
  slots_.resize(static_cast<std::size_t>(plan_.slots));
  for (int i = 0; i < plan_.slots; ++i) make_slot(i);
  parts_.assign(plan_.frame.runs.size(), 1);
  record_all();
}

void FrameEngine::record_all() {
  std::size_t runs = plan_.first ? plan_.first->runs.size() : 0;
  std::size_t pieces = 0;
  for (const int parts : parts_) pieces += static_cast<std::size_t>(parts);
  runs += pieces;
  const auto dispatches = static_cast<std::uint32_t>((runs + 16) * static_cast<std::size_t>(plan_.slots));
  recorder_ =
      std::make_unique<Recorder>(device_, *pipelines_, device_->physical().compute_family, dispatches);
  const bool every = options_.bind.time_nodes || sliced();
  const auto marks = static_cast<std::uint32_t>(every ? pieces + 4 : 2);
  for (int i = 0; i < plan_.slots; ++i) {
    Slot& slot = slots_[static_cast<std::size_t>(i)];
    if (device_->physical().limits.timestamp_ns > 0) {
      slot.queries = make_queries(*device_, marks);
      slot.marks = {slot.queries.get(), 0, marks, {}};
    }
    record_first(i);
    record_frame(i);
  }
  record_again_ = false;
  intervals_.clear();
  next_read_ = 0;
}

FrameEngine::~FrameEngine() {
  try {
    for (const Timeline* t : {&uploaded_, &computed_, &downloaded_}) t->wait(*device_, t->value);
  } catch (const Error&) {
    // A lost device has nothing running; destroying its objects is allowed.
  }
}

std::uint64_t FrameEngine::statistics_offset() const { return align_up(raw_.bytes()); }

std::uint64_t FrameEngine::named_offset(std::size_t index) const {
  std::uint64_t offset = statistics_offset() + kAlignment;
  for (std::size_t i = 0; i < index; ++i) {
    offset += align_up(plan_.frame.residence(plan_.frame.graph.resolve(plan_.named[i].value)).bytes);
  }
  return offset;
}

Workspace FrameEngine::workspace(int slot) const {
  return {arena_.get(), states_.get(), slot, (slot + 1) % plan_.slots};
}

void FrameEngine::make_slot(int index) {
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  for (std::size_t i = 0; i < plan_.frame.inputs.size(); ++i) {
    slot.upload.emplace_back(device_, raw_.bytes(), MemoryUse::kUpload, "upload");
    if (staged_) slot.raw.emplace_back(device_, raw_.bytes(), MemoryUse::kDevice, "raw frame");
  }
  slot.result =
      Buffer(device_, result_bytes(), staged_ ? MemoryUse::kDevice : MemoryUse::kReadback, "result");
  if (staged_) {
    slot.readback = Buffer(device_, result_bytes(), MemoryUse::kReadback, "read-back");
    record_transfers(slot);
  }
}

void FrameEngine::record_transfers(Slot& slot) {
  slot.upload_commands = transfers_->begin("upload");
  for (std::size_t i = 0; i < slot.upload.size(); ++i) {
    const VkBufferCopy region{0, 0, raw_.bytes()};
    vkCmdCopyBuffer(slot.upload_commands, slot.upload[i].get(), slot.raw[i].get(), 1, &region);
  }
  transfers_->end(slot.upload_commands);
  slot.download_commands = transfers_->begin("download");
  const std::uint64_t from = options_.keep_on_device ? statistics_offset() : 0;
  const std::uint64_t bytes = options_.keep_on_device ? sizeof(FrameStatistics) : result_bytes();
  const VkBufferCopy region{from, from, bytes};
  vkCmdCopyBuffer(slot.download_commands, slot.result.get(), slot.readback.get(), 1, &region);
  transfers_->copy_to_host(slot.download_commands);
  transfers_->end(slot.download_commands);
}

void FrameEngine::record_inputs(VkCommandBuffer commands, const Slot& slot, const Program& program,
                                const Workspace& memory) {
  for (const Value v : program.plan().inputs) {
    // Slots have one upload buffer per input of the frame's plan; the first frame's plan reads a subset.
    const auto at = std::ranges::find(plan_.frame.inputs, v) - plan_.frame.inputs.begin();
    const Buffer& raw =
        staged_ ? slot.raw.at(static_cast<std::size_t>(at)) : slot.upload.at(static_cast<std::size_t>(at));
    const ColourWork work = colour_in(options_.bind.format, model_.info, program.view(v));
    const std::array bindings{whole(raw), program.binding(v, memory)};
    recorder_->dispatch(commands, pipelines_->get({&work.key, 1}).front(), bindings, work.dispatch);
  }
}

void FrameEngine::record_first(int index) {
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  if (states_->count() == 0) return;
  const VkCommandBuffer commands = slot.first_commands = recorder_->begin("initial states");
  recorder_->barrier(commands);
  const std::span<const StateSpec> states = model_.graph.states();
  for (int i = 0; i < states_->count(); ++i) {
    if (!states[static_cast<std::size_t>(i)].zero) continue;
    vkCmdFillBuffer(commands, states_->at(i, index).get(), 0, VK_WHOLE_SIZE, 0);
  }
  if (first_) {
    // What feeds a state here is written where the frame reads it.
    const Workspace memory{arena_.get(), states_.get(), index, index};
    record_inputs(commands, slot, *first_, memory);
    first_->record(*recorder_, commands, memory, nullptr, false);
  }
  recorder_->end(commands);
}

void FrameEngine::record_frame(int index) {
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  const Workspace memory = workspace(index);
  VkCommandBuffer commands = recorder_->begin("frame");
  slot.frame_commands.clear();
  const bool timed = slot.marks.capacity > 0;
  TimeMarks* const every = timed && (options_.bind.time_nodes || sliced()) ? &slot.marks : nullptr;
  recorder_->barrier(commands);  // frames before this one used the same activations
  if (timed) {
    vkCmdResetQueryPool(commands, slot.marks.queries, 0, slot.marks.capacity);
    slot.marks.mark(commands, -1);
  }
  if (options_.poison) {
    for (const Buffer& b : arena_->buffers()) vkCmdFillBuffer(commands, b.get(), 0, VK_WHOLE_SIZE, ~0U);
    recorder_->barrier(commands);
  }
  const FrameStatistics start;
  vkCmdUpdateBuffer(commands, slot.result.get(), statistics_offset(), sizeof start, &start);
  record_inputs(commands, slot, *frame_, memory);
  if (every != nullptr) every->mark(commands, -1);
  if (sliced()) {
    record_pieces(commands, slot, memory);
  } else {
    frame_->record(*recorder_, commands, memory, every, options_.faulty);
  }
  recorder_->barrier(commands);
  record_outputs(commands, slot, memory);
  if (timed) slot.marks.mark(commands, -1);
  if (staged_) {
    recorder_->barrier(commands);
  } else {
    recorder_->barrier_to_host(commands);
  }
  recorder_->end(commands);
  slot.frame_commands.push_back(commands);
}

void FrameEngine::record_outputs(VkCommandBuffer commands, const Slot& slot, const Workspace& memory) {
  const Lowered& graph = plan_.frame.graph;
  const Value original = graph.resolve(plan_.original);
  const Value restored = graph.resolve(plan_.restored);
  const auto main_input = std::ranges::find(plan_.frame.inputs, original) - plan_.frame.inputs.begin();
  const Buffer& raw = staged_ ? slot.raw.at(static_cast<std::size_t>(main_input))
                              : slot.upload.at(static_cast<std::size_t>(main_input));
  const std::uint64_t at = statistics_offset();
  const std::array bindings{whole(raw), frame_->binding(original, memory), frame_->binding(restored, memory),
                            Binding{&slot.result, 0, 0, raw_.bytes(), 4},
                            Binding{&slot.result, static_cast<std::int64_t>(at), at, at + kAlignment, 4}};
  for (const ColourWork& work : colour_out(options_.bind.format, model_.info, frame_->view(original),
                                           frame_->view(restored), options_.bind.strength)) {
    recorder_->dispatch(commands, pipelines_->get({&work.key, 1}).front(), bindings, work.dispatch);
  }
  for (std::size_t i = 0; i < plan_.named.size(); ++i) {
    const Value v = graph.resolve(plan_.named[i].value);
    const Binding from = frame_->binding(v, memory);
    const VkBufferCopy region{from.begin, named_offset(i), plan_.frame.residence(v).bytes};
    vkCmdCopyBuffer(commands, from.buffer->get(), slot.result.get(), 1, &region);
  }
}

void FrameEngine::load(int slot, std::span<const Frame* const> window) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  const int first = frame_window(model_.graph).first;
  for (std::size_t i = 0; i < plan_.frame.inputs.size(); ++i) {
    const auto& input = std::get<op::Input>(plan_.frame.graph.at(plan_.frame.inputs[i]).op);
    const Frame& frame = *window[static_cast<std::size_t>(input.frame_offset - first)];
    raw_.pack(frame, s.upload[i].mapped());
    s.upload[i].flush();
  }
}

void Timeline::wait(const Device& device, std::uint64_t until) const {
  const VkSemaphore semaphore_handle = semaphore.get();
  VkSemaphoreWaitInfo info{VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO};
  info.semaphoreCount = 1;
  info.pSemaphores = &semaphore_handle;
  info.pValues = &until;
  VkResult result = VK_TIMEOUT;
  while (result == VK_TIMEOUT) result = vkWaitSemaphores(device.get(), &info, kWaitSliceNs);
  UNBLUR_VK(result);
}

/// Submits after `before` has reached its newest value; the new value of `after` tells when it is done.
void FrameEngine::submit_after(const Timeline* before, Timeline& after,
                               std::span<const VkCommandBuffer> commands, bool transfer) {
  const VkSemaphore wait = before == nullptr ? VK_NULL_HANDLE : before->semaphore.get();
  const VkSemaphore signal = after.semaphore.get();
  const std::uint64_t wait_value = before == nullptr ? 0 : before->value;
  const std::uint64_t signal_value = ++after.value;
  constexpr VkPipelineStageFlags kAll = VK_PIPELINE_STAGE_ALL_COMMANDS_BIT;
  VkTimelineSemaphoreSubmitInfo values{VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO};
  values.waitSemaphoreValueCount = before == nullptr ? 0 : 1;
  values.pWaitSemaphoreValues = &wait_value;
  values.signalSemaphoreValueCount = 1;
  values.pSignalSemaphoreValues = &signal_value;
  VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
  info.pNext = &values;
  info.waitSemaphoreCount = values.waitSemaphoreValueCount;
  info.pWaitSemaphores = &wait;
  info.pWaitDstStageMask = &kAll;
  info.signalSemaphoreCount = 1;
  info.pSignalSemaphores = &signal;
  info.commandBufferCount = static_cast<std::uint32_t>(commands.size());
  info.pCommandBuffers = commands.data();
  transfer ? device_->submit_transfer(info) : device_->submit_compute(info);
}

void FrameEngine::submit(int slot, bool first) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  if (options_.faulty) fault_on_submit();
  if (staged_) submit_after(nullptr, uploaded_, {&s.upload_commands, 1}, true);
  if (sliced()) {
    submit_slices(s, first);
  } else {
    const std::array both{s.first_commands, s.frame_commands.front()};
    const bool initial = first && s.first_commands != VK_NULL_HANDLE;
    // Frames share activations: the barrier that opens their commands orders them on the one compute queue.
    submit_after(staged_ ? &uploaded_ : nullptr, computed_, std::span(both).subspan(initial ? 0 : 1), false);
  }
  s.computed = computed_.value;
  s.downloaded = 0;
}

void FrameEngine::wait(int slot) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  computed_.wait(*device_, s.computed);
  if (staged_ && s.computed > 0 && s.downloaded == 0) {
    // Submitted only now: behind it in the copy queue, the upload of the next frame would wait for this one.
    submit_after(nullptr, downloaded_, {&s.download_commands, 1}, true);
    s.downloaded = downloaded_.value;
  }
  if (staged_) downloaded_.wait(*device_, s.downloaded);
  host_result(s).invalidate();
  if (s.computed > 0) read_stamps(s);
}

FrameStatistics FrameEngine::statistics(int slot) const {
  FrameStatistics found;
  const Buffer& result = host_result(slots_[static_cast<std::size_t>(slot)]);
  std::memcpy(&found, result.mapped().data() + statistics_offset(), sizeof found);
  return found;
}

void FrameEngine::read_frame(int slot, Frame& frame) const {
  raw_.unpack(host_result(slots_[static_cast<std::size_t>(slot)]).mapped(), frame);
}

std::vector<NamedOutput> FrameEngine::read_outputs(int slot) const {
  std::vector<NamedOutput> outputs;
  const std::span<const std::byte> result = host_result(slots_[static_cast<std::size_t>(slot)]).mapped();
  for (std::size_t i = 0; i < plan_.named.size(); ++i) {
    const TensorView view = frame_->view(plan_.frame.graph.resolve(plan_.named[i].value));
    const std::vector<float> all = unpack_nhwc(result.subspan(named_offset(i)), view);
    const Shape shape = cropped(view);
    NamedOutput output{plan_.named[i].name, shape, {}};
    for (int c = 0; c < shape.c; ++c) {
      for (int y = 0; y < shape.h; ++y) {
        const auto row = all.begin() + (static_cast<std::ptrdiff_t>(c) * view.h + y) * view.w;
        output.values.insert(output.values.end(), row, row + shape.w);
      }
    }
    outputs.push_back(std::move(output));
  }
  return outputs;
}

/// Partly covered pixels included.
Shape FrameEngine::cropped(const TensorView& view) const {
  const auto crop = [](int size, int frame, int padded) {
    return static_cast<int>((static_cast<std::int64_t>(size) * frame + padded - 1) / padded);
  };
  return {view.c, crop(view.h, options_.bind.format.height, plan_.height),
          crop(view.w, options_.bind.format.width, plan_.width)};
}

Binding FrameEngine::device_frame(int slot) const {
  return {&slots_[static_cast<std::size_t>(slot)].result, 0, 0, raw_.bytes(), 4};
}

std::vector<DeviceOutput> FrameEngine::device_outputs(int slot) const {
  std::vector<DeviceOutput> outputs;
  for (std::size_t i = 0; i < plan_.named.size(); ++i) {
    const Value v = plan_.frame.graph.resolve(plan_.named[i].value);
    const TensorView view = frame_->view(v);
    const std::uint64_t begin = named_offset(i);
    outputs.push_back({plan_.named[i].name,
                       cropped(view),
                       view,
                       {&slots_[static_cast<std::size_t>(slot)].result, static_cast<std::int64_t>(begin),
                        begin, begin + plan_.frame.residence(v).bytes, element_bytes(view.storage)}});
  }
  return outputs;
}

std::vector<NodeTime> FrameEngine::read_times(int slot, double* total_ms) const {
  const Slot& s = slots_[static_cast<std::size_t>(slot)];
  *total_ms = total_ms_;
  if (!options_.bind.time_nodes || s.marks.step.size() != intervals_.size()) return {};

  std::vector<double> per_step(frame_->plan().steps.size());
  double colour = 0;
  for (std::size_t i = 0; i < s.marks.step.size(); ++i) {
    (s.marks.step[i] < 0 ? colour : per_step[static_cast<std::size_t>(s.marks.step[i])]) += intervals_[i];
  }
  std::vector<NodeTime> times;
  for (std::size_t i = 0; i < per_step.size(); ++i) {
    const PlannedStep& step = frame_->plan().steps[i];
    times.push_back({step.step.name, step.kernel.shader, per_step[i]});
  }
  times.push_back({"colour", "colour_in, colour_out", colour});
  return times;
}

std::vector<Frame> FrameEngine::loaded_frames(int slot) const {
  const Slot& s = slots_[static_cast<std::size_t>(slot)];
  const FrameWindow window = frame_window(model_.graph);
  std::vector<Frame> frames(static_cast<std::size_t>(window.last - window.first + 1));
  for (std::size_t i = 0; i < plan_.frame.inputs.size(); ++i) {
    const auto& input = std::get<op::Input>(plan_.frame.graph.at(plan_.frame.inputs[i]).op);
    Frame& frame = frames[static_cast<std::size_t>(input.frame_offset - window.first)];
    frame = Frame(options_.bind.format);
    raw_.unpack(s.upload[i].mapped(), frame);
  }
  return frames;
}

std::vector<std::vector<float>> FrameEngine::read_states(int copy) const {
  std::vector<std::vector<float>> all;
  for (int i = 0; i < states_->count(); ++i) {
    const Buffer& buffer = states_->at(i, copy);
    all.push_back(unpack_nhwc(download(device_, *pipelines_, buffer, 0, buffer.size()), states_->view(i)));
  }
  return all;
}

void FrameEngine::write_states(int copy, std::span<const std::vector<float>> states) {
  for (int i = 0; i < states_->count(); ++i) {
    std::vector<std::byte> bytes(states_->at(i, copy).size());
    pack_nhwc(states[static_cast<std::size_t>(i)], states_->view(i), bytes);
    upload(device_, *pipelines_, states_->at(i, copy), bytes);
  }
}

}  // namespace unblur::vk
