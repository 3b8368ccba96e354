// SPDX-License-Identifier: MIT
// Every operator case on a Vulkan device, kernel by kernel: fp32 and fp16 against the float64 loop; then once
// more in row strips, on operands that lie in wider buffers, which must give the same bits.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "cases.h"
#include "fixture.h"
#include "graph/error.h"
#include "graph/op_registry.h"
#include "vulkan/layout.h"
#include "vulkan/single_op.h"

namespace unblur::vk {
namespace {

using unblur::test::OperatorCase;

Step make_step(const OperatorCase& c, const Trial& data, Storage storage) {
  return single_step(c.name, c.op, c.inputs, data, storage);
}

SingleOpResult run(const Step& step, const Trial& data, int row_step = 0) {
  const Kernel kernel = make_kernel(step, test::device()->caps());
  SingleOpResult result =
      run_kernel(test::device(), test::pipelines(), step, kernel, data.inputs, {.row_step = row_step});
  EXPECT_TRUE(result.padding_is_zero) << step.name << " with " << kernel.shader;
  EXPECT_TRUE(result.outside_untouched) << step.name << " with " << kernel.shader;
  return result;
}

/// The same values inside wider buffers.
TensorView inside_wider(TensorView view, int offset, int more) {
  view.channel_offset = offset;
  view.pixel_stride += offset + more;
  return view;
}

void check(const OperatorCase& c) {
  SCOPED_TRACE(fmt::format("{}: {} on {}", c.name, describe(c.op), to_string(c.inputs[0])));
  const Trial data = unblur::test::make_data(c, false);
  Step step = make_step(c, data, Storage::kF32);
  const SingleOpResult whole = run(step, data);
  EXPECT_LE(largest_error(whole.values, data.truth), c.tolerance);

  for (TensorView& view : step.inputs) view = inside_wider(view, 8, 16);
  step.output = inside_wider(step.output, 16, 8);
  EXPECT_EQ(run(step, data, 3).values, whole.values) << "row strips in wider buffers";

  // Convolutions compile slowly, and vulkan.convolution has them in fp16.
  if (op_name(c.op).starts_with("conv")) return;
  const Trial half = unblur::test::make_data(c, true);
  EXPECT_LE(largest_error(run(make_step(c, half, Storage::kF16Packed), half).values, half.truth),
            c.half_tolerance);
}

/// One test per operator name.
class VulkanOperators : public testing::TestWithParam<std::string> {};

TEST_P(VulkanOperators, MatchFloat64Loops) {
  for (const OperatorCase& c : unblur::test::selected_cases(GetParam())) {
    check(c);
    if (test::device()->storage_buffers()) return;  // this form once per operator: it compiles slowly
  }
}

INSTANTIATE_TEST_SUITE_P(All, VulkanOperators, testing::ValuesIn(unblur::test::operator_names()),
                         [](const auto& tested) { return tested.param; });

/// Positions that are no numbers must not reach an address; the result may be anything.
TEST(VulkanOperatorsTest, SamplingSurvivesAnyPosition) {
  const op::DeformConv2d tap{.weight = "weight", .out_channels = 8, .kernel = {1, 1}};
  for (const Op& op : {Op{op::Warp{1.0F, Border::kZero}}, Op{op::Warp{1.0F, Border::kReplicate}},
                       Op{op::GatherMean{}}, Op{tap}}) {
    const OperatorCase c{.name = "any", .op = op, .inputs = {{8, 5, 6}, {2, 5, 6}}};
    Trial data = unblur::test::make_data(c, false);
    const float bad[] = {std::numeric_limits<float>::quiet_NaN(),
                         std::numeric_limits<float>::infinity(),
                         -std::numeric_limits<float>::infinity(),
                         3e38F,
                         -3e38F,
                         5e9F};
    for (std::size_t i = 0; i < data.inputs[1].size(); ++i) data.inputs[1][i] = bad[i % std::size(bad)];
    EXPECT_EQ(run(make_step(c, data, Storage::kF32), data).values.size(), 240U) << describe(op);
  }
}

/// Every kernel that the device can run, with all that a store may do.
TEST(VulkanOperatorsTest, DeformableKernelsFinishWithActivationAndResidual) {
  const op::DeformConv2d op{
      .weight = "weight", .bias = "bias", .out_channels = 12, .deformable_groups = 2, .pad = Margins::all(1)};
  const OperatorCase c{.name = "finish",
                       .op = op,
                       .inputs = {{16, 9, 21}, {36, 9, 21}, {18, 9, 21}},
                       .ranges = {{-1, 1}, {-6, 6}, {0, 1}}};
  for (const Storage storage : {Storage::kF32, Storage::kF16Packed}) {
    Trial data = unblur::test::make_data(c, storage != Storage::kF32);
    Step step = make_step(c, data, storage);
    std::vector<float> residual(data.inputs[0].begin(), data.inputs[0].begin() + 12 * 9 * 21);
    for (std::size_t i = 0; i < residual.size(); ++i) {
      data.truth.values[i] = std::max(data.truth.values[i], 0.0) + double{residual[i]};
    }
    data.inputs.push_back(std::move(residual));
    step.inputs.push_back(step.output);
    step.epilogue.activation = op::Unary{op::UnaryKind::kRelu};
    step.epilogue.residual = true;
    int ran = 0;
    for (const char* name : {"conv_reg", "conv_tile", "conv_direct"}) {
      Kernel kernel;
      try {
        kernel = make_kernel(step, test::device()->caps(), name);
      } catch (const ModelError&) {
        continue;  // registers need subgroups of eight
      }
      ++ran;
      const std::vector<float> whole =
          run_kernel(test::device(), test::pipelines(), step, kernel, data.inputs).values;
      EXPECT_LE(largest_error(whole, data.truth), storage == Storage::kF32 ? 4e-5 : 4e-3) << name;
      EXPECT_EQ(
          run_kernel(test::device(), test::pipelines(), step, kernel, data.inputs, {.row_step = 4}).values,
          whole)
          << name << " in row strips";
    }
    EXPECT_GE(ran, 2);
  }
}

/// Kernels of moves take several operands for their concatenation.
TEST(VulkanOperatorsTest, UnshuffleOfSeveralOperandsJoinsThem) {
  const OperatorCase joined{
      .name = "joined", .op = op::Concat{}, .inputs = {{3, 6, 10}, {3, 6, 10}, {9, 6, 10}}};
  const Trial data = unblur::test::make_data(joined, false);
  for (const auto order : {op::ShuffleOrder::kChannelMajor, op::ShuffleOrder::kBlockMajor}) {
    const op::PixelUnshuffle unshuffle{2, order};
    Trial expected = data;
    expected.truth = evaluate_reference(unshuffle, std::span(&data.truth, 1));
    Step step = make_step(joined, expected, Storage::kF32);
    step.op = unshuffle;
    EXPECT_EQ(largest_error(run(step, expected).values, expected.truth), 0);
  }
}

}  // namespace
}  // namespace unblur::vk
