// SPDX-License-Identifier: MIT
// The operators with kernels of our own on a device against the CPU form in float64, on the table of operator
// cases: values in every type, gradients in float64 and float32.
//   UNBLUR_TORCH_DEVICE=cuda cuda_device_test    the kernels; skipped where there is no CUDA device
//   UNBLUR_TORCH_DEVICE=host cuda_device_test    their autograd functions, with loops in place of launches
//   UNBLUR_TORCH_DEVICE=cpu cuda_device_test     the composed forms, which shows that the bounds can be kept
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "graph/op_registry.h"
#include "operators/cases.h"
#include "operators/torch_device_choice.h"
#include "torch_device.h"
#include "torch_ops.h"

namespace unblur {
namespace {

using at::Tensor;
using test::OperatorCase;

/// Operands and parameters of one case.
struct Values {
  std::vector<Tensor> in;
  TorchTensors parameters;

  [[nodiscard]] Values to(at::Device device, at::ScalarType type) const {
    Values out;
    for (const Tensor& t : in) out.in.push_back(t.detach().to(device, type));
    for (const auto& [name, t] : parameters) out.parameters[name] = t.detach().to(device, type);
    return out;
  }
  [[nodiscard]] std::vector<Tensor> all() const {
    std::vector<Tensor> out = in;
    for (const auto& [name, t] : parameters) out.push_back(t);
    return out;
  }
};

Values values_of(const OperatorCase& c) {
  const Trial data = test::make_data(c, false);
  Values out;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    out.in.push_back(at::tensor(data.inputs[i]).view({1, c.inputs[i].c, c.inputs[i].h, c.inputs[i].w}));
  for (const auto& [name, tensor] : data.parameters) out.parameters[name] = to_torch(tensor);
  // A batch of two pictures that differ.
  for (Tensor& t : out.in) t = at::cat({t, t.flip({3}) * 0.75});
  return out;
}

/// The CPU form.
Tensor run(const OperatorCase& c, const Values& v) { return apply_op(c.op, v.in, v.parameters); }

/// The library of kernels as the executor calls it, on tensors of the CPU.
Tensor run_as_loops(const OperatorCase& c, const Values& v) {
  const DeviceOperators& operators = *unblur_cuda_operators_1();
  const auto& in = v.in;
  const auto wide = [](const Tensor& t) { return t.scalar_type() == at::kDouble ? t : t.to(at::kFloat); };
  const auto parameter = [&](const std::string& name) {
    return name.empty() ? std::nullopt : std::optional(v.parameters.at(name));
  };
  if (const auto* o = std::get_if<op::Warp>(&c.op))
    return operators.warp(in[0], wide(in[1]) * o->flow_scale, o->border == Border::kZero);
  if (const auto* o = std::get_if<op::Correlation>(&c.op))
    return operators.correlation(in[0], in[1], o->radius, o->stride, o->mean);
  if (const auto* o = std::get_if<op::PixelVolume>(&c.op))
    return operators.pixel_volume(in[0], in[1], wide(in[2]), o->radius, o->outside);
  const auto& o = std::get<op::DeformConv2d>(c.op);
  return operators.deform_conv(o, in[0], wide(in[1]), in.size() > 2 ? std::optional(in[2]) : std::nullopt,
                               *parameter(o.weight), parameter(o.bias));
}

/// What is tested.
Tensor run_tested(const OperatorCase& c, const Values& v) {
  return test::kernels_as_loops() ? run_as_loops(c, v) : run(c, v);
}
Tensor on_cpu(const Tensor& t) { return t.detach().to(at::kCPU, at::kDouble); }
double largest(const Tensor& t) { return t.numel() == 0 ? 0 : t.abs().max().item<double>(); }

/// d(sum of out * direction) of every operand and parameter, as float64 on the CPU; zeros where none flows.
std::vector<Tensor> gradients(decltype(run)* form, const OperatorCase& c, const Values& v,
                              const Tensor& direction) {
  for (const Tensor& t : v.all()) (void)t.set_requires_grad(true);
  const Tensor out = form(c, v);
  (out * direction.to(out.options())).sum().backward();
  std::vector<Tensor> result;
  for (const Tensor& t : v.all()) {
    const Tensor gradient = t.grad().defined() ? t.grad() : at::zeros_like(t);
    EXPECT_EQ(gradient.scalar_type(), t.scalar_type());
    result.push_back(on_cpu(gradient));
  }
  return result;
}

/// Displacements to positions between pixels that float32 holds exactly: at the edge of a cell derivatives
/// jump, and rounding decides which one counts.
Tensor between_pixels(const Tensor& displacements) { return (displacements * 64).round() / 64 + 1.0 / 128; }

/// Errors of the gradients, each relative to the largest entry of the gradient.
void expect_gradients(const OperatorCase& c, at::ScalarType type, double tolerance) {
  Values v = values_of(c).to(at::kCPU, type);
  if (std::holds_alternative<op::Warp>(c.op) || std::holds_alternative<op::DeformConv2d>(c.op))
    v.in[1] = between_pixels(v.in[1]);
  const Values exact = v.to(at::kCPU, at::kDouble);
  const Tensor direction = at::rand(run(c, exact).sizes(), at::kDouble) - 0.5;
  const auto truth = gradients(run, c, exact, direction);
  const auto got = gradients(run_tested, c, v.to(test::torch_device(), type), direction);
  for (std::size_t i = 0; i < truth.size(); ++i) {
    EXPECT_LE(largest(got[i] - truth[i]), tolerance * std::max(1e-3, largest(truth[i])))
        << type << ": gradient of operand or parameter " << i;
  }
}

/// With a device but without our library the operators would be composed, and nothing proven.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    at::manual_seed(1);
    if (test::torch_device().is_cpu()) return;
    if (!load_cuda().empty()) GTEST_SKIP() << load_cuda();
    ASSERT_EQ(load_cuda_kernels(), "") << "CUDA without our kernels";
    at::globalContext().setAllowTF32CuBLAS(false);
  }
};

