// SPDX-License-Identifier: MIT
// Kernels that stay at their pixel or move whole samples: binary, unary, clamp, affine, concat, slice, pixel
// shuffles, what paths of an exposure need, and everything over the channels of a pixel; and reductions over
// space. Shaders: shaders/elementwise, shaders/trajectory.
#include <bit>
#include <cstring>

#include "graph/exposure.h"
#include "graph/op_registry.h"
#include "vulkan/kernels/common.h"
#include "vulkan/kernels/make_of.h"

namespace unblur::vk {
namespace {

/// `fallback` for all channels, then the parameter if it has a name; padded to whole blocks.
void append_channels(std::vector<std::byte>& bytes, const Step& step, const std::string& name,
                     float fallback) {
  std::vector<float> values(static_cast<std::size_t>(8 * blocks_of(step.output.c)), fallback);
  if (!name.empty()) {
    const std::vector<float> parameter = step.parameters->at(name).to_floats();
    std::copy(parameter.begin(), parameter.end(), values.begin());
  }
  const std::size_t offset = bytes.size();
  bytes.resize(offset + values.size() * sizeof(float));
  std::memcpy(bytes.data() + offset, values.data(), values.size() * sizeof(float));
}

/// One operator of the family on one device.
struct Elementwise {
  const Step& step;
  int group;

  // ---- elementwise.comp ----
  [[nodiscard]] Specialization elementwise(int binary, int affine = shader::kAffineNone) const {
    Specialization spec(step, group);
    const auto spread = [&](std::size_t i) {
      return i < step.inputs.size() && step.inputs[i].c == 1 && step.output.c > 1 ? 1 : 0;
    };
    spec.set(shader::kSpecOwn, binary);
    spec.set(shader::kSpecOwn + 1, spread(0));
    spec.set(shader::kSpecOwn + 2, spread(1));
    spec.set(shader::kSpecOwn + 3, affine);
    return spec;
  }
  Kernel operator()(const op::Binary& op) const {
    return pixel_kernel("elementwise", elementwise(static_cast<int>(op.kind)), view_words(step), step, group);
  }
  Kernel operator()(const op::Unary& op) const {
    Specialization spec = elementwise(shader::kBinaryNone);
    spec.set(shader::kSpecActivation, static_cast<int>(op.kind) + 1);
    spec.set(shader::kSpecActivationA, op.a);
    return pixel_kernel("elementwise", std::move(spec), view_words(step), step, group);
  }
  Kernel operator()(const op::Clamp& op) const {
    Specialization spec = elementwise(shader::kBinaryNone);
    spec.set(shader::kSpecClamp, 1);
    spec.set(shader::kSpecClampLow, op.low);
    spec.set(shader::kSpecClampHigh, op.high);
    return pixel_kernel("elementwise", std::move(spec), view_words(step), step, group);
  }
  Kernel operator()(const op::Affine& op) const {
    Words words = view_words(step);
    set_word(words, 0, op.scale);
    set_word(words, 1, op.shift);
    return pixel_kernel("elementwise", elementwise(shader::kBinaryNone, shader::kAffineConstant), words, step,
                        group);
  }
  Kernel operator()(const op::ChannelAffine& op) const {
    Kernel kernel = pixel_kernel("elementwise", elementwise(shader::kBinaryNone, shader::kAffineChannel),
                                 view_words(step), step, group);
    append_channels(kernel.weights, step, op.scale, 1.0F);
    append_channels(kernel.weights, step, op.shift, 0.0F);
    return kernel;
  }

  // ---- rearrange.comp: several operands stand for their concatenation ----
  [[nodiscard]] Kernel rearrange(int move, int factor = 1, int unit = 1, int first = 0) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, move);
    spec.set(shader::kSpecOwn + 1, output_slot(step));
    spec.set(shader::kSpecOwn + 2, factor);
    spec.set(shader::kSpecOwn + 3, unit);
    Words words = view_words(step);
    set_word(words, 0, -first);
    int start = 0;
    for (int i = 0; i + 1 < output_slot(step); ++i) {
      start += step.inputs[static_cast<std::size_t>(i)].c;
      set_word(words, i, start);
    }
    return pixel_kernel("rearrange", std::move(spec), words, step, group);
  }
  Kernel operator()(const op::Concat&) const { return rearrange(shader::kMoveConcat); }
  Kernel operator()(const op::Slice& op) const {
    if (op.begin != 0) return rearrange(shader::kMoveConcat, 1, 1, op.begin);
    return pixel_kernel("elementwise", elementwise(shader::kBinaryNone), view_words(step), step, group);
  }
  Kernel operator()(const op::PixelShuffle& op) const {
    const bool channel_major = op.order == op::ShuffleOrder::kChannelMajor;
    return rearrange(shader::kMoveShuffle, op.factor, channel_major ? op.factor * op.factor : 1);
  }
  Kernel operator()(const op::PixelUnshuffle& op) const {
    const int phases = op.factor * op.factor;
    if (op.order == op::ShuffleOrder::kChannelMajor) {
      return rearrange(shader::kMoveUnshuffle, op.factor, phases);
    }
    return rearrange(shader::kMoveUnshuffleBlocks, op.factor, step.output.c / phases);
  }

