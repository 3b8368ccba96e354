// SPDX-License-Identifier: MIT
// Everything that is decided about processing frames before any device memory is taken: the plans of a frame
// and of the states' initial values, how many frames may be in flight, the bytes of it all.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "graph/executor.h"
#include "vulkan/physical.h"
#include "vulkan/plan.h"

namespace unblur::vk {

struct FrameOptions {
  BindOptions bind;
  Storage storage = Storage::kF32;
  int most_slots = 3;        ///< frames whose memory exists at once; one less may be in flight
  int strips = 0;            ///< > 0: exactly that many, for tests
  bool share_memory = true;  ///< false: no aliasing, for tests
  bool poison = false;       ///< fill activations with NaN before every frame, for tests
  bool faulty = true;        ///< the fault hook may act
  /// > 0: a frame is submitted in slices of about so many ms with at most one waiting behind the one that
  /// runs, so that drawing gets its turn; `submit` then returns when the last slice is under way, and one
  /// frame may be in flight.
  double slice_ms = 0;
  bool keep_on_device = false;  ///< pictures and named outputs are not copied to the host
  /// With slices: once it is raised, `submit` gives the frame up between two slices and throws
  /// ProcessingError, so that whoever closes need not wait for a slow model.
  const std::atomic<bool>* cancelled = nullptr;
};

struct FramePlan {
  Plan frame;
  std::optional<Plan> first;  ///< initial values of states; absent if all are zeros
  int height = 0, width = 0;  ///< the model's frame: padded to its size multiple
  int slots = 0;              ///< frame buffers, and copies of every state
  Value restored;             ///< graph output "frame", or `original` where there is none
  Value original;             ///< the op::Input with frame offset 0
  std::vector<OutputSpec> named;
  PlanReport report;

  [[nodiscard]] std::uint64_t arena_bytes() const {
    return std::max(frame.arena_bytes, first ? first->arena_bytes : 0);
  }
};

/// Throws ModelError where the model cannot process frames (an output "frame" of another size, inputs
/// that are not RGB), MemoryError naming the bytes needed.
[[nodiscard]] FramePlan plan_frames(const Model& model, const PhysicalDevice& device,
                                    const FrameOptions& options);

/// Smallest and largest frame offset that the inputs ask for.
struct FrameWindow {
  int first = 0, last = 0;
};
[[nodiscard]] FrameWindow frame_window(const Graph& graph);

}  // namespace unblur::vk
