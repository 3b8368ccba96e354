// SPDX-License-Identifier: MIT
#include "cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "graph/op_registry.h"

namespace unblur::test {
namespace {

constexpr int kSizes[][2] = {{1, 1}, {7, 5}, {1, 13}, {11, 1}, {17, 31}, {3, 127}, {65, 9}, {12, 16}};
constexpr int kChannels[] = {3, 8, 13, 16, 1, 33, 24, 2};

/// Makes cases; every configuration walks through the sizes from where the last one stopped.
class Table {
 public:
  std::vector<OperatorCase> cases;

  /// `shape_operands(shape)` gives the operands for a shape drawn from the lists.
  template <typename Operands>
  void add(const std::string& name, const Op& op, Operands shape_operands, OperatorCase like = {},
           int count = 4) {
    for (int i = 0; i < count; ++i) {
      const auto& size = kSizes[next_++ % std::size(kSizes)];
      const Shape shape{kChannels[(next_ + next_ / 8) % std::size(kChannels)], size[0], size[1]};
      like.name = fmt::format("{}/{}", name, i);
      like.op = op;
      like.inputs = shape_operands(shape);
      cases.push_back(like);
    }
  }

 private:
  std::size_t next_ = 0;
};

std::vector<Shape> one(const Shape& s) { return {s}; }
std::vector<Shape> two(const Shape& s) { return {s, s}; }

void add_elementwise(Table& t) {
  using op::BinaryKind;
  using op::UnaryKind;
  for (const BinaryKind kind :
       {BinaryKind::kAdd, BinaryKind::kSub, BinaryKind::kMul, BinaryKind::kMax, BinaryKind::kMin}) {
    t.add(fmt::format("binary_{}", static_cast<int>(kind)), op::Binary{kind}, two, {}, 2);
  }
  t.add("binary_div", op::Binary{BinaryKind::kDiv}, two, {.ranges = {{}, {0.5F, 2.0F}}});
  const op::Binary mul{BinaryKind::kMul};
  t.add("binary_one_channel", mul, [](Shape s) { return std::vector<Shape>{s, {1, s.h, s.w}}; });
  t.add("binary_one_channel_first", mul, [](Shape s) { return std::vector<Shape>{{1, s.h, s.w}, s}; });
  t.add("binary_one_pixel", mul, [](Shape s) { return std::vector<Shape>{s, {s.c, 1, 1}}; });
  t.add("binary_one_pixel_first", mul, [](Shape s) { return std::vector<Shape>{{s.c, 1, 1}, s}; });
  t.add("binary_one_number", mul, [](Shape s) { return std::vector<Shape>{s, {1, 1, 1}}; });
  t.add("binary_outer", mul, [](Shape s) { return std::vector<Shape>{{s.c, 1, 1}, {1, s.h, s.w}}; });

  for (const UnaryKind kind :
       {UnaryKind::kRelu, UnaryKind::kLeakyRelu, UnaryKind::kSigmoid, UnaryKind::kTanh, UnaryKind::kElu,
        UnaryKind::kExp, UnaryKind::kSqrt, UnaryKind::kSquare, UnaryKind::kAbs, UnaryKind::kNeg}) {
    const ValueRange range = kind == UnaryKind::kSqrt ? ValueRange{0.0F, 4.0F} : ValueRange{-6.0F, 6.0F};
    t.add(fmt::format("unary_{}", static_cast<int>(kind)), op::Unary{kind, 0.3F}, one,
          {.ranges = {range}, .tolerance = 5e-6, .half_tolerance = 4e-3}, 2);
  }
  t.add("clamp", op::Clamp{-0.5F, 1.25F}, one);
  t.add("affine", op::Affine{0.75F, -1.5F}, one);
  t.add("channel_affine", op::ChannelAffine{"scale", "shift"}, one);
  t.add("channel_scale", op::ChannelAffine{"scale", ""}, one, {}, 2);
  t.add("channel_shift", op::ChannelAffine{"", "shift"}, one, {}, 2);
}

void add_moves(Table& t) {
  for (const auto order : {op::ShuffleOrder::kChannelMajor, op::ShuffleOrder::kBlockMajor}) {
    for (const int r : {2, 3, 4}) {
      const std::string suffix = fmt::format("_{}_{}", r, static_cast<int>(order));
      t.add(
          "pixel_shuffle" + suffix, op::PixelShuffle{r, order},
          [r](Shape s) {
            return std::vector<Shape>{{s.c * r * r, s.h, s.w}};
          },
          {.tolerance = 0}, 3);
      t.add(
          "pixel_unshuffle" + suffix, op::PixelUnshuffle{r, order},
          [r](Shape s) {
            return std::vector<Shape>{{s.c, s.h * r, s.w * r}};
          },
          {.tolerance = 0}, 3);
    }
  }
  for (const int k : {1, 3, 5, 7}) {
    t.add(fmt::format("neighbourhood_{}", k), op::Neighbourhood{k}, one, {.tolerance = 0}, 3);
  }
  for (const Extent2 grid : {Extent2{2, 2}, Extent2{2, 1}, Extent2{1, 3}}) {
    const std::string suffix = fmt::format("_{}_{}", grid.h, grid.w);
    t.add(
        "part" + suffix, op::Part{grid, {grid.h - 1, grid.w - 1}},
        [grid](Shape s) {
          return std::vector<Shape>{{s.c, s.h * grid.h, s.w * grid.w}};
        },
        {.tolerance = 0}, 3);
    t.add(
        "join" + suffix, op::Join{grid},
        [grid](Shape s) { return std::vector<Shape>(static_cast<std::size_t>(grid.h * grid.w), s); },
        {.tolerance = 0}, 3);
  }
  t.add("concat_2", op::Concat{},
        [](Shape s) {
          return std::vector<Shape>{s, {s.c + 2, s.h, s.w}};
        },
        {.tolerance = 0});
  t.add("concat_3", op::Concat{}, [](Shape s) { return std::vector<Shape>{s, s, s}; }, {.tolerance = 0});
  t.add("concat_5", op::Concat{},
        [](Shape s) {
          return std::vector<Shape>{s, {1, s.h, s.w}, s, {8, s.h, s.w}, {9, s.h, s.w}};
        },
        {.tolerance = 0});
  t.add("slice", op::Slice{3, 5},
        [](Shape s) {
          return std::vector<Shape>{{s.c + 8, s.h, s.w}};
        },
        {.tolerance = 0});
  t.add(
      "slice_aligned", op::Slice{8, 16},
      [](Shape s) {
        return std::vector<Shape>{{s.c + 24, s.h, s.w}};
      },
      {.tolerance = 0}, 2);
  t.add(
      "slice_start", op::Slice{0, 5},
      [](Shape s) {
        return std::vector<Shape>{{s.c + 5, s.h, s.w}};
      },
      {.tolerance = 0}, 2);
}

void add_spatial(Table& t) {
  for (const Border border : {Border::kZero, Border::kReflect, Border::kReplicate}) {
    t.add(fmt::format("pad_{}", static_cast<int>(border)), op::Pad{{2, 1, 3, 0}, border},
          [](Shape s) {
            return std::vector<Shape>{{s.c, s.h + 3, s.w + 3}};
          },
          {.tolerance = 0});
  }
  t.add("pad_multiple", op::Pad{{}, Border::kReplicate, 16}, one, {.tolerance = 0});
  const auto with_like = [](int dh, int dw) {
    return [=](Shape s) { return std::vector<Shape>{{s.c, s.h, s.w}, {5, s.h + dh, s.w + dw}}; };
  };
  t.add("pad_like", op::Pad{{}, Border::kZero}, with_like(4, 9), {.tolerance = 0}, 2);
  t.add("crop", op::Crop{{1, 2, 0, 3}},
        [](Shape s) {
          return std::vector<Shape>{{s.c, s.h + 3, s.w + 3}};
        },
        {.tolerance = 0});
  t.add(
      "crop_multiple", op::Crop{{}, 4},
      [](Shape s) {
        return std::vector<Shape>{{s.c, s.h + 4, s.w + 5}};
      },
      {.tolerance = 0}, 2);
  t.add(
      "crop_like", op::Crop{},
      [](Shape s) {
        return std::vector<Shape>{{s.c, s.h + 2, s.w + 5}, {1, s.h, s.w}};
      },
      {.tolerance = 0}, 2);

  using op::Interpolation;
  for (const bool corners : {false, true}) {
    for (const auto kind : {Interpolation::kNearest, Interpolation::kBilinear}) {
      const std::string name = fmt::format("resize_{}_{}", static_cast<int>(kind), corners);
      // LibTorch computes positions in fp32: scale, product and difference each round one below 128 by up to
      // 4e-6, and the picture rises by up to 4 per pixel.
      OperatorCase like{.torch_tolerance = 5e-5};
      if (kind == Interpolation::kNearest) like = {.tolerance = 0};
      t.add(name + "_up2", op::Resize{kind, corners, 2, 1}, one, like);
      t.add(
          name + "_half", op::Resize{kind, corners, 1, 2},
          [](Shape s) {
            return std::vector<Shape>{{s.c, s.h + 1, s.w + 1}};
          },
          like);
      t.add(name + "_7_3", op::Resize{kind, corners, 7, 3}, one, like, 3);
      t.add(name + "_like", op::Resize{kind, corners, 1, 1}, with_like(5, 20), like, 2);
    }
  }
  // A sum of position and flow below 128 is rounded by up to 4e-6, and the picture rises by up to 4 per pixel
  // in both directions.
  const auto with_flow = [](Shape s) { return std::vector<Shape>{s, {2, s.h, s.w}}; };
  for (const Border border : {Border::kZero, Border::kReplicate}) {
    const std::string name = fmt::format("warp_{}", static_cast<int>(border));
    t.add(name, op::Warp{1.0F, border}, with_flow, {.ranges = {{}, {-9, 9}}, .tolerance = 4e-5});
    t.add(name + "_far", op::Warp{0.125F, border}, with_flow,
          {.ranges = {{}, {-1000, 1000}}, .tolerance = 4e-5}, 3);
  }
  const auto with_path = [](Shape s) { return std::vector<Shape>{s, {14, s.h, s.w}}; };
  t.add("gather_mean", op::GatherMean{}, with_path, {.ranges = {{}, {-9, 9}}, .tolerance = 4e-5});
  t.add("gather_mean_far", op::GatherMean{}, with_path, {.ranges = {{}, {-200, 200}}, .tolerance = 4e-5}, 2);
  for (const int stride : {1, 2}) {
    t.add(fmt::format("correlation_3_{}", stride), op::Correlation{3, stride, true}, two);
  }
  t.add("correlation_4_sum", op::Correlation{4, 1, false}, two, {.tolerance = 2e-5, .half_tolerance = 1e-2},
        3);
  t.add("correlation_1_3", op::Correlation{1, 3, true}, two, {}, 3);
  const auto volume = [](Shape s) { return std::vector<Shape>{{3, s.h, s.w}, {3, s.h, s.w}, {2, s.h, s.w}}; };
  const std::vector<ValueRange> flow{{-1, 1}, {-1, 1}, {-6, 6}};
  t.add("pixel_volume_2", op::PixelVolume{2, 0.0F}, volume, {.ranges = flow, .tolerance = 1e-6}, 6);
  t.add("pixel_volume_1", op::PixelVolume{1, 0.5F}, volume, {.ranges = flow, .tolerance = 1e-6}, 3);
}

void add_exposures(Table& t) {
  // Three products and a sum of up to 20 px.
  const OperatorCase like{.ranges = {{-20, 20}}, .tolerance = 5e-6, .half_tolerance = 2e-3};
  const auto control = [](int channels) {
    return [=](Shape s) { return std::vector<Shape>{{channels, s.h, s.w}}; };
  };
  t.add("path_quad", op::ExposurePath{op::PathForm::kQuad, 15}, control(4), like);
  t.add("path_quad_3", op::ExposurePath{op::PathForm::kQuad, 3}, control(4), like, 2);
  t.add("path_bilin", op::ExposurePath{op::PathForm::kBilin, 9}, control(4), like);
  t.add("path_lin", op::ExposurePath{op::PathForm::kLin, 15}, control(2), like);
  t.add("motion_taps", op::MotionTaps{"ratio"}, control(30), like);
  t.add("motion_taps_13", op::MotionTaps{"ratio"}, control(26), like, 2);
}

void add_channels_and_space(Table& t) {
  for (const auto kind : {op::Reduction::kSum, op::Reduction::kMean, op::Reduction::kMax}) {
    const std::string suffix = fmt::format("_{}", static_cast<int>(kind));
    t.add("reduce_space" + suffix, op::ReduceSpace{kind}, one, {.tolerance = 1e-5, .half_tolerance = 3e-3});
    t.add("reduce_channels" + suffix, op::ReduceChannels{kind}, one, {.tolerance = 1e-5});
  }
  t.add("reduce_space_negative", op::ReduceSpace{op::Reduction::kMax}, one, {.ranges = {{-3, -1}}}, 2);
  t.add("reduce_channels_negative", op::ReduceChannels{op::Reduction::kMax}, one, {.ranges = {{-3, -1}}}, 2);
  t.add("softmax", op::SoftmaxChannels{}, one, {.ranges = {{-9, 9}}, .tolerance = 5e-6});
  t.add("softmax_large", op::SoftmaxChannels{}, one, {.ranges = {{-200, -100}}, .tolerance = 5e-6}, 2);
  t.add("norm_centred", op::NormChannels{op::NormKind::kCentred, 1e-4F}, one, {.tolerance = 2e-5});
  t.add("norm_centred_far", op::NormChannels{op::NormKind::kCentred, 1e-4F}, one,
        {.ranges = {{9, 11}}, .tolerance = 2e-4}, 2);
  t.add("norm_rms", op::NormChannels{op::NormKind::kRms, 1e-6F}, one, {.tolerance = 1e-5});
}

void add_convolutions(Table& t) {
  const auto conv = [](int in_per_group, int out, Extent2 kernel, Extent2 stride = {1, 1},
                       Extent2 dilation = {1, 1}, int groups = 1, Margins pad = {}, Border border = {}) {
    return std::pair{op::Conv2d{"weight", "bias", out, kernel, stride, dilation, groups, pad, border},
                     in_per_group * groups};
  };
  // Sizes are grown so that every kernel and margin fits.
  const auto add = [&](const std::string& name, const std::pair<op::Conv2d, int>& c, int count = 3) {
    t.add(
        name, c.first,
        [channels = c.second](Shape s) {
          return std::vector<Shape>{{channels, s.h + 6, s.w + 6}};
        },
        {.ranges = {{-1, 1}}, .tolerance = 1e-5, .half_tolerance = 4e-3}, count);
  };
  add("conv_3x3", conv(16, 32, {3, 3}, {1, 1}, {1, 1}, 1, Margins::all(1)));
  add("conv_3x3_odd", conv(13, 21, {3, 3}, {1, 1}, {1, 1}, 1, Margins::all(1)));
  add("conv_1x1", conv(24, 40, {1, 1}));
  add("conv_first", conv(3, 16, {3, 3}, {1, 1}, {1, 1}, 1, Margins::all(1)));
  add("conv_last", conv(32, 3, {3, 3}, {1, 1}, {1, 1}, 1, Margins::all(1)));
  add("conv_stride", conv(16, 24, {3, 3}, {2, 2}, {1, 1}, 1, Margins::all(1)));
  add("conv_5x5_stride", conv(8, 16, {5, 5}, {2, 2}, {1, 1}, 1, Margins::all(2)));
  add("conv_stride_3_1", conv(9, 10, {3, 2}, {3, 1}, {1, 1}, 1, {1, 0, 0, 1}));
  add("conv_7x7", conv(3, 32, {7, 7}, {1, 1}, {1, 1}, 1, Margins::all(3)));
  add("conv_7x1", conv(32, 49, {7, 1}, {1, 1}, {1, 1}, 1, {3, 3, 0, 0}));
  add("conv_dilated", conv(16, 16, {3, 3}, {1, 1}, {2, 3}, 1, {2, 2, 3, 3}));
  add("conv_reflect", conv(8, 8, {5, 5}, {1, 1}, {1, 1}, 1, {2, 1, 0, 2}, Border::kReflect));
  add("conv_replicate", conv(8, 8, {3, 3}, {1, 1}, {1, 1}, 1, {3, 1, 2, 0}, Border::kReplicate));
  add("conv_groups", conv(8, 32, {3, 3}, {1, 1}, {1, 1}, 2, Margins::all(1)));
  add("conv_groups_odd", conv(3, 15, {3, 3}, {1, 1}, {1, 1}, 3, Margins::all(1)));
  add("conv_depthwise", conv(1, 24, {3, 3}, {1, 1}, {1, 1}, 24, Margins::all(1)));
  add("conv_depthwise_2", conv(1, 26, {5, 5}, {2, 2}, {1, 1}, 13, Margins::all(2)));

  const auto transposed = [&](const std::string& name, const op::ConvTranspose2d& op, int channels) {
    t.add(
        name, op,
        [channels](Shape s) {
          return std::vector<Shape>{{channels, s.h + 1, s.w + 1}};
        },
        {.ranges = {{-1, 1}}, .tolerance = 1e-5, .half_tolerance = 4e-3}, 3);
  };
  op::ConvTranspose2d up{"weight", "bias", 24, {4, 4}, {2, 2}, {1, 1}, {0, 0}, 1, Margins::all(1)};
  transposed("transposed_4x4", up, 16);
  up.out_channels = 2, up.groups = 2, up.bias.clear();
  transposed("transposed_depthwise", up, 2);
  up = {"weight", "bias", 10, {3, 3}, {2, 2}, {1, 1}, {1, 1}, 2, Margins::all(1)};
  transposed("transposed_3x3_groups", up, 6);
  up = {"weight", "bias", 9, {3, 2}, {1, 3}, {2, 1}, {0, 1}, 1, {1, 0, 0, 1}};
  transposed("transposed_uneven", up, 11);
}

/// Few configurations: each costs Vulkan drivers a compilation.
void add_deformable(Table& t) {
  // Errors of positions (see warp) times slopes, summed over the taps with random signs.
  const auto add = [&](const std::string& name, const op::DeformConv2d& op, int channels, bool masked,
                       float reach, int count) {
    t.add(
        name, op,
        [=](Shape s) {
          const Shape in{channels, s.h + 6, s.w + 6};
          const auto out = [](int size, int pad, int kernel, int stride, int dilation) {
            return (size + pad - dilation * (kernel - 1) - 1) / stride + 1;
          };
          const int h = out(in.h, op.pad.top + op.pad.bottom, op.kernel.h, op.stride.h, op.dilation.h);
          const int w = out(in.w, op.pad.left + op.pad.right, op.kernel.w, op.stride.w, op.dilation.w);
          const int taps = op.deformable_groups * op.kernel.h * op.kernel.w;
          std::vector<Shape> operands{in, {2 * taps, h, w}};
          if (masked) operands.push_back({taps, h, w});
          return operands;
        },
        {.ranges = {{-1, 1}, {-reach, reach}, {0, 1}}, .tolerance = 4e-5, .half_tolerance = 4e-3}, count);
  };
  op::DeformConv2d op{.weight = "weight", .bias = "bias", .out_channels = 21, .pad = Margins::all(1)};
  add("deform_3x3_odd", op, 13, false, 3, 4);
  op = {
      .weight = "weight", .bias = "bias", .out_channels = 12, .deformable_groups = 2, .pad = Margins::all(1)};
  add("deform_masked", op, 16, true, 6, 4);
  op = {.weight = "weight", .out_channels = 40, .stride = {2, 2}, .dilation = {2, 2}, .pad = Margins::all(2)};
  add("deform_strided", op, 6, false, 2, 3);
  op = {.weight = "weight", .bias = "bias", .out_channels = 24, .kernel = {2, 3}, .stride = {2, 1}};
  op.dilation = {1, 3}, op.groups = 2, op.deformable_groups = 4, op.pad = {1, 0, 0, 3};
  add("deform_groups", op, 32, true, 4, 3);
  op = {.weight = "weight", .bias = "bias", .out_channels = 9, .groups = 3, .deformable_groups = 6};
  add("deform_groups_odd", op, 12, true, 4, 3);  // deformable groups of two channels
  op = {.weight = "weight", .out_channels = 1, .kernel = {1, 1}};
  add("deform_tap", op, 1, false, 300, 3);
}

}  // namespace

std::vector<OperatorCase> operator_cases() {
  Table t;
  add_elementwise(t);
  add_moves(t);
  add_spatial(t);
  add_exposures(t);
  add_channels_and_space(t);
  add_convolutions(t);
  add_deformable(t);
  return t.cases;
}

std::vector<OperatorCase> selected_cases(const std::string& operator_name) {
  const char* only = std::getenv("UNBLUR_CASE");
  std::vector<OperatorCase> cases = operator_cases();
  std::erase_if(cases, [&](const OperatorCase& c) {
    return op_name(c.op) != operator_name || (only != nullptr && c.name != only);
  });
  return cases;
}

std::vector<std::string> operator_names() {
  std::vector<std::string> names;
  for (const OperatorCase& c : operator_cases()) {
    const std::string name(op_name(c.op));
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

Trial make_data(const OperatorCase& c, bool half) { return make_trial(c.op, c.inputs, c.ranges, half); }

std::string first_difference(const OperatorCase& c, const ReferenceTensor& truth,
                             std::span<const double> values, double tolerance) {
  std::string shapes;
  for (const Shape& s : c.inputs) shapes += (shapes.empty() ? "" : ", ") + to_string(s);
  const std::string what = fmt::format("{} on {}", describe(c.op), shapes);
  const std::string again = fmt::format("; again: UNBLUR_CASE={} {}", c.name, program_invocation_name);
  if (values.size() != truth.values.size()) {
    return fmt::format("{}: {} values, expected {}{}", what, values.size(), truth.values.size(), again);
  }
  const auto differs = [&](std::size_t i) {
    const double expected = truth.values[i], got = values[i];
    if (!std::isfinite(expected)) return false;
    return !(std::abs(got - expected) <= tolerance * std::max(1.0, std::abs(expected)));
  };
  std::size_t count = 0, first = 0;
  for (std::size_t i = values.size(); i-- > 0;) {
    if (differs(i)) ++count, first = i;
  }
  if (count == 0) return {};
  const auto plane = static_cast<std::size_t>(truth.shape.h) * truth.shape.w;
  return fmt::format(
      "{}: {} of {} values differ, first channel {} row {} column {}: {:.9g}, expected {:.9g}{}", what, count,
      values.size(), first / plane, first % plane / truth.shape.w, first % truth.shape.w, values[first],
      truth.values[first], again);
}

std::string first_difference(const OperatorCase& c, const ReferenceTensor& truth,
                             std::span<const float> values, double tolerance) {
  return first_difference(c, truth, std::vector<double>(values.begin(), values.end()), tolerance);
}

}  // namespace unblur::test
