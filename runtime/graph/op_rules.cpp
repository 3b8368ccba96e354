// SPDX-License-Identifier: MIT
#include "graph/op_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/error.h"
#include "graph/exposure.h"

namespace unblur {
namespace {

// Far above any network, low enough that no product of two overflows an int.
constexpr int kMaxChannels = 16384;
constexpr int kMaxAttribute = 4096;
constexpr int kMaxSize = 65536;
constexpr int kMaxParts = 4;  // of a grid: what a kernel takes

template <typename... T>
void demand(bool ok, fmt::format_string<T...> message, T&&... values) {
  if (!ok) throw ModelError(fmt::format(message, std::forward<T>(values)...));
}

void demand_range(int value, int low, int high, std::string_view what) {
  demand(value >= low && value <= high, "{} is {}, must be {} to {}", what, value, low, high);
}

void demand_operands(std::size_t count, std::size_t low, std::size_t high) {
  demand(count >= low && count <= high, "has {} operands, needs {}", count,
         low == high ? fmt::format("{}", low) : fmt::format("{} to {}", low, high));
}

void check_margins(const Margins& m) {
  for (const int side : {m.top, m.bottom, m.left, m.right}) demand_range(side, 0, kMaxAttribute, "a margin");
}

void check_extent(const Extent2& e, int low, std::string_view what) {
  demand_range(e.h, low, kMaxAttribute, what);
  demand_range(e.w, low, kMaxAttribute, what);
}

// Shared by the convolutions, once their operands are there.
template <typename Conv>
int convolution_channels(const Conv& o, std::span<const int> in) {
  demand(!o.weight.empty(), "names no weight");
  check_extent(o.kernel, 1, "kernel");
  check_extent(o.stride, 1, "stride");
  check_extent(o.dilation, 1, "dilation");
  check_margins(o.pad);
  demand_range(o.out_channels, 1, kMaxChannels, "out_channels");
  demand_range(o.groups, 1, kMaxChannels, "groups");
  demand(in[0] % o.groups == 0 && o.out_channels % o.groups == 0, "{} groups do not divide {} -> {} channels",
         o.groups, in[0], o.out_channels);
  return o.out_channels;
}

// One overload per operator: output channels.
int channels(const op::Input& o, std::span<const int> in) {
  demand_operands(in.size(), 0, 0);
  demand(!o.name.empty(), "has no name");
  demand_range(o.frame_offset, -16, 16, "frame_offset");
  return o.channels;
}
int channels(const op::State& o, std::span<const int> in) {
  demand_operands(in.size(), 0, 0);
  demand(!o.name.empty(), "has no name");
  return o.channels;
}
int channels(const op::Conv2d& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  return convolution_channels(o, in);
}
int channels(const op::ConvTranspose2d& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  check_extent(o.output_pad, 0, "output_pad");
  demand(o.output_pad.h < std::max(o.stride.h, o.dilation.h) &&
             o.output_pad.w < std::max(o.stride.w, o.dilation.w),
         "output_pad must be smaller than stride or dilation");
  return convolution_channels(o, in);
}
int channels(const op::DeformConv2d& o, std::span<const int> in) {
  demand_operands(in.size(), 2, 3);
  const int out = convolution_channels(o, in);
  demand_range(o.deformable_groups, 1, kMaxChannels, "deformable_groups");
  demand(in[0] % o.deformable_groups == 0, "{} deformable groups do not divide {} channels",
         o.deformable_groups, in[0]);
  const std::int64_t taps = std::int64_t{o.deformable_groups} * o.kernel.h * o.kernel.w;
  demand(in[1] == 2 * taps, "offset has {} channels, needs {}", in[1], 2 * taps);
  demand(in.size() == 2 || in[2] == taps, "mask has {} channels, needs {}", in.back(), taps);
  return out;
}
int channels(const op::PixelShuffle& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand_range(o.factor, 1, 64, "factor");
  demand(in[0] % (o.factor * o.factor) == 0, "{} channels are no multiple of {}", in[0], o.factor * o.factor);
  return in[0] / (o.factor * o.factor);
}
int channels(const op::PixelUnshuffle& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand_range(o.factor, 1, 64, "factor");
  return in[0] * o.factor * o.factor;
}
int channels(const op::Resize& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 2);
  demand_range(o.numerator, 1, kMaxAttribute, "numerator");
  demand_range(o.denominator, 1, kMaxAttribute, "denominator");
  return in[0];
}
int channels(const op::Warp& o, std::span<const int> in) {
  demand_operands(in.size(), 2, 2);
  demand(in[1] == 2, "flow has {} channels, needs 2", in[1]);
  demand(o.border != Border::kReflect, "warp has no reflecting border");
  return in[0];
}
int channels(const op::GatherMean&, std::span<const int> in) {
  demand_operands(in.size(), 2, 2);
  demand(in[1] % 2 == 0, "offset has {} channels, needs pairs", in[1]);
  return in[0];
}
int channels(const op::Correlation& o, std::span<const int> in) {
  demand_operands(in.size(), 2, 2);
  demand(in[0] == in[1], "operands have {} and {} channels", in[0], in[1]);
  demand_range(o.radius, 0, 32, "radius");
  demand_range(o.stride, 1, 64, "stride");
  return (2 * o.radius + 1) * (2 * o.radius + 1);
}
int channels(const op::PixelVolume& o, std::span<const int> in) {
  demand_operands(in.size(), 3, 3);
  demand(in[0] == 3 && in[1] == 3 && in[2] == 2, "operands have {}, {}, {} channels, need 3, 3, 2", in[0],
         in[1], in[2]);
  demand_range(o.radius, 0, 32, "radius");
  return (2 * o.radius + 1) * (2 * o.radius + 1);
}
int channels(const op::Neighbourhood& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand_range(o.kernel, 1, 63, "kernel");
  demand(o.kernel % 2 == 1, "kernel {} is even", o.kernel);
  return in[0] * o.kernel * o.kernel;
}
int channels(const op::Pad& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 2);
  check_margins(o.margins);
  demand_range(o.multiple, 0, kMaxAttribute, "multiple");
  return in[0];
}
int channels(const op::Crop& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 2);
  check_margins(o.margins);
  demand_range(o.multiple, 0, kMaxAttribute, "multiple");
  return in[0];
}
void check_grid(const Extent2& grid, int most) {
  demand_range(grid.h, 1, most, "grid");
  demand_range(grid.w, 1, most, "grid");
}
int channels(const op::Part& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  check_grid(o.grid, kMaxParts);
  demand_range(o.index.h, 0, o.grid.h - 1, "index");
  demand_range(o.index.w, 0, o.grid.w - 1, "index");
  return in[0];
}
int channels(const op::Join& o, std::span<const int> in) {
  check_grid(o.grid, kMaxParts);
  const int parts = o.grid.h * o.grid.w;
  demand_range(parts, 2, kMaxParts, "the number of parts");
  demand_operands(in.size(), static_cast<std::size_t>(parts), static_cast<std::size_t>(parts));
  for (const int c : in) demand(c == in[0], "operands have {} and {} channels", in[0], c);
  return in[0];
}
int channels(const op::Concat&, std::span<const int> in) {
  demand_operands(in.size(), 2, 64);
  return std::accumulate(in.begin(), in.end(), 0);
}
int channels(const op::Slice& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand(o.begin >= 0 && o.count >= 1 && o.count <= in[0] && o.begin <= in[0] - o.count,
         "channels [{}, {} + {}) lie outside {}", o.begin, o.begin, o.count, in[0]);
  return o.count;
}
int channels(const op::Binary&, std::span<const int> in) {
  demand_operands(in.size(), 2, 2);
  demand(in[0] == in[1] || in[0] == 1 || in[1] == 1, "operands have {} and {} channels", in[0], in[1]);
  return std::max(in[0], in[1]);
}
int channels(const op::ChannelAffine& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand(!o.scale.empty() || !o.shift.empty(), "names neither scale nor shift");
  return in[0];
}
int channels(const op::Clamp& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand(o.low <= o.high, "low {} is above high {}", o.low, o.high);
  return in[0];
}
int channels(const op::NormChannels& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand(o.eps > 0.0F, "eps is {}, must be positive", o.eps);
  return in[0];
}
int channels(const op::ReduceChannels&, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  return 1;
}
int channels(const op::ExposurePath& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand_range(o.points, 3, kMaxExposurePoints, "points");
  demand(o.points % 2 == 1, "{} points are no odd number", o.points);
  const int control = o.form == op::PathForm::kLin ? 2 : 4;
  demand(in[0] == control, "control offsets have {} channels, need {}", in[0], control);
  return 2 * o.points;
}
int channels(const op::MotionTaps& o, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  demand(!o.ratio.empty(), "names no ratio");
  demand(in[0] >= 24 && in[0] % 2 == 0, "offsets have {} channels, need pairs of at least 12 points", in[0]);
  return 18;
}
template <typename Elementwise>  // unary, affine, reduce_space, softmax
int channels(const Elementwise&, std::span<const int> in) {
  demand_operands(in.size(), 1, 1);
  return in[0];
}

