// SPDX-License-Identifier: MIT
// The CUDA kernels as plain loops in float64: values and every gradient against the composed forms and their
// autograd. What remains for a GPU is the launch.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "kernels/correlation.h"
#include "kernels/deform_shape.h"
#include "kernels/pixel_volume.h"
#include "kernels/warp.h"
#include "torch_checks.h"
#include "torch_sampling.h"

namespace unblur {
namespace {

using at::Tensor;
constexpr double kTolerance = 1e-10;

template <class Kernel>
void run(const Kernel& kernel) {
  for (std::int64_t i = 0; i < kernel.count(); ++i) kernel(i);
}

Tensor random(at::IntArrayRef shape, double scale = 1) { return at::randn(shape, at::kDouble) * scale; }
const double* in(const Tensor& x) { return x.const_data_ptr<double>(); }
double* out(const Tensor& x) { return x.data_ptr<double>(); }
cuda::Shape4 shape(const Tensor& x) { return {x.size(0), x.size(1), x.size(2), x.size(3)}; }

/// Gradients of sum(result * weights) by autograd.
std::vector<Tensor> gradients(const Tensor& result, const Tensor& weights, const std::vector<Tensor>& of) {
  return torch::autograd::grad({(result * weights).sum()}, of);
}

void expect_equal(const Tensor& a, const Tensor& b, const char* what) {
  ASSERT_EQ(a.sizes(), b.sizes()) << what;
  EXPECT_LE((a - b).abs().max().item<double>(), kTolerance) << what;
}

class KernelsTest : public testing::Test {
 protected:
  KernelsTest() { torch::manual_seed(1); }
};

TEST_F(KernelsTest, Warp) {
  const Tensor x = random({2, 3, 7, 9}).requires_grad_(), flow = random({2, 2, 7, 9}, 6).requires_grad_();
  for (const bool zero : {false, true}) {
    const Tensor expected = sample::warp(x, flow, zero), result = at::empty(expected.sizes(), at::kDouble),
                 grad_out = random(expected.sizes());
    const cuda::WarpForward<double> forward{in(x), in(flow), out(result), shape(x),
                                            zero ? cuda::Outside::kZero : cuda::Outside::kReplicate};
    run(forward);
    expect_equal(result, expected.detach(), "value");
    const Tensor by_x = at::zeros_like(x), by_flow = at::zeros_like(flow);
    run(cuda::WarpBackward<double>{forward, in(grad_out), out(by_x), out(by_flow)});
    const auto wanted = gradients(expected, grad_out, {x, flow});
    expect_equal(by_x, wanted[0], "x");
    expect_equal(by_flow, wanted[1], "flow");
  }
}

TEST_F(KernelsTest, WarpOfPositionsThatAreNoNumbers) {
  const Tensor x = random({1, 1, 3, 3}), result = at::empty_like(x);
  Tensor flow = at::full({1, 2, 3, 3}, 1e30, at::kDouble);
  flow[0][0][1] = std::numeric_limits<double>::quiet_NaN();
  flow[0][1][2] = -std::numeric_limits<double>::infinity();
  for (const bool zero : {false, true}) {  // reads nothing outside, and hides no NaN
    run(cuda::WarpForward<double>{in(x), in(flow), out(result), shape(x),
                                  zero ? cuda::Outside::kZero : cuda::Outside::kReplicate});
    const Tensor expected = sample::warp(x, flow, zero);
    EXPECT_TRUE(at::allclose(result, expected, 0, kTolerance, true)) << zero << '\n' << result << expected;
  }
}

TEST_F(KernelsTest, Correlation) {
  for (const auto& [radius, stride] : {std::pair{0, 1}, std::pair{2, 1}, std::pair{3, 2}, std::pair{1, 3}}) {
    const Tensor a = random({2, 3, 7, 10}).requires_grad_(), b = random({2, 3, 7, 10}).requires_grad_();
    for (const bool mean : {false, true}) {
      const Tensor expected = sample::correlation(a, b, radius, stride, mean);
      const Tensor result = at::empty(expected.sizes(), at::kDouble), grad_out = random(expected.sizes());
      const cuda::CorrelationShape s{shape(a), radius, stride, mean};
      run(cuda::CorrelationForward<double>{in(a), in(b), out(result), s});
      expect_equal(result, expected.detach(), "value");
      const Tensor by_a = at::empty_like(a), by_b = at::empty_like(b);
      run(cuda::CorrelationBackward<double>{in(grad_out), in(b), out(by_a), s, 1});
      run(cuda::CorrelationBackward<double>{in(grad_out), in(a), out(by_b), s, -1});
      const auto wanted = gradients(expected, grad_out, {a, b});
      expect_equal(by_a, wanted[0], "a");
      expect_equal(by_b, wanted[1], "b");
    }
  }
}

TEST_F(KernelsTest, PixelVolume) {
  const Tensor previous = random({2, 3, 9, 11}).requires_grad_(),
               current = random({2, 3, 9, 11}).requires_grad_();
  const Tensor flow = random({2, 2, 9, 11}, 4).to(at::kFloat);
  for (const int radius : {0, 1, 2}) {
    const Tensor expected = sample::pixel_volume(previous, current, flow, radius, 0.25F);
    const Tensor result = at::empty(expected.sizes(), at::kDouble), grad_out = random(expected.sizes());
    const cuda::PixelVolumeShape s{2, 9, 11, radius, 0.25F};
    run(cuda::PixelVolumeForward<double>{in(previous), in(current), flow.const_data_ptr<float>(), out(result),
                                         s});
    expect_equal(result, expected.detach(), "value");
    const Tensor by_previous = at::zeros_like(previous), by_current = at::zeros_like(current);
    run(cuda::PixelVolumeBackward<double>{in(grad_out), flow.const_data_ptr<float>(), out(by_previous),
                                          out(by_current), s});
    const auto wanted = gradients(expected, grad_out, {previous, current});
    expect_equal(by_previous, wanted[0], "previous");
    expect_equal(by_current, wanted[1], "current");
  }
}

struct DeformCase {
  op::DeformConv2d o;
  int channels;
  bool modulated;
  std::int64_t rows;  ///< of the columns at once
};

void expect_deform(const DeformCase& c) {
  const op::DeformConv2d& o = c.o;
  const std::int64_t taps = o.kernel.h * o.kernel.w, d = o.deformable_groups;
  const Tensor x = random({1, c.channels, 8, 7}).requires_grad_();
  const Tensor weight =
      random({o.out_channels, c.channels / o.groups, o.kernel.h, o.kernel.w}).requires_grad_();
  const std::int64_t h = at::conv2d(x, weight, {}, {o.stride.h, o.stride.w}, {o.pad.top, o.pad.left},
                                    {o.dilation.h, o.dilation.w}, o.groups)
                             .size(2),
                     w = (7 + o.pad.left + o.pad.right - o.dilation.w * (o.kernel.w - 1) - 1) / o.stride.w +
                         1;
  const Tensor offset = random({1, 2 * d * taps, h, w}, 3).requires_grad_();
  const Tensor mask = random({1, d * taps, h, w}).requires_grad_();
  const std::optional<Tensor> used = c.modulated ? std::optional(mask) : std::nullopt;
  EXPECT_NO_THROW(check::deform_conv(o, x, offset, used, weight, std::nullopt));
  const Tensor expected = sample::deform_conv(o, x, offset, used, weight, std::nullopt);
  const Tensor grad_out = random(expected.sizes());

  cuda::DeformShape s = cuda::deform_shape(o, x, offset);
  const Tensor result = at::empty(expected.sizes(), at::kDouble), by_x = at::zeros_like(x),
               by_offset = at::empty_like(offset), by_mask = at::empty_like(mask);
  const Tensor matrices = weight.detach().reshape({o.groups, o.out_channels / o.groups, -1});
  for (s.first_row = 0; s.first_row < h; s.first_row += c.rows) {
    s.rows = std::min(c.rows, h - s.first_row);
    const Tensor columns = at::empty({o.groups, c.channels / o.groups * taps, s.rows * w}, at::kDouble);
    const cuda::DeformColumns<double> forward{in(x), in(offset), c.modulated ? in(mask) : nullptr,
                                              out(columns), s};
    run(forward);
    result[0]
        .narrow(1, s.first_row, s.rows)
        .copy_(at::bmm(matrices, columns).view({o.out_channels, s.rows, w}));
    const Tensor rows = grad_out[0].narrow(1, s.first_row, s.rows).reshape({o.groups, -1, s.rows * w});
    const Tensor by_columns = at::bmm(matrices.transpose(1, 2), rows).contiguous();
    run(cuda::DeformBackward<double>{forward, in(by_columns), out(by_x), out(by_offset),
                                     c.modulated ? out(by_mask) : nullptr});
  }
  expect_equal(result, expected.detach(), "value");
  std::vector<Tensor> of{x, offset};
  if (c.modulated) of.push_back(mask);
  const auto wanted = gradients(expected, grad_out, of);
  expect_equal(by_x, wanted[0], "x");
  expect_equal(by_offset, wanted[1], "offset");
  if (c.modulated) expect_equal(by_mask, wanted[2], "mask");
}

op::DeformConv2d deform(int out, Extent2 kernel, int stride, int dilation, int groups, int deformable,
                        int pad) {
  op::DeformConv2d o{.weight = "w", .bias = "", .out_channels = out, .kernel = kernel};
  o.stride = {stride, stride};
  o.dilation = {dilation, dilation};
  o.groups = groups;
  o.deformable_groups = deformable;
  o.pad = Margins::all(pad);
  return o;
}

TEST_F(KernelsTest, DeformableConvolution) {
  expect_deform({deform(5, {3, 3}, 1, 1, 1, 1, 1), 4, false, 100});
  expect_deform({deform(6, {3, 3}, 1, 1, 1, 2, 1), 4, true, 3});
  expect_deform({deform(4, {3, 2}, 2, 2, 2, 4, 2), 8, true, 1});
  expect_deform({deform(3, {1, 1}, 1, 1, 1, 1, 0), 2, true, 100});
}

TEST_F(KernelsTest, ChecksNameTheOperand) {
  const auto message = [](auto&& call) -> std::string {
    try {
      call();
    } catch (const c10::Error& e) {
      return e.what_without_backtrace();
    }
    return "nothing was thrown";
  };
  const Tensor x = random({2, 3, 4, 5}), flow = random({2, 2, 4, 5});
  EXPECT_EQ(message([&] { check::warp(x, flow); }), "nothing was thrown");
  EXPECT_EQ(message([&] { check::warp(x, random({2, 2, 4, 6})); }), "flow is 6x4, the first operand 5x4");
  EXPECT_EQ(message([&] {
              check::warp(x, random({1, 2, 4, 5}));
            }),
            "flow has 1 pictures, the first operand 2");
  EXPECT_EQ(message([&] { check::warp(x[0], flow); }), "x must have four dimensions, not 3");
  EXPECT_EQ(message([&] { check::warp(x, flow.to(at::kLong)); }), "flow must be floating, not Long");
  EXPECT_EQ(message([&] { check::correlation(x, flow, 1, 1); }), "b must have 3 channels, not 2");
  EXPECT_EQ(message([&] { check::correlation(x, x, 1, 0); }), "radius 1 and stride 0 are no displacements");
  EXPECT_EQ(message([&] { check::pixel_volume(flow, flow, flow, 1); }),
            "previous must have 3 channels, not 2");
  const op::DeformConv2d o = deform(4, {3, 3}, 1, 1, 1, 1, 1);
  const Tensor offset = random({2, 18, 4, 5}), weight = random({4, 3, 3, 3});
  const auto deformed = [&](const Tensor& a, const std::optional<Tensor>& mask, const Tensor& w) {
    return message([&] { check::deform_conv(o, x, a, mask, w, std::nullopt); });
  };
  EXPECT_EQ(deformed(offset, std::nullopt, weight), "nothing was thrown");
  EXPECT_EQ(deformed(random({2, 18, 3, 5}), std::nullopt, weight), "offset is 5x3, the output 5x4");
  EXPECT_EQ(deformed(offset, random({2, 8, 4, 5}), weight), "mask has shape [2, 8, 4, 5], not [2, 9, 4, 5]");
  EXPECT_EQ(deformed(offset, std::nullopt, random({4, 2, 3, 3})),
            "weight has shape [4, 2, 3, 3], not [4, 3, 3, 3]");
}

}  // namespace
}  // namespace unblur
