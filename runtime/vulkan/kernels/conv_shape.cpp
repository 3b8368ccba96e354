// SPDX-License-Identifier: MIT
#include "vulkan/kernels/conv_shape.h"

#include <fmt/format.h>

#include "graph/error.h"
#include "vulkan/kernels/common.h"

namespace unblur::vk {
namespace {

const Tensor& parameter(const Step& step, const std::string& name) {
  const auto found = step.parameters->find(name);
  if (found == step.parameters->end()) {
    throw ModelError(fmt::format("{}: parameter '{}' is missing", step.name, name));
  }
  return found->second;
}

/// Of Conv2d and DeformConv2d.
template <typename Conv>
ConvShape plain_shape(const Step& step, const Conv& conv) {
  ConvShape shape;
  shape.groups = conv.groups;
  shape.in_per_group = step.inputs.front().c / conv.groups;
  shape.out_per_group = conv.out_channels / conv.groups;
  shape.taps = conv.kernel;
  shape.stride = conv.stride;
  shape.dilation = conv.dilation;
  shape.before = {conv.pad.top, conv.pad.left};
  return shape;
}
ConvShape shape_of(const Step& step, const op::Conv2d& conv) {
  ConvShape shape = plain_shape(step, conv);
  shape.border = conv.border;
  return shape;
}
ConvShape shape_of(const Step& step, const op::DeformConv2d& conv) {
  ConvShape shape = plain_shape(step, conv);
  shape.deformable_groups = conv.deformable_groups;
  shape.masked = step.inputs.size() - (step.epilogue.residual ? 1 : 0) == 3;
  return shape;
}

// o + pad = i * s + k * d has for every output residue the kernel taps k of one residue class; read from the
// last to the first they are a correlation over neighbouring inputs. With s = 1 the dilation stays a
// dilation, otherwise it is written out as zeros between the taps.
ConvShape shape_of(const Step& step, const op::ConvTranspose2d& conv) {
  ConvShape shape;
  shape.groups = conv.groups;
  shape.in_per_group = step.inputs.front().c / conv.groups;
  shape.out_per_group = conv.out_channels / conv.groups;
  shape.phases = conv.stride;
  const auto axis = [](int kernel, int stride, int dilation, int pad, int& taps, int& step_size, int& before,
                       int& shift) {
    if (stride == 1) {
      taps = kernel;
      step_size = dilation;
      before = dilation * (kernel - 1);
    } else {
      taps = div_up(dilation * (kernel - 1) + 1, stride);
      step_size = 1;
      before = taps - 1;
    }
    shift = pad;
  };
  axis(conv.kernel.h, conv.stride.h, conv.dilation.h, conv.pad.top, shape.taps.h, shape.dilation.h,
       shape.before.h, shape.phase_shift.h);
  axis(conv.kernel.w, conv.stride.w, conv.dilation.w, conv.pad.left, shape.taps.w, shape.dilation.w,
       shape.before.w, shape.phase_shift.w);
  return shape;
}

}  // namespace

int ConvShape::original_channel(int internal) const {
  if (shuffle == 1) return internal;
  const int position = internal / shuffled;
  const int channel = internal % shuffled;
  const int squared = shuffle * shuffle;
  const int stored = out_per_group / squared;
  if (position >= squared || channel >= stored) return -1;
  return shuffle_order == op::ShuffleOrder::kChannelMajor ? channel * squared + position
                                                          : position * stored + channel;
}

ConvWeights::ConvWeights(const Step& step, const ConvShape& shape) : shape_(shape) {
  std::string bias;
  const auto read_plain = [&](const auto& conv) {
    kernel_ = conv.kernel;
    expanded_ = kernel_;
    weight_ = parameter(step, conv.weight).to_floats();
    bias = conv.bias;
  };
  if (const auto* conv = std::get_if<op::Conv2d>(&step.op)) {
    read_plain(*conv);
  } else if (const auto* deformable = std::get_if<op::DeformConv2d>(&step.op)) {
    read_plain(*deformable);
  } else {
    const auto& up = std::get<op::ConvTranspose2d>(step.op);
    transposed_ = true;
    kernel_ = up.kernel;
    spread_ = {up.stride.h == 1 ? 1 : up.dilation.h, up.stride.w == 1 ? 1 : up.dilation.w};
    expanded_ = {spread_.h * (kernel_.h - 1) + 1, spread_.w * (kernel_.w - 1) + 1};
    weight_ = parameter(step, up.weight).to_floats();
    bias = up.bias;
  }
  if (!bias.empty()) bias_ = parameter(step, bias).to_floats();
  const auto expected = static_cast<std::size_t>(shape.groups) * shape.in_per_group * shape.out_per_group *
                        kernel_.h * kernel_.w;
  if (weight_.size() != expected ||
      (!bias_.empty() && bias_.size() != static_cast<std::size_t>(shape.groups) * shape.out_per_group)) {
    throw ModelError(fmt::format("{}: weights or biases have the wrong size", step.name));
  }
}

float ConvWeights::weight(int phase, int out, int in, int ty, int tx) const {
  int ky = ty;
  int kx = tx;
  int row = out;    // of the parameter's first axis
  int column = in;  // of its second
  int columns = shape_.in_per_group;
  if (transposed_) {
    const auto kernel_tap = [](int t, int taps, int residue, int stride, int expanded, int spread) {
      const int k = residue + stride * (taps - 1 - t);
      return k < expanded && k % spread == 0 ? k / spread : -1;
    };
    const int residue_y = (phase / shape_.phases.w + shape_.phase_shift.h) % shape_.phases.h;
    const int residue_x = (phase % shape_.phases.w + shape_.phase_shift.w) % shape_.phases.w;
    ky = kernel_tap(ty, shape_.taps.h, residue_y, shape_.phases.h, expanded_.h, spread_.h);
    kx = kernel_tap(tx, shape_.taps.w, residue_x, shape_.phases.w, expanded_.w, spread_.w);
    if (ky < 0 || kx < 0) return 0.0F;
    const int group = out / shape_.out_per_group;
    row = group * shape_.in_per_group + in;
    column = out % shape_.out_per_group;
    columns = shape_.out_per_group;
  }
  const auto index = ((static_cast<std::size_t>(row) * columns + column) * kernel_.h + ky) * kernel_.w + kx;
  return weight_[index];
}

ConvShape conv_shape(const Step& step) {
  ConvShape shape;
  if (const auto* conv = std::get_if<op::Conv2d>(&step.op)) {
    shape = shape_of(step, *conv);
  } else if (const auto* deformable = std::get_if<op::DeformConv2d>(&step.op)) {
    shape = shape_of(step, *deformable);
  } else {
    shape = shape_of(step, std::get<op::ConvTranspose2d>(step.op));
  }
  shape.shuffle = step.epilogue.shuffle;
  shape.shuffle_order = step.epilogue.shuffle_order;
  shape.internal_per_group = shape.out_per_group;
  shape.shuffled = shape.out_per_group * shape.groups;
  if (shape.shuffle > 1) {
    const int squared = shape.shuffle * shape.shuffle;
    if (shape.groups != 1 || shape.out_per_group % squared != 0) {
      throw ModelError(fmt::format("{}: a pixel shuffle by {} cannot be fused into {} channels of {} groups",
                                   step.name, shape.shuffle, shape.out_per_group, shape.groups));
    }
    shape.shuffled = round_up(shape.out_per_group / squared, 4);
    shape.internal_per_group = shape.shuffled * squared;
  }
  return shape;
}

std::int64_t conv_multiply_adds(const Step& step) {
  const ConvShape shape = conv_shape(step);
  const std::int64_t pixels =
      static_cast<std::int64_t>(step.output.h) * step.output.w / (shape.shuffle * shape.shuffle);
  const bool transposed = std::holds_alternative<op::ConvTranspose2d>(step.op);
  const Extent2 kernel = transposed ? std::get<op::ConvTranspose2d>(step.op).kernel : shape.taps;
  const std::int64_t terms = static_cast<std::int64_t>(kernel.h) * kernel.w * shape.in_per_group;
  return pixels * shape.out_per_group * shape.groups * terms / (transposed ? shape.phase_count() : 1);
}

}  // namespace unblur::vk
