// SPDX-License-Identifier: MIT
// Losses against values calculated by hand.
#include "losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

namespace unblur {
namespace {

at::Tensor row(std::initializer_list<float> values) {
  return at::tensor(at::ArrayRef<float>(values.begin(), values.size())).view({1, 1, 1, -1});
}

TEST(Losses, CharbonnierIsTheRootOfSquarePlusEps) {
  const double expected = (std::sqrt(0.09 + 1e-6) + 1e-3) / 2;
  EXPECT_NEAR(charbonnier(row({0.5F, 0.2F}), row({0.2F, 0.2F})).item<double>(), expected, 1e-7);
}

// Difference (1, 0): transform (1, 1), imaginary parts 0. Difference (1, 1): (2, 0).
TEST(Losses, FrequencyLossIsTheMeanOverRealAndImaginaryParts) {
  EXPECT_NEAR(frequency_l1(row({1, 0}), row({0, 0})).item<double>(), 2.0 / 4, 1e-6);
  EXPECT_NEAR(frequency_l1(row({1, 1}), row({0, 0})).item<double>(), 2.0 / 4, 1e-6);
  EXPECT_NEAR(frequency_l1(row({1, -2}), row({0, 0})).item<double>(), (1.0 + 3.0) / 4, 1e-6);
}

TEST(Losses, SmallPicturesAreComparedWithTheReducedTarget) {
  const at::Tensor target = at::arange(16, at::kFloat).view({1, 1, 4, 4});
  const at::Tensor small = at::tensor({2.5F, 4.5F, 10.5F, 12.5F}).view({1, 1, 2, 2});
  EXPECT_NEAR(picture_loss(small, target, 0.1).item<double>(), 1e-3, 1e-6);
}

TEST(Losses, FlowIsReducedOverCountedPixelsOnly) {
  const at::Tensor flow =
      at::stack({row({4, 100, 2, 2}).squeeze(0), row({8, 100, 6, 6}).squeeze(0)}, 1).view({1, 2, 1, 4});
  const FlowTruth half = reduce_flow({flow, row({1, 0, 1, 1})}, 1, 2);
  EXPECT_FLOAT_EQ(half.flow[0][0][0][0].item<float>(), 4.0F);
  EXPECT_FLOAT_EQ(half.flow[0][1][0][1].item<float>(), 6.0F);
  EXPECT_FLOAT_EQ(half.mask[0][0][0][0].item<float>(), 0.0F);  // half of the cell is not more than half
  EXPECT_FLOAT_EQ(half.mask[0][0][0][1].item<float>(), 1.0F);
}

TEST(Losses, MotionLossAndEndPointErrorIgnoreMaskedCells) {
  const at::Tensor flow = at::tensor({3.0F, 50.0F, 4.0F, 50.0F}).view({1, 2, 1, 2});
  const FlowTruth truth{at::zeros({1, 2, 1, 2}), row({1, 0})};
  EXPECT_NEAR(motion_loss(flow, truth).item<double>(), std::sqrt(25 + 1e-4), 1e-5);
  const EndPointError e = end_point_error(flow, truth);
  EXPECT_NEAR(e.mean(), 5.0, 1e-6);
  EXPECT_NEAR(e.mean_zero(), 0.0, 1e-6);
  EXPECT_EQ(e.count, 1.0);
  EXPECT_EQ(motion_loss(flow, {truth.flow, at::zeros({1, 1, 1, 2})}).item<double>(), 0.0);
}

TEST(Losses, WarpGathersAlongTheFlowAndClamps) {
  const at::Tensor x = row({0, 10, 20, 30});
  at::Tensor flow = at::zeros({1, 2, 1, 4});
  flow.select(1, 0).fill_(0.5F);
  const at::Tensor out = warp(x.expand({1, 1, 2, 4}).contiguous(), flow.expand({1, 2, 2, 4}).contiguous());
  EXPECT_NEAR(out[0][0][0][1].item<double>(), 15.0, 1e-4);
  EXPECT_NEAR(out[0][0][1][3].item<double>(), 30.0, 1e-4);
}

// Output and target that move alike, however wrong the output is, do not flicker.
TEST(Losses, TemporalLossSeesFlickerNotConstantError) {
  at::manual_seed(2);
  const at::Tensor target = at::rand({1, 3, 8, 8});
  const FlowTruth still{at::zeros({1, 2, 8, 8}), at::ones({1, 1, 8, 8})};
  const double constant = temporal_loss(target + 0.2, target + 0.2, target, target, still).item<double>();
  const double flicker = temporal_loss(target + 0.2, target - 0.2, target, target, still).item<double>();
  EXPECT_NEAR(constant, 1e-3, 1e-4);
  EXPECT_NEAR(flicker, 0.4, 1e-3);
}

TEST(Losses, EveryLossHasFiniteGradientsAtAnExactMatch) {
  const at::Tensor x = at::rand({1, 3, 16, 16}).requires_grad_(true);
  const at::Tensor flow = at::zeros({1, 2, 16, 16}).requires_grad_(true);
  const FlowTruth truth{at::zeros({1, 2, 16, 16}), at::ones({1, 1, 16, 16})};
  const at::Tensor y = x.detach();
  (picture_loss(x, y, 0.1) + motion_loss(flow, truth) + temporal_loss(x, y, y, y, truth)).backward();
  EXPECT_TRUE(x.grad().isfinite().all().item<bool>());
  EXPECT_TRUE(flow.grad().isfinite().all().item<bool>());
}

}  // namespace
}  // namespace unblur