int convolved(int size, int before, int after, int kernel, int stride, int dilation) {
  const int span = dilation * (kernel - 1) + 1;
  demand(size + before + after >= span, "size {} with padding {}+{} is smaller than the kernel's {}", size,
         before, after, span);
  return (size + before + after - span) / stride + 1;
}

void check_border(Border border, const Margins& m, const Shape& s) {
  demand(border != Border::kReflect || (std::max(m.top, m.bottom) < s.h && std::max(m.left, m.right) < s.w),
         "reflecting padding must be below the size {}", to_string(s));
}

int round_up(int value, int multiple) {
  return multiple > 1 ? (value + multiple - 1) / multiple * multiple : value;
}
int round_down(int value, int multiple) { return multiple > 1 ? value / multiple * multiple : value; }

// One overload per operator that changes the size; h and w are filled, c is set by the caller.
Shape size(const op::Conv2d& o, std::span<const Shape> in) {
  check_border(o.border, o.pad, in[0]);
  return {0, convolved(in[0].h, o.pad.top, o.pad.bottom, o.kernel.h, o.stride.h, o.dilation.h),
          convolved(in[0].w, o.pad.left, o.pad.right, o.kernel.w, o.stride.w, o.dilation.w)};
}
Shape size(const op::ConvTranspose2d& o, std::span<const Shape> in) {
  return {0,
          (in[0].h - 1) * o.stride.h - o.pad.top - o.pad.bottom + o.dilation.h * (o.kernel.h - 1) + 1 +
              o.output_pad.h,
          (in[0].w - 1) * o.stride.w - o.pad.left - o.pad.right + o.dilation.w * (o.kernel.w - 1) + 1 +
              o.output_pad.w};
}
Shape size(const op::DeformConv2d& o, std::span<const Shape> in) {
  const Shape out{0, convolved(in[0].h, o.pad.top, o.pad.bottom, o.kernel.h, o.stride.h, o.dilation.h),
                  convolved(in[0].w, o.pad.left, o.pad.right, o.kernel.w, o.stride.w, o.dilation.w)};
  for (const Shape& s : in.subspan(1)) {
    demand(s.h == out.h && s.w == out.w, "offset or mask {} does not fit the output of {} x {} pixels",
           to_string(s), out.h, out.w);
  }
  return out;
}
Shape size(const op::PixelShuffle& o, std::span<const Shape> in) {
  return {0, in[0].h * o.factor, in[0].w * o.factor};
}
Shape size(const op::PixelUnshuffle& o, std::span<const Shape> in) {
  demand(in[0].h % o.factor == 0 && in[0].w % o.factor == 0, "size {} is no multiple of {}", to_string(in[0]),
         o.factor);
  return {0, in[0].h / o.factor, in[0].w / o.factor};
}
Shape size(const op::Resize& o, std::span<const Shape> in) {
  if (in.size() == 2) return in[1];
  const auto scaled = [&o](int s) {
    const std::int64_t result = static_cast<std::int64_t>(s) * o.numerator / o.denominator;
    return static_cast<int>(std::min<std::int64_t>(result, kMaxSize + 1));
  };
  return {0, scaled(in[0].h), scaled(in[0].w)};
}
Shape size(const op::Warp&, std::span<const Shape> in) {
  demand(in[0].h == in[1].h && in[0].w == in[1].w, "flow {} does not fit {}", to_string(in[1]),
         to_string(in[0]));
  return in[0];
}
Shape size(const op::GatherMean&, std::span<const Shape> in) {
  demand(in[0].h == in[1].h && in[0].w == in[1].w, "offset {} does not fit {}", to_string(in[1]),
         to_string(in[0]));
  return in[0];
}
Shape size(const op::Correlation& o, std::span<const Shape> in) {
  demand(in[0] == in[1], "operands are {} and {}", to_string(in[0]), to_string(in[1]));
  return {0, (in[0].h + o.stride - 1) / o.stride, (in[0].w + o.stride - 1) / o.stride};
}
Shape size(const op::PixelVolume&, std::span<const Shape> in) {
  demand(in[0] == in[1] && in[0].h == in[2].h && in[0].w == in[2].w, "operands are {}, {}, {}",
         to_string(in[0]), to_string(in[1]), to_string(in[2]));
  return in[0];
}
Shape size(const op::Pad& o, std::span<const Shape> in) {
  check_border(o.border, o.margins, in[0]);
  const int h = in[0].h + o.margins.top + o.margins.bottom;
  const int w = in[0].w + o.margins.left + o.margins.right;
  Shape out{0, round_up(h, o.multiple), round_up(w, o.multiple)};
  if (in.size() == 2) {
    demand(in[1].h >= h && in[1].w >= w, "cannot pad {} to the smaller {}", to_string(in[0]),
           to_string(in[1]));
    out = in[1];
  }
  const Margins total{o.margins.top, out.h - in[0].h - o.margins.top, o.margins.left,
                      out.w - in[0].w - o.margins.left};
  check_border(o.border, total, in[0]);
  return out;
}
Shape size(const op::Crop& o, std::span<const Shape> in) {
  const int h = in[0].h - o.margins.top - o.margins.bottom;
  const int w = in[0].w - o.margins.left - o.margins.right;
  if (in.size() == 2) {
    demand(in[1].h <= h && in[1].w <= w, "cannot crop {} to the larger {}", to_string(in[0]),
           to_string(in[1]));
    return in[1];
  }
  return {0, round_down(h, o.multiple), round_down(w, o.multiple)};
}
Shape size(const op::Part& o, std::span<const Shape> in) {
  demand(in[0].h % o.grid.h == 0 && in[0].w % o.grid.w == 0, "size {} is no multiple of {} x {} parts",
         to_string(in[0]), o.grid.h, o.grid.w);
  return {0, in[0].h / o.grid.h, in[0].w / o.grid.w};
}
Shape size(const op::Join& o, std::span<const Shape> in) {
  for (const Shape& s : in) {
    demand(s.h == in[0].h && s.w == in[0].w, "operands are {} and {}", to_string(in[0]), to_string(s));
  }
  return {0, in[0].h * o.grid.h, in[0].w * o.grid.w};
}
Shape size(const op::Concat&, std::span<const Shape> in) {
  for (const Shape& s : in) {
    demand(s.h == in[0].h && s.w == in[0].w, "operands are {} and {}", to_string(in[0]), to_string(s));
  }
  return in[0];
}
Shape size(const op::Binary&, std::span<const Shape> in) {
  const auto one = [](const Shape& s) { return s.h == 1 && s.w == 1; };
  demand((in[0].h == in[1].h && in[0].w == in[1].w) || one(in[0]) || one(in[1]), "operands are {} and {}",
         to_string(in[0]), to_string(in[1]));
  return one(in[0]) ? in[1] : in[0];
}
Shape size(const op::ReduceSpace&, std::span<const Shape>) { return {0, 1, 1}; }
template <typename SameSize>
Shape size(const SameSize&, std::span<const Shape> in) {
  return in[0];
}

}  // namespace

