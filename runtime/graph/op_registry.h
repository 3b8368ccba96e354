// SPDX-License-Identifier: MIT
// One description of every operator's attributes: names, types and order. The graph's JSON, the tests'
// case printer and operator messages all come from it.
#pragma once

#include <string_view>

#include "graph/ops.h"

namespace unblur {

/// Calls `visit(name, member)` for each attribute of an operator struct, in a fixed order. Members are int,
/// float, bool, std::string, Margins, Extent2 or one of the enums of ops.h.
template <typename OpT, typename Visitor>
void for_each_attribute(OpT& o, Visitor&& visit) {
  using T = std::remove_const_t<OpT>;
  if constexpr (std::is_same_v<T, op::Input>) {
    visit("name", o.name), visit("channels", o.channels), visit("frame_offset", o.frame_offset);
  } else if constexpr (std::is_same_v<T, op::State>) {
    visit("name", o.name), visit("channels", o.channels);
  } else if constexpr (std::is_same_v<T, op::Conv2d>) {
    visit("weight", o.weight), visit("bias", o.bias), visit("out_channels", o.out_channels);
    visit("kernel", o.kernel), visit("stride", o.stride), visit("dilation", o.dilation);
    visit("groups", o.groups), visit("pad", o.pad), visit("border", o.border);
  } else if constexpr (std::is_same_v<T, op::ConvTranspose2d>) {
    visit("weight", o.weight), visit("bias", o.bias), visit("out_channels", o.out_channels);
    visit("kernel", o.kernel), visit("stride", o.stride), visit("dilation", o.dilation);
    visit("output_pad", o.output_pad), visit("groups", o.groups), visit("pad", o.pad);
  } else if constexpr (std::is_same_v<T, op::DeformConv2d>) {
    visit("weight", o.weight), visit("bias", o.bias), visit("out_channels", o.out_channels);
    visit("kernel", o.kernel), visit("stride", o.stride), visit("dilation", o.dilation);
    visit("groups", o.groups), visit("deformable_groups", o.deformable_groups), visit("pad", o.pad);
  } else if constexpr (std::is_same_v<T, op::PixelShuffle> || std::is_same_v<T, op::PixelUnshuffle>) {
    visit("factor", o.factor), visit("order", o.order);
  } else if constexpr (std::is_same_v<T, op::Resize>) {
    visit("interpolation", o.interpolation), visit("align_corners", o.align_corners);
    visit("numerator", o.numerator), visit("denominator", o.denominator);
  } else if constexpr (std::is_same_v<T, op::Warp>) {
    visit("flow_scale", o.flow_scale), visit("border", o.border);
  } else if constexpr (std::is_same_v<T, op::Correlation>) {
    visit("radius", o.radius), visit("stride", o.stride), visit("mean", o.mean);
  } else if constexpr (std::is_same_v<T, op::PixelVolume>) {
    visit("radius", o.radius), visit("outside", o.outside);
  } else if constexpr (std::is_same_v<T, op::Neighbourhood>) {
    visit("kernel", o.kernel);
  } else if constexpr (std::is_same_v<T, op::Pad>) {
    visit("margins", o.margins), visit("border", o.border), visit("multiple", o.multiple);
  } else if constexpr (std::is_same_v<T, op::Crop>) {
    visit("margins", o.margins), visit("multiple", o.multiple);
  } else if constexpr (std::is_same_v<T, op::Part>) {
    visit("grid", o.grid), visit("index", o.index);
  } else if constexpr (std::is_same_v<T, op::Join>) {
    visit("grid", o.grid);
  } else if constexpr (std::is_same_v<T, op::Slice>) {
    visit("begin", o.begin), visit("count", o.count);
  } else if constexpr (std::is_same_v<T, op::Binary> || std::is_same_v<T, op::ReduceSpace> ||
                       std::is_same_v<T, op::ReduceChannels>) {
    visit("kind", o.kind);
  } else if constexpr (std::is_same_v<T, op::Unary>) {
    visit("kind", o.kind), visit("a", o.a);
  } else if constexpr (std::is_same_v<T, op::Clamp>) {
    visit("low", o.low), visit("high", o.high);
  } else if constexpr (std::is_same_v<T, op::Affine> || std::is_same_v<T, op::ChannelAffine>) {
    visit("scale", o.scale), visit("shift", o.shift);
  } else if constexpr (std::is_same_v<T, op::NormChannels>) {
    visit("kind", o.kind), visit("eps", o.eps);
  } else if constexpr (std::is_same_v<T, op::ExposurePath>) {
    visit("form", o.form), visit("points", o.points);
  } else if constexpr (std::is_same_v<T, op::MotionTaps>) {
    visit("ratio", o.ratio);
  } else {
    static_assert(std::is_same_v<T, op::Concat> || std::is_same_v<T, op::SoftmaxChannels> ||
                      std::is_same_v<T, op::GatherMean>,
                  "a new operator needs its attributes listed here");
  }
}

/// Names of enum values in files, in the order of the enum.
template <typename E>
struct EnumNames;
template <>
struct EnumNames<Border> {
  static constexpr std::string_view kNames[] = {"zero", "reflect", "replicate"};
};
template <>
struct EnumNames<op::ShuffleOrder> {
  static constexpr std::string_view kNames[] = {"channel_major", "block_major"};
};
template <>
struct EnumNames<op::Interpolation> {
  static constexpr std::string_view kNames[] = {"nearest", "bilinear"};
};
template <>
struct EnumNames<op::BinaryKind> {
  static constexpr std::string_view kNames[] = {"add", "sub", "mul", "div", "max", "min"};
};
template <>
struct EnumNames<op::UnaryKind> {
  static constexpr std::string_view kNames[] = {"relu", "leaky_relu", "sigmoid", "tanh", "elu",
                                                "exp",  "sqrt",       "square",  "abs",  "neg"};
};
template <>
struct EnumNames<op::Reduction> {
  static constexpr std::string_view kNames[] = {"sum", "mean", "max"};
};
template <>
struct EnumNames<op::NormKind> {
  static constexpr std::string_view kNames[] = {"centred", "rms"};
};
template <>
struct EnumNames<op::PathForm> {
  static constexpr std::string_view kNames[] = {"quad", "bilin", "lin"};
};

template <typename E>
[[nodiscard]] constexpr std::string_view enum_name(E value) {
  return EnumNames<E>::kNames[static_cast<std::size_t>(value)];
}

/// A default-constructed operator by its name; throws ModelError if there is none.
[[nodiscard]] Op make_op(std::string_view name);
/// "conv2d(weight=a.weight, ..., pad=1,1,1,1)" for messages and test reports.
[[nodiscard]] std::string describe(const Op& op);

}  // namespace unblur
