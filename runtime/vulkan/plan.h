// SPDX-License-Identifier: MIT
// The immutable plan of a graph for one frame size, storage and device: which kernel computes what, in which
// order, where every value lies, where barriers stand. Making one allocates no device memory, so
// that a dry run tells exactly what a real one takes.
//
// Row strips: a plan above the memory limit is cut at every value of which a reader may need any row (warped
// values, reductions over space), at inputs, states and outputs. Between cuts, everything runs strip by
// strip; a value inside needs only the rows that one strip reads, halos included, which are
// computed again by the next strip. A kernel computes the same bits whatever rows it is asked for, so strips
// are bit-equal to whole frames.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/reach.h"
#include "vulkan/lowering.h"
#include "vulkan/memory_plan.h"
#include "vulkan/physical.h"

namespace unblur::vk {

struct StateFeed {
  int state = 0;  ///< index in Graph::states()
  Value value;    ///< is written to that state's next memory
};

struct PlanRequest {
  const Model* model = nullptr;
  const PhysicalDevice* device = nullptr;
  int height = 0, width = 0;  ///< multiples of the model's size multiple
  Storage storage = Storage::kF32;
  std::vector<Value> outputs;  ///< kept whole until the end (inputs may be named, too)
  std::vector<StateFeed> feeds;
  std::uint64_t limit = 0;   ///< bytes for weights and activations; 0 = none
  int strips = 0;            ///< > 0: exactly that many, for tests
  bool share_memory = true;  ///< false: no value shares memory with another, for tests
  bool fuse = true;          ///< false: a kernel per node, for comparisons
};

/// What memory a value that owns its buffer lies in.
enum class Home : std::uint8_t {
  kArena,      ///< at `offset` of the plan's activations
  kStateRead,  ///< the state as the previous frame left it
  kStateNext,  ///< the state for the next frame
};

struct Residence {
  Home home = Home::kArena;
  int state = -1;
  std::uint64_t offset = 0, bytes = 0;
  bool used = false;
};

struct PlannedStep {
  Step step;
  Kernel kernel;
  std::vector<Value> operands;  ///< per view of step.inputs
  Value output;
  std::uint64_t weight_offset = 0;
  std::int64_t multiply_adds = 0;
  int level = 0, phase = 0;
};

/// Rows that a dispatch touches of the buffer behind an operand; memory row 0 holds row `first_row`.
struct TouchedRows {
  Value root;
  int first_row = 0;
  Range rows;
};

struct PlannedRun {
  int step = 0;
  Range rows;                        ///< of the stored output
  std::vector<TouchedRows> touched;  ///< inputs, then the output
  bool barrier_before = false;
};

struct Plan {
  Lowered graph;
  Storage storage = Storage::kF32;
  std::vector<PlannedStep> steps;
  std::vector<PlannedRun> runs;       ///< in order of execution
  std::vector<Residence> residences;  ///< by value, meaningful for roots
  std::vector<Value> inputs;          ///< op::Input values that are read
  std::vector<Value> outputs;         ///< as requested, after passes
  std::uint64_t weight_bytes = 0, arena_bytes = 0;
  int strips = 1;
  std::int64_t multiply_adds = 0;

  [[nodiscard]] const Residence& residence(Value v) const {
    return residences[static_cast<std::size_t>(graph.root(v).parent.id)];
  }
  [[nodiscard]] std::vector<std::string> kernel_lines() const;  ///< for PlanReport::kernels
};

/// Throws ModelError (a node that no kernel runs), MemoryError (naming the bytes of the smallest plan).
[[nodiscard]] Plan make_plan(const PlanRequest& request);

/// Alignment of values and weights in their buffers: covers every device's storage-buffer alignment.
inline constexpr std::uint64_t kAlignment = 256;

}  // namespace unblur::vk
