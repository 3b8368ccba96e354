// SPDX-License-Identifier: MIT
// Frames in, frames out, on one device in one storage: all memory, command buffers and timeline semaphores.
// Slot s reads copy s of every state and writes copy s + 1, so that the state before a frame survives until
// its slot is used again; that is what the session's retry starts from.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "vulkan/colour_kernels.h"
#include "vulkan/frame_plan.h"
#include "vulkan/program.h"

namespace unblur::vk {

/// A timeline semaphore and the newest value that a submission will signal.
struct Timeline {
  SemaphoreHandle semaphore;
  std::uint64_t value = 0;
  void wait(const Device& device, std::uint64_t until) const;
};

/// A frame in slices reads no more time stamps than this, so that two models, path lengths and the inspector
/// stay within 4 KiB a frame.
inline constexpr std::uint32_t kMostStampsRead = 96;

[[nodiscard]] SemaphoreHandle make_timeline(const Device& device);

/// A named output where the device has it; `shape` is cropped to the frame at the output's own scale.
struct DeviceOutput {
  std::string name;
  Shape shape;
  TensorView view;
  Binding where;
};

class FrameEngine {
 public:
  /// Plans, allocates, compiles and records. `model` must outlive the engine.
  FrameEngine(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines, const Model& model,
              const FrameOptions& options);
  ~FrameEngine();
  FrameEngine(const FrameEngine&) = delete;
  FrameEngine& operator=(const FrameEngine&) = delete;

  [[nodiscard]] const FramePlan& plan() const noexcept { return plan_; }
  [[nodiscard]] int slots() const noexcept { return plan_.slots; }

  /// Copies the frames of the window (offsets from frame_window().first on) to the slot's upload memory.
  void load(int slot, std::span<const Frame* const> window);
  /// Submits the slot's frame; `first`: states take their initial values.
  void submit(int slot, bool first);
  void wait(int slot);

  // ---- after wait(slot) ----
  [[nodiscard]] FrameStatistics statistics(int slot) const;
  void read_frame(int slot, Frame& frame) const;
  [[nodiscard]] std::vector<NamedOutput> read_outputs(int slot) const;
  /// By step. `total_ms` is the frame's; of a frame in slices with more pieces than a frame reads time stamps
  /// of, a step's time is the one measured last.
  [[nodiscard]] std::vector<NodeTime> read_times(int slot, double* total_ms) const;
  /// What the last `wait` read beside pictures and outputs: statistics and time stamps.
  [[nodiscard]] std::uint64_t details_bytes() const noexcept {
    return sizeof(FrameStatistics) + std::uint64_t{8} * stamps_read_;
  }
  /// The restored frame, laid out as RawLayout says, and the named outputs; valid until the slot is submitted
  /// again.
  [[nodiscard]] Binding device_frame(int slot) const;
  [[nodiscard]] std::vector<DeviceOutput> device_outputs(int slot) const;
  /// The frames that `load` put there, in window order.
  [[nodiscard]] std::vector<Frame> loaded_frames(int slot) const;

  /// All states of a copy as planar floats, for a retry in another storage. Nothing may be in flight.
  [[nodiscard]] std::vector<std::vector<float>> read_states(int copy) const;
  void write_states(int copy, std::span<const std::vector<float>> states);

 private:
  struct Slot {
    std::vector<Buffer> upload;  ///< per plan input
    std::vector<Buffer> raw;     ///< the same on the device; empty where kernels read `upload` itself
    Buffer result;               ///< frame, statistics, named outputs
    Buffer readback;             ///< its copy for the host; empty where `result` is mapped
    VkCommandBuffer upload_commands = VK_NULL_HANDLE, download_commands = VK_NULL_HANDLE;
    VkCommandBuffer first_commands = VK_NULL_HANDLE;
    std::vector<VkCommandBuffer> frame_commands;  ///< one, or one per piece that a slice may end behind
    QueryPoolHandle queries;
    TimeMarks marks;
    std::uint64_t computed = 0, downloaded = 0;  ///< timeline values of the last submission; 0 = none yet
  };

  void make_slot(int index);
  void record_all();
  void record_first(int index);
  void record_frame(int index);
  void record_pieces(VkCommandBuffer& commands, Slot& slot, const Workspace& memory);
  void submit_slices(Slot& slot, bool first);
  void learn_costs(const Timeline* before, std::span<const VkCommandBuffer> pieces);
  void stop_if_cancelled() const;
  void read_stamps(const Slot& slot);
  [[nodiscard]] bool sliced() const noexcept { return options_.slice_ms > 0; }
  [[nodiscard]] Shape cropped(const TensorView& view) const;
  void record_transfers(Slot& slot);
  void record_inputs(VkCommandBuffer commands, const Slot& slot, const Program& program,
                     const Workspace& memory);
  void record_outputs(VkCommandBuffer commands, const Slot& slot, const Workspace& memory);
  void submit_after(const Timeline* before, Timeline& after, std::span<const VkCommandBuffer> commands,
                    bool transfer);
  [[nodiscard]] std::uint64_t statistics_offset() const;
  [[nodiscard]] std::uint64_t named_offset(std::size_t index) const;
  [[nodiscard]] std::uint64_t result_bytes() const { return named_offset(plan_.named.size()); }
  [[nodiscard]] const Buffer& host_result(const Slot& slot) const {
    return staged_ ? slot.readback : slot.result;
  }
  [[nodiscard]] Workspace workspace(int slot) const;

  std::shared_ptr<Device> device_;
  std::shared_ptr<Pipelines> pipelines_;
  const Model& model_;
  FrameOptions options_;
  FramePlan plan_;
  RawLayout raw_;
  bool staged_ = false;  ///< frames cross a bus: copied by the transfer queue
  std::unique_ptr<Program> frame_, first_;
  std::unique_ptr<Arena> arena_;
  std::unique_ptr<StateMemory> states_;
  std::unique_ptr<Recorder> recorder_, transfers_;
  Timeline uploaded_, computed_, downloaded_;
  std::vector<Slot> slots_;
  std::vector<double> intervals_;  ///< ms between marks, as measured last; empty: not yet
  double total_ms_ = 0;            ///< of the frame waited for last
  std::uint32_t next_read_ = 0, stamps_read_ = 0;
  std::vector<int> parts_;  ///< of slices: into how many pieces each run is recorded
  bool parts_known_ = false, record_again_ = false;
};

}  // namespace unblur::vk
