// SPDX-License-Identifier: MIT
// Every operator case on LibTorch: values in float32, in float64 and in a batch against the float64 loop,
// bfloat16's type; gradients in float64 against central differences of that loop.
//   UNBLUR_CASE=warp_0/2 operators_torch_test         runs one case
//   UNBLUR_TORCH_DEVICE=cuda operators_torch_test     on a CUDA device; skipped where there is none
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cases.h"
#include "graph/op_registry.h"
#include "torch_device.h"
#include "torch_device_choice.h"
#include "torch_ops.h"

namespace unblur {
namespace {

using test::OperatorCase;
using test::torch_device;

at::Tensor operand(const Shape& shape, const std::vector<float>& values) {
  return at::tensor(values).view({1, shape.c, shape.h, shape.w});
}

std::vector<at::Tensor> operands(const OperatorCase& c, const Trial& data, at::ScalarType type) {
  std::vector<at::Tensor> out;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    out.push_back(operand(c.inputs[i], data.inputs[i]).to(torch_device(), type));
  return out;
}

TorchTensors parameters(const Trial& data, at::ScalarType type) {
  TorchTensors out;
  for (const auto& [name, tensor] : data.parameters) out[name] = to_torch(tensor).to(torch_device(), type);
  return out;
}

std::vector<double> doubles(const at::Tensor& t) {
  const at::Tensor plain = t.detach().to(at::kCPU, at::kDouble).contiguous();
  const auto* first = plain.const_data_ptr<double>();
  return {first, first + plain.numel()};
}

void check_values(const OperatorCase& c) {
  const Trial data = test::make_data(c, false);
  const auto differs = [&](const at::Tensor& out, double tolerance) {
    return test::first_difference(c, data.truth, doubles(out), tolerance);
  };
  // float64 leaves no rounding to hide behind. float32 constants of the attributes are exact in both.
  const at::Tensor exact = apply_op(c.op, operands(c, data, at::kDouble), parameters(data, at::kDouble));
  EXPECT_EQ(differs(exact, 1e-12), "") << "float64";

  std::vector<at::Tensor> in = operands(c, data, at::kFloat);
  const TorchTensors floats = parameters(data, at::kFloat);
  const double tolerance = std::max(c.tolerance, c.torch_tolerance);
  EXPECT_EQ(differs(apply_op(c.op, in, floats), tolerance), "") << "float32";
  const at::Tensor narrow = apply_op(c.op, operands(c, data, at::kBFloat16), parameters(data, at::kBFloat16));
  EXPECT_EQ(narrow.scalar_type(), at::kBFloat16) << "what reads it has weights of this type";

  // A batch of (other, this): the second sample must not see the first.
  for (at::Tensor& t : in) t = at::cat({t.flip({3}) * 0.5, t});
  const at::Tensor batch = apply_op(c.op, in, floats);
  ASSERT_EQ(batch.size(0), 2);
  EXPECT_EQ(differs(batch[1], tolerance), "") << "second sample of a batch";
}

/// d(sum of out * direction) of some entries of every operand and parameter, by the loop and by autograd.
class GradientCheck {
 public:
  explicit GradientCheck(const OperatorCase& c) : case_(c), data_(test::make_data(c, false)) {
    for (std::size_t i = 0; i < c.inputs.size(); ++i) loop_.emplace_back(c.inputs[i], data_.inputs[i]);
    direction_ = at::rand(data_.truth.values.size(), at::kDouble) - 0.5;
  }

  void run() {
    std::vector<at::Tensor> in = operands(case_, data_, at::kDouble);
    TorchTensors weights = parameters(data_, at::kDouble);
    for (at::Tensor& t : in) t.requires_grad_(true);
    for (auto& [name, t] : weights) t.requires_grad_(true);
    const at::Tensor out = apply_op(case_.op, in, weights);
    if (!out.requires_grad()) return;  // sizes alone
    (out.flatten() * direction_.to(torch_device())).sum().backward();
    for (std::size_t i = 0; i < in.size(); ++i) check_operand(i, in[i].grad());
    for (auto& [name, t] : weights) check_parameter(name, t.grad());
  }

 private:
  double objective() const {
    const ReferenceTensor out = evaluate_reference(case_.op, loop_, data_.parameters);
    const auto* direction = direction_.const_data_ptr<double>();
    double sum = 0;
    for (std::size_t i = 0; i < out.values.size(); ++i) sum += out.values[i] * direction[i];
    return sum;
  }

  /// `at(step)` moves one entry by step from where it was. Kinks (corners of ReLU, bilinear cells) are few
  /// and the step small; an entry whose one-sided differences disagree lies on one and proves nothing.
  template <typename Move>
  void compare(const std::string& what, double got, double step, Move at) {
    at(step);
    const double above = objective();
    at(-step);
    const double below = objective();
    at(0);
    const double here = objective();
    const double central = (above - below) / (2 * step), scale = std::max(1.0, std::abs(central));
    if (std::abs((above - here) / step - (here - below) / step) > 1e-2 * scale) return;
    ++compared_;
    // A difference quotient is good to about step^2 and (float64 rounding of the objective) / step.
    EXPECT_NEAR(got, central, 2e-4 * scale) << case_.name << ", " << describe(case_.op) << ": d/d " << what;
  }