/// A picture whose columns do not fit at once.
TEST_F(DeviceTest, DeformableConvolutionInStretches) {
  if (test::torch_device_name() == "cpu") GTEST_SKIP() << "the CPU form makes no columns";
  const OperatorCase c{.name = "stretches",
                       .op = op::DeformConv2d{.weight = "w", .out_channels = 8, .pad = Margins::all(1)},
                       .inputs = {{32, 200, 320}, {18, 200, 320}},
                       .ranges = {},
                       .tolerance = 0};
  const Values v{{at::randn({1, 32, 200, 320}), between_pixels(at::randn({1, 18, 200, 320}))},
                 {{"w", at::randn({8, 32, 3, 3}) / 17}}};
  const Tensor direction = at::rand({1, 8, 200, 320}) - 0.5;
  const auto truth = gradients(run, c, v.to(at::kCPU, at::kFloat), direction);
  const Values moved = v.to(test::torch_device(), at::kFloat);
  EXPECT_LE(largest(on_cpu(run_tested(c, moved)) - on_cpu(run(c, v))), 1e-4 * largest(run(c, v)));
  const auto got = gradients(run_tested, c, moved, direction);
  for (std::size_t i = 0; i < truth.size(); ++i)
    EXPECT_LE(largest(got[i] - truth[i]), 1e-4 * largest(truth[i])) << "gradient of operand " << i;
}

class OwnKernels : public DeviceTest, public testing::WithParamInterface<const char*> {
 protected:
  template <typename F>
  static void for_each_case(F f) {
    const auto cases = test::selected_cases(GetParam());
    for (const OperatorCase& c : cases) {
      SCOPED_TRACE(fmt::format("{}: {}", c.name, describe(c.op)));
      f(c);
    }
  }
};

TEST_P(OwnKernels, ValuesMatchTheCpuForm) {
  struct Precision {
    at::ScalarType type;
    double tolerance;  ///< of the result's largest value; the narrow types round operands' products, too
  };
  for_each_case([](const OperatorCase& c) {
    const double single = std::max({c.tolerance, c.torch_tolerance, 1e-6});
    for (const auto& [type, tolerance] :
         {Precision{at::kDouble, 1e-12}, Precision{at::kFloat, single},
          Precision{at::kHalf, std::max(2e-3, c.half_tolerance)}, Precision{at::kBFloat16, 1.6e-2}}) {
      const Values v = values_of(c).to(at::kCPU, type);
      const Tensor truth = run(c, v.to(at::kCPU, at::kDouble));
      const Tensor got = run_tested(c, v.to(test::torch_device(), type));
      EXPECT_EQ(got.sizes(), truth.sizes());
      if (test::torch_device_name() != "cpu") {
        EXPECT_EQ(got.scalar_type(), type);
      }
      EXPECT_LE(largest(on_cpu(got) - truth), tolerance * std::max(1.0, largest(truth))) << type;
    }
  });
}

TEST_P(OwnKernels, GradientsInFloat64MatchTheCpuForm) {
  for_each_case([](const OperatorCase& c) { expect_gradients(c, at::kDouble, 1e-10); });
}

TEST_P(OwnKernels, GradientsInFloat32AreGoodToFourDigits) {
  for_each_case([](const OperatorCase& c) { expect_gradients(c, at::kFloat, 1e-4); });
}

TEST_P(OwnKernels, OperandsThatNeedNoGradientGetNone) {
  const OperatorCase c = test::selected_cases(GetParam()).front();
  const Values v = values_of(c).to(test::torch_device(), at::kFloat);
  const std::vector<Tensor> all = v.all();
  for (std::size_t wanted = 0; wanted < all.size(); ++wanted) {
    for (std::size_t i = 0; i < all.size(); ++i) (void)all[i].set_requires_grad(i == wanted);
    const Tensor out = run_tested(c, v);
    if (!out.requires_grad()) continue;  // the flow of a pixel volume
    out.sum().backward();
    for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i].grad().defined(), i <= wanted) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, OwnKernels,
                         testing::Values("warp", "correlation", "pixel_volume", "deform_conv2d"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace unblur
