// SPDX-License-Identifier: MIT
// A plan on a device: weights uploaded, pipelines compiled, ready to be recorded into command buffers. The
// memory it works in (arena, states) belongs to the caller, so that programs can share it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "vulkan/buffer.h"
#include "vulkan/pipeline.h"
#include "vulkan/plan.h"
#include "vulkan/recorder.h"

namespace unblur::vk {

/// One range of device memory in as few buffers as the device's allocation limit allows.
class Arena {
 public:
  Arena(const std::shared_ptr<Device>& device, std::uint64_t bytes, const std::string& name);
  /// The buffer that holds `offset`, and the offset within it. A value of a plan never crosses buffers.
  [[nodiscard]] std::pair<const Buffer*, std::uint64_t> locate(std::uint64_t offset) const;
  [[nodiscard]] std::span<const Buffer> buffers() const noexcept { return buffers_; }

 private:
  std::vector<Buffer> buffers_;
  std::uint64_t chunk_ = 0;
};

/// Copies of every state: frames read one and write the next in turn.
class StateMemory {
 public:
  StateMemory(const std::shared_ptr<Device>& device, const Graph& graph, std::span<const Shape> shapes,
              Storage storage, int copies);
  [[nodiscard]] const Buffer& at(int state, int copy) const {
    return buffers_.at(static_cast<std::size_t>(state * copies_ + copy));
  }
  [[nodiscard]] const TensorView& view(int state) const { return views_.at(static_cast<std::size_t>(state)); }
  [[nodiscard]] int count() const noexcept { return static_cast<int>(views_.size()); }
  [[nodiscard]] int copies() const noexcept { return copies_; }
  /// Bytes that such states take, without allocating them.
  [[nodiscard]] static std::uint64_t bytes(const Graph& graph, std::span<const Shape> shapes, Storage storage,
                                           int copies);

 private:
  int copies_ = 0;
  std::vector<TensorView> views_;
  std::vector<Buffer> buffers_;
};

/// The memory one recording works in.
struct Workspace {
  const Arena* arena = nullptr;
  const StateMemory* states = nullptr;
  int read_copy = 0, next_copy = 0;
};

/// Timestamps of one command buffer: what runs up to each query.
struct TimeMarks {
  VkQueryPool queries = VK_NULL_HANDLE;
  std::uint32_t next = 0, capacity = 0;
  std::vector<int> step;  ///< per interval; -1 colour conversion and copies
  void mark(VkCommandBuffer commands, int step_index);
};

class Program {
 public:
  /// Takes the plan, uploads its packed weights, compiles its pipelines.
  Program(std::shared_ptr<Device> device, Pipelines& pipelines, Plan plan);

  [[nodiscard]] const Plan& plan() const noexcept { return plan_; }
  /// All steps with their barriers. Inputs must have been written before; a barrier stands before the first
  /// step, none behind the last. `marks` may be null. `faulty`: the fault hook's NaN may be planted.
  void record(Recorder& recorder, VkCommandBuffer commands, const Workspace& memory, TimeMarks* marks,
              bool faulty) const;
  /// One run alone, without the barrier before it: part `part` of `parts` of its rows (the last ones may be
  /// empty). The same bits whatever the parts.
  void record_run(Recorder& recorder, VkCommandBuffer commands, const Workspace& memory, std::size_t run,
                  int part, int parts, bool faulty) const;
  /// One step alone, barriers before and behind it (observed plans), in other memory: per operand, then for
  /// the output, a buffer like that of the value that owns it. Not for plans of several strips.
  void record_step_on(Recorder& recorder, VkCommandBuffer commands, std::span<const Buffer* const> buffers,
                      int step) const;
  /// Where a value lies in that memory.
  [[nodiscard]] Binding binding(Value v, const Workspace& memory) const;
  [[nodiscard]] TensorView view(Value v) const { return plan_.graph.view(v, plan_.storage); }

 private:
  void dispatch_rows(Recorder& recorder, VkCommandBuffer commands, const PlannedStep& step, int index,
                     Range rows, std::vector<Binding>& bindings) const;
  [[nodiscard]] Binding touched_binding(const TouchedRows& touched, const Workspace& memory) const;
  [[nodiscard]] Binding rows_of(const TouchedRows& touched, const Buffer& buffer, std::uint64_t offset) const;
  void plant_nan(VkCommandBuffer commands, const Recorder& recorder, Value v, const Workspace& memory) const;
  std::shared_ptr<Device> device_;
  Plan plan_;
  Buffer weights_;
  std::vector<VkPipeline> pipelines_;  // per step
};

/// Writes host bytes to a buffer that may not be mapped. Waits.
void upload(const std::shared_ptr<Device>& device, const Pipelines& pipelines, const Buffer& target,
            std::span<const std::byte> bytes);
/// Reads a range of a buffer. Waits.
[[nodiscard]] std::vector<std::byte> download(const std::shared_ptr<Device>& device,
                                              const Pipelines& pipelines, const Buffer& source,
                                              std::uint64_t offset, std::uint64_t bytes);

}  // namespace unblur::vk