int output_channels(const Op& op, std::span<const int> input_channels) {
  const int result = std::visit([&](const auto& o) { return channels(o, input_channels); }, op);
  demand_range(result, 1, kMaxChannels, "the number of channels");
  return result;
}

Shape output_shape(const Op& op, std::span<const Shape> inputs, int channels) {
  if (inputs.empty()) throw ModelError("has no operand to take its size from");
  Shape shape = std::visit([&](const auto& o) { return size(o, inputs); }, op);
  demand(shape.h >= 1 && shape.w >= 1 && shape.h <= kMaxSize && shape.w <= kMaxSize,
         "operands of {} give an output of {} x {} pixels", to_string(inputs[0]), shape.h, shape.w);
  shape.c = channels;
  return shape;
}

void for_each_parameter(const Op& op, std::span<const int> in,
                        const std::function<void(const std::string&, const Dims&)>& visit) {
  const auto visit_convolution = [&](const auto& conv) {
    visit(conv.weight, {conv.out_channels, in[0] / conv.groups, conv.kernel.h, conv.kernel.w});
    if (!conv.bias.empty()) visit(conv.bias, {conv.out_channels});
  };
  if (const auto* conv = std::get_if<op::Conv2d>(&op)) {
    visit_convolution(*conv);
  } else if (const auto* deformable = std::get_if<op::DeformConv2d>(&op)) {
    visit_convolution(*deformable);
  } else if (const auto* transposed = std::get_if<op::ConvTranspose2d>(&op)) {
    visit(transposed->weight,
          {in[0], transposed->out_channels / transposed->groups, transposed->kernel.h, transposed->kernel.w});
    if (!transposed->bias.empty()) visit(transposed->bias, {transposed->out_channels});
  } else if (const auto* taps = std::get_if<op::MotionTaps>(&op)) {
    visit(taps->ratio, {});
  } else if (const auto* affine = std::get_if<op::ChannelAffine>(&op)) {
    if (!affine->scale.empty()) visit(affine->scale, {in[0]});
    if (!affine->shift.empty()) visit(affine->shift, {in[0]});
  }
}

}  // namespace unblur