  void check_operand(std::size_t i, const at::Tensor& gradient) {
    const bool truncated = std::holds_alternative<op::PixelVolume>(case_.op) && i == 2;
    if (!gradient.defined()) {
      const bool like_operand =
          i == 1 && (std::holds_alternative<op::Resize>(case_.op) ||
                     std::holds_alternative<op::Pad>(case_.op) || std::holds_alternative<op::Crop>(case_.op));
      EXPECT_TRUE(truncated || like_operand) << case_.name << ": no gradient for operand " << i;
      return;
    }
    const std::vector<double> all = doubles(gradient);
    for (const std::size_t e : entries(all.size())) {
      double& value = loop_[i].values[e];
      const double old = value;
      compare(fmt::format("operand {} entry {}", i, e), all[e], 1e-5,
              [&](double step) { value = old + step; });
    }
  }

  void check_parameter(const std::string& name, const at::Tensor& gradient) {
    ASSERT_TRUE(gradient.defined()) << case_.name << ": no gradient for " << name;
    const std::vector<double> all = doubles(gradient);
    const std::span<float> values = data_.parameters.at(name).f32();
    for (const std::size_t e : entries(all.size())) {
      // Parameters are float32: a power of two as step, and what is really reached as the point. They enter
      // linearly, so that a large step loses nothing.
      const float old = values[e];
      compare(name + fmt::format("[{}]", e), all[e], 0.0625,
              [&](double step) { values[e] = old + static_cast<float>(step); });
    }
  }

  static std::vector<std::size_t> entries(std::size_t count) {
    std::vector<std::size_t> out;
    for (const double share : {0.0, 0.37, 0.71, 0.999}) {
      out.push_back(static_cast<std::size_t>(share * static_cast<double>(count)));
    }
    return out;
  }

 public:
  int compared_ = 0;

 private:
  const OperatorCase& case_;
  Trial data_;
  std::vector<ReferenceTensor> loop_;
  at::Tensor direction_;
};

class TorchOperators : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (torch_device().is_cpu()) return;
    if (!load_cuda().empty()) GTEST_SKIP() << load_cuda();
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
  }
  template <typename F>
  static void for_each_case(F f) {
    for (const OperatorCase& c : test::selected_cases(GetParam())) {
      SCOPED_TRACE(c.name);
      f(c);
    }
  }
};

TEST_P(TorchOperators, MatchFloat64Loops) { for_each_case(check_values); }

TEST_P(TorchOperators, GradientsMatchDifferences) {
  int compared = 0;
  bool any = false;
  for_each_case([&](const OperatorCase& c) {
    any = true;
    if (c.inputs[0].c * c.inputs[0].h * c.inputs[0].w > 6000) return;  // the loop runs a dozen times
    GradientCheck check(c);
    check.run();
    compared += check.compared_;
  });
  if (any) {
    EXPECT_GT(compared, 0) << "every entry lay on a kink";
  }
}

INSTANTIATE_TEST_SUITE_P(All, TorchOperators, testing::ValuesIn(test::operator_names()),
                         [](const auto& test) { return test.param; });

/// Where the range rule makes a sample 0, at exactly -1 and at the size, its derivatives are 0, too.
TEST(TorchOperatorsTest, SamplesAtTheEndOfTheRangeHaveNoDerivative) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    const at::Tensor x = at::ones({1, 1, 3, 4}, type).requires_grad_(true);
    at::Tensor offset = at::zeros({1, 2, 3, 4}, type);
    offset[0][0] = -1.0 - at::arange(3, type).view({3, 1});  // every row reads row -1
    offset[0][1] = 0.25;
    offset[0][0][2] = 1.0;  // but the last one row 3
    offset.requires_grad_(true);
    const TorchTensors weight{{"w", at::ones({1, 1, 1, 1}, type)}};
    for (const Op& op :
         {Op{op::DeformConv2d{.weight = "w", .out_channels = 1, .kernel = {1, 1}}}, Op{op::GatherMean{}}}) {
      const std::vector<at::Tensor> operands{x, offset};
      const at::Tensor out = apply_op(op, operands, weight);
      EXPECT_EQ(out.abs().max().item<double>(), 0) << describe(op);
      x.mutable_grad() = offset.mutable_grad() = at::Tensor();
      out.sum().backward();
      EXPECT_EQ(offset.grad().abs().max().item<double>(), 0) << describe(op);
      EXPECT_EQ(x.grad().abs().max().item<double>(), 0) << describe(op);
    }
  }
}

}  // namespace
}  // namespace unblur
