// SPDX-License-Identifier: MIT
// Kernels that stay at their pixel or move whole samples: binary, unary, clamp, affine, concat, slice, pixel
// shuffles, and everything over the channels of a pixel; and reductions over space. Shaders:
// shaders/elementwise.
#include <bit>
#include <cstring>

#include "vulkan/kernels/common.h"

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

  // ---- rearrange.comp ----
  [[nodiscard]] Kernel rearrange(int move, int operands, op::ShuffleOrder order, const Words& words) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, move);
    spec.set(shader::kSpecOwn + 1, operands);
    spec.set(shader::kSpecOwn + 2, static_cast<int>(order));
    return pixel_kernel("rearrange", std::move(spec), words, step, group);
  }
  Kernel operator()(const op::Concat&) const {
    Words words = view_words(step);
    int start = 0;
    for (int i = 0; i + 1 < output_slot(step); ++i) {
      start += step.inputs[static_cast<std::size_t>(i)].c;
      set_word(words, i, start);
    }
    return rearrange(shader::kMoveConcat, output_slot(step), {}, words);
  }
  Kernel operator()(const op::Slice& op) const {
    Words words = view_words(step);
    if (op.begin == 0)
      return pixel_kernel("elementwise", elementwise(shader::kBinaryNone), words, step, group);
    set_word(words, 0, -op.begin);
    return rearrange(shader::kMoveConcat, 1, {}, words);
  }
  [[nodiscard]] Words shuffle_words(int factor, int unit) const {
    Words words = view_words(step);
    set_word(words, 0, factor);
    set_word(words, 1, 1.0F / static_cast<float>(factor));
    set_word(words, 2, unit);
    set_word(words, 3, 1.0F / static_cast<float>(unit));
    return words;
  }
  Kernel operator()(const op::PixelShuffle& op) const {
    return rearrange(shader::kMoveShuffle, 1, op.order, shuffle_words(op.factor, step.output.c));
  }
  Kernel operator()(const op::PixelUnshuffle& op) const {
    // Output channels count phases inside channels, or channels inside phases.
    const bool channel_major = op.order == op::ShuffleOrder::kChannelMajor;
    const int unit = channel_major ? op.factor * op.factor : step.inputs[0].c;
    return rearrange(shader::kMoveUnshuffle, 1, op.order, shuffle_words(op.factor, unit));
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
  const Elementwise make{step, pixel_group_size(caps)};
  return std::visit(
      [&make](const auto& op) -> std::optional<Kernel> {
        if constexpr (requires { make(op); }) {
          return make(op);
        } else {
          return std::nullopt;
        }
      },
      step.op);
}

}  // namespace unblur::vk
