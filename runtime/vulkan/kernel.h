// SPDX-License-Identifier: MIT
// The contract between the planner (plan.cpp: what runs when, and where values lie) and the kernels
// (vulkan/kernels/*.cpp + shaders/*: how one step is computed). A kernel family turns a Step into a
// Kernel: shader variant, specialization constants, packed weights and, for any range of output rows,
// a dispatch. Kernels never allocate, synchronise or look at the graph.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace unblur::vk {

class Tuning;  // vulkan/tuning.h

/// What the convolution kernels compute, and what gets an epilogue.
[[nodiscard]] inline bool is_convolution(const Op& op) {
  return std::holds_alternative<op::Conv2d>(op) || std::holds_alternative<op::ConvTranspose2d>(op) ||
         std::holds_alternative<op::DeformConv2d>(op);
}

/// How elements lie in device memory. kF16Packed: two halves per 32-bit word (packHalf2x16), for devices
/// without 16-bit storage and for lavapipe; same bytes as kF16.
enum class Storage : std::uint8_t { kF32, kF16, kF16Packed };

/// What kernels may rely on; filled once per device (vulkan/device.cpp), overridable by environment.
struct Caps {
  bool cpu_device = false;
  bool buffer_device_address = false;
  bool fp16_storage = false;
  bool fp16_arithmetic = false;
  bool cooperative_matrix = false;  ///< KHR, 16x16x16 fp16 -> fp32, self-test passed
  std::uint32_t subgroup_size = 1;
  bool int64 = false;  ///< shaderInt64, enabled wherever the device has it (conv_reg loads 8 bytes)
  bool subgroup_broadcast = false;  ///< ballot/shuffle class operations in compute shaders
  bool subgroup_size_control = false;
  std::uint32_t max_workgroup_invocations = 128;
  std::uint32_t max_shared_bytes = 16384;
  std::uint32_t max_push_bytes = 128;
  std::uint64_t max_storage_range = 0;   ///< bytes one storage-buffer binding may cover
  std::uint32_t core_count = 0;          ///< shader cores, 0 unknown
  std::shared_ptr<const Tuning> tuning;  ///< measured choices of this device; may be null
};

/// A value (or a channel range of a larger buffer) as a kernel addresses it: NHWC, element index
///   (y * w + x) * pixel_stride + channel_offset + channel.
/// pixel_stride and channel_offset are multiples of 8. Padding channels [c, round_up(c, 8)) hold zeros: every
/// kernel writes them as zeros when it writes the last channels of a whole value, and may read them.
struct TensorView {
  int c = 0, h = 0, w = 0;
  int pixel_stride = 0;
  int channel_offset = 0;
  Storage storage = Storage::kF32;
};

/// Work done on the fp32 result before it is stored, in this order.
struct Epilogue {
  std::optional<op::Unary> activation;  ///< after the bias
  bool residual = false;                ///< + the last operand of the step, of the shape that is stored (that
                                        ///< is, after the shuffle), read where the result is written
  std::optional<op::Unary> post_activation;  ///< after the residual
  std::optional<op::Clamp> clamp;
  int shuffle = 1;  ///< pixel shuffle in the store; the output view is the shuffled one
  op::ShuffleOrder shuffle_order = op::ShuffleOrder::kChannelMajor;
};

/// One kernel's work: a main operator with everything fused into it. What the planner guarantees: all views
/// of a step have one storage; a Concat has at most kMaxBuffers - 1 operands (operands that could be written
/// in place never come here); only convolutions (is_convolution) get an epilogue; a "like" operand
/// is an input view of which only h and w count (its memory is still bound). A Slice with begin 0 over all
/// channels is a plain copy into another view.
struct Step {
  std::string name;           ///< the main node's name
  std::vector<Value> covers;  ///< graph nodes computed here, the last one is what is stored
  Op op;                      ///< the main operator
  Epilogue epilogue;
  std::vector<TensorView> inputs;  ///< operands of the main operator, then the residual if any
  TensorView output;
  const TensorMap* parameters = nullptr;
  Storage weights = Storage::kF32;  ///< storage of packed weights
};

/// At most this many addresses and words travel in push constants (128 bytes).
inline constexpr int kMaxBuffers = 6;
inline constexpr int kMaxWords = 20;

/// Identical in GLSL (shaders/include/interface.glsl). Slot order: inputs, output, weights. With device
/// addresses `buffers[i]` is the byte address of element 0 of row 0 of the whole frame (for row strips it may
/// point before the strip's memory; rows outside the strip are never touched). With storage-buffer bindings
/// it is the same thing as a signed element offset into binding i.
struct PushConstants {
  std::array<std::uint64_t, kMaxBuffers> buffers{};
  std::array<std::uint32_t, kMaxWords> words{};
};
static_assert(sizeof(PushConstants) == 128);

struct Dispatch {
  std::array<std::uint32_t, 3> groups{1, 1, 1};
  std::array<std::uint32_t, kMaxWords> words{};  ///< sizes, row range and whatever else varies per dispatch
};

/// A chosen kernel. Everything but the row range is fixed; `dispatch(y0, y1)` covers output rows [y0, y1) of
/// the stored output view and computes the same bits whatever the range.
struct Kernel {
  std::string shader;  ///< variant in the generated shader table with its storage, "conv_reg_f32"; the device
                       ///< layer appends "_ssbo" where storage-buffer bindings are used
  std::vector<std::uint32_t> specialization;  ///< constant ids 0, 1, 2, ...
  std::vector<std::byte> weights;             ///< packed in reading order; empty if none
  std::uint32_t required_subgroup_size = 0;   ///< 0 = any
  std::function<Dispatch(int y0, int y1)> dispatch;
  std::string reason;  ///< why this kernel, for the log
};

/// Selects and prepares the kernel of a step. Throws ModelError naming the node if nothing can run it.
/// `forced`: a kernel from the environment, with its tile if wanted ("conv_tile", "conv_tile:32x128" =
/// channels x pixels); empty = what the device's tuning says, else the rule.
[[nodiscard]] Kernel make_kernel(const Step& step, const Caps& caps, const std::string& forced = {});

/// One family per file; each returns nothing where it does not apply.
[[nodiscard]] std::optional<Kernel> make_convolution(const Step& step, const Caps& caps,
                                                     const std::string& forced);
[[nodiscard]] std::optional<Kernel> make_spatial(
    const Step& step, const Caps& caps);  ///< resize, warp, mean along a path, pad, crop, correlation, volume
[[nodiscard]] std::optional<Kernel> make_elementwise(
    const Step& step,
    const Caps& caps);  ///< binary, unary, norm, softmax, concat copy, slice, shuffles, reductions

}  // namespace unblur::vk
