// SPDX-License-Identifier: MIT
// Kernels that read other pixels than they write: resize, warp, mean along a path, pad, crop, part, join,
// correlation, pixel volume, neighbourhood. Shaders: shaders/spatial, and shaders/elementwise/rearrange.comp
// for the neighbourhood.
#include <fmt/format.h>

#include "graph/error.h"
#include "vulkan/kernels/common.h"
#include "vulkan/kernels/make_of.h"

namespace unblur::vk {
namespace {

/// One operator of the family on one device.
struct Spatial {
  const Step& step;
  int group;

  Kernel operator()(const op::Resize& op) const {
    // The shader computes 2 * i * count in 32 bits (half-pixel centres).
    const TensorView &in = step.inputs[0], &out = step.output;
    for (const auto& [a, b] : {std::pair{in.w, out.w}, std::pair{in.h, out.h}}) {
      if (2 * static_cast<std::int64_t>(a) * b + b > INT32_MAX) {
        throw ModelError(fmt::format("{}: a resize from {} to {} samples is too wide", step.name, a, b));
      }
    }
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, op.interpolation == op::Interpolation::kBilinear ? 1 : 0);
    spec.set(shader::kSpecOwn + 1, op.align_corners ? 1 : 0);
    spec.set(shader::kSpecOwn + 2, output_slot(step));
    return pixel_kernel("resize", std::move(spec), view_words(step), step, group);
  }

  Kernel operator()(const op::Warp& op) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, static_cast<int>(op.border));
    Words words = view_words(step);
    set_word(words, 0, op.flow_scale);
    return pixel_kernel("warp", std::move(spec), words, step, group);
  }

  Kernel operator()(const op::GatherMean& /*op*/) const {
    Words words = view_words(step);
    set_word(words, 0, step.inputs[1].c / 2);
    return pixel_kernel("gather_mean", Specialization(step, group), words, step, group);
  }

  Kernel operator()(const op::Correlation& op) const {
    const int channels = step.inputs[0].c;
    Words words = view_words(step);
    set_word(words, 0, op.radius | op.stride << 16);
    set_word(words, 1, 1.0F / static_cast<float>(2 * op.radius + 1));
    set_word(words, 2, op.mean ? 1.0F / static_cast<float>(channels) : 1.0F);
    set_word(words, 3, channels);
    return pixel_kernel("correlation", Specialization(step, group), words, step, group);
  }

  Kernel operator()(const op::PixelVolume& op) const {
    Words words = view_words(step);
    set_word(words, 0, op.radius);
    set_word(words, 1, 1.0F / static_cast<float>(2 * op.radius + 1));
    set_word(words, 2, op.outside);
    return pixel_kernel("pixel_volume", Specialization(step, group), words, step, group);
  }

  Kernel operator()(const op::Neighbourhood& op) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, shader::kMoveNeighbourhood);
    spec.set(shader::kSpecOwn + 1, 1);
    spec.set(shader::kSpecOwn + 2, op.kernel);
    spec.set(shader::kSpecOwn + 3, op.kernel * op.kernel);
    return pixel_kernel("rearrange", std::move(spec), view_words(step), step, group);
  }

  Kernel operator()(const op::Pad& op) const { return shift(op.margins.top, op.margins.left, op.border); }
  Kernel operator()(const op::Crop& op) const {
    return shift(-op.margins.top, -op.margins.left, Border::kReplicate);  // a crop never leaves the frame
  }

  Kernel operator()(const op::Part& op) const {
    return shift(-op.index.h * step.output.h, -op.index.w * step.output.w, Border::kReplicate);
  }

  Kernel operator()(const op::Join& op) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, op.grid.h * op.grid.w);
    spec.set(shader::kSpecOwn + 1, op.grid.w);
    return pixel_kernel("join", std::move(spec), view_words(step), step, group);
  }

  [[nodiscard]] Kernel shift(int down, int right, Border border) const {
    Specialization spec(step, group);
    spec.set(shader::kSpecOwn, static_cast<int>(border));
    spec.set(shader::kSpecOwn + 1, output_slot(step));
    Words words = view_words(step);
    set_word(words, 0, down);
    set_word(words, 1, right);
    return pixel_kernel("shift", std::move(spec), words, step, group);
  }
};

}  // namespace

std::optional<Kernel> make_spatial(const Step& step, const Caps& caps) {
  return make_of(Spatial{step, pixel_group_size(caps)}, step.op);
}

}  // namespace unblur::vk