  // ---- trajectory ----
  Kernel operator()(const op::ExposurePath& op) const {
    Kernel kernel = pixel_kernel("exposure_path", Specialization(step, group), view_words(step), step, group);
    std::vector<float> weights(static_cast<std::size_t>(8 * blocks_of(step.output.c)));
    std::size_t at = 0;
    for (const auto& [start, end] : point_weights(enum_name(op.form), op.points)) {
      weights[at++] = start;
      weights[at++] = end;
    }
    kernel.weights.resize(weights.size() * sizeof(float));
    std::memcpy(kernel.weights.data(), weights.data(), kernel.weights.size());
    return kernel;
  }
  Kernel operator()(const op::MotionTaps& op) const {
    Words words = view_words(step);
    set_word(words, 0, step.parameters->at(op.ratio).to_floats().at(0));
    return pixel_kernel("motion_taps", Specialization(step, group), words, step, group);
  }

  // ---- channels.comp ----
  [[nodiscard]] Kernel channels(int kind, float eps = 0.0F) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, kind);
    Words words = view_words(step);
    words[shader::kWordBlocks] = 1;  // an item is a pixel
    words[shader::kWordBlocksInverse] = float_word(1.0F);
    set_word(words, 0, 1.0F / static_cast<float>(step.inputs[0].c));
    set_word(words, 1, eps);
    set_word(words, 2, step.inputs[0].c);
    const int blocks = blocks_of(step.inputs[0].c);
    spec.set(shader::kSpecOwn + 1, blocks <= shader::kChannelsMaxHeld ? blocks : 0);
    spec.set(shader::kSpecNarrow, step.inputs[0].c <= 4 ? 1 : 0);
    return pixel_kernel("channels", std::move(spec), words, step, group);
  }
  Kernel operator()(const op::ReduceChannels& op) const {
    switch (op.kind) {
      case op::Reduction::kSum:
        return channels(shader::kChannelsSum);
      case op::Reduction::kMean:
        return channels(shader::kChannelsMean);
      case op::Reduction::kMax:
        break;
    }
    return channels(shader::kChannelsMax);
  }
  Kernel operator()(const op::SoftmaxChannels&) const { return channels(shader::kChannelsSoftmax); }
  Kernel operator()(const op::NormChannels& op) const {
    return channels(op.kind == op::NormKind::kRms ? shader::kChannelsRms : shader::kChannelsCentred, op.eps);
  }

  // ---- reduce_space.comp: its one output row needs the whole input, so it is never cut into rows ----
  Kernel operator()(const op::ReduceSpace& op) const {
    static_assert(static_cast<int>(op::Reduction::kSum) == shader::kReduceSum &&
                  static_cast<int>(op::Reduction::kMean) == shader::kReduceMean &&
                  static_cast<int>(op::Reduction::kMax) == shader::kReduceMax);
    Specialization spec(step, shader::kReduceGroup);
    spec.set(shader::kSpecOwn, static_cast<int>(op.kind));
    Words words = view_words(step);
    set_word(words, 0, 1.0F / (static_cast<float>(step.inputs[0].w) * static_cast<float>(step.inputs[0].h)));
    // One item per block: with one invocation counted per workgroup this gives a workgroup per block.
    return pixel_kernel("reduce_space", std::move(spec), words, step, 1);
  }
};

}  // namespace

std::optional<Kernel> make_elementwise(const Step& step, const Caps& caps) {
  return make_of(Elementwise{step, pixel_group_size(caps)}, step.op);
}

}  // namespace unblur::vk
