// SPDX-License-Identifier: MIT
// Losses and scores of paths against values calculated by hand.
#include "path_losses.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "path_scores.h"

namespace unblur {
namespace {

/// Control offsets of one pixel: S = (dy, dx), E = (dy, dx).
at::Tensor control_of(float s_dy, float s_dx, float e_dy, float e_dx) {
  return at::tensor({s_dy, s_dx, e_dy, e_dx}).view({1, 4, 1, 1});
}

/// Truth of one pixel at three instants, each (dx, dy).
PathTruth truth_of(std::vector<float> dx_dy) {
  return {at::tensor(dx_dy).view({1, 3, 2, 1, 1}), at::ones({1, 1, 1, 1})};
}

TEST(Paths, PointsAreInOrderOfTimeAndAsDxDy) {
  const at::Tensor points = path_points(control_of(1, 2, 3, -4), "quad", 5).view({5, 2});
  const std::vector<float> times{-1, -0.5, 0, 0.5, 1};
  for (int i = 0; i < 5; ++i) {
    const double t = times[static_cast<std::size_t>(i)], s = (t * t - t) / 2, e = (t * t + t) / 2;
    EXPECT_NEAR(points[i][0].item<double>(), 2 * s - 4 * e, 1e-6) << i;
    EXPECT_NEAR(points[i][1].item<double>(), 1 * s + 3 * e, 1e-6) << i;
  }
  const at::Tensor line = path_points(at::tensor({1.0F, 2.0F}).view({1, 2, 1, 1}), "lin", 3).view({3, 2});
  EXPECT_TRUE(at::equal(line, at::tensor({2.0F, 1.0F, 0.0F, 0.0F, -2.0F, -1.0F}).view({3, 2})));
}

// Distances 5, 0 and 1, those of zero motion 5, 0 and 1 as well.
TEST(Paths, LossIsTheMeanDistanceOverInstantsRelativeToThePath) {
  const PathTruth truth = truth_of({3, 4, 0, 0, 1, 0});
  const at::Tensor control = control_of(0, 0, 0, 2);
  EXPECT_NEAR(path_loss(control, "quad", truth).item<double>(),
              (std::sqrt(25 + 1e-4) + 1e-2 + std::sqrt(1 + 1e-4)) / 3 / 3, 1e-6);
  EXPECT_NEAR(path_distance(control, "quad", truth).item<double>(), 2.0, 1e-6);
  EXPECT_NEAR(path_length(truth).item<double>(), 6.0, 1e-6);
  const BinnedPathError bins = binned_path_error(control, "quad", truth);
  EXPECT_NEAR(bins[1].mean(), 2.0, 1e-6);
  EXPECT_NEAR(bins[1].mean_zero(), (5.0 + 1.0) / 3, 1e-6);
  EXPECT_EQ(bins[0].count + bins[2].count + bins[3].count + bins[4].count, 0);
}

TEST(Paths, StillsAreJudgedByTheBetterDirectionOfEachImage) {
  const at::Tensor control = at::cat({control_of(0, -1, 0, 1), control_of(0, -1, 0, 1)});
  const at::Tensor forward = truth_of({-1, 0, 0, 0, 1, 0}).gather;
  const PathTruth truth{at::cat({forward, forward.flip(1)}), at::ones({2, 1, 1, 1})};
  const at::Tensor backwards = better_reversed(control, "quad", truth);
  EXPECT_FALSE(backwards[0].item<bool>());
  EXPECT_TRUE(backwards[1].item<bool>());
  EXPECT_NEAR(path_loss(control, "quad", reversed_where(truth, backwards)).item<double>(), 1e-2 / (5.0 / 3),
              1e-6);
  EXPECT_GT(path_loss(control, "quad", truth).item<double>(), 0.6 / (5.0 / 3));
}

TEST(Paths, HiddenPixelsDoNotCount) {
  const PathTruth truth{at::zeros({1, 3, 2, 1, 2}), at::tensor({1.0F, 0.0F}).view({1, 1, 1, 2})};
  const at::Tensor control = at::cat({control_of(0, 1, 0, 1), control_of(0, 50, 0, 50)}, 3);
  EXPECT_NEAR(binned_path_error(control, "quad", truth)[0].mean(), 2.0 / 3, 1e-6);
}

TEST(Paths, SmallTruthIsTheMeanOverCountedPixels) {
  at::Tensor gather = at::zeros({1, 3, 2, 1, 2});
  gather.select(4, 0).fill_(4);
  gather.select(4, 1).fill_(100);
  const PathTruth small = reduce_paths({gather, at::tensor({1.0F, 0.0F}).view({1, 1, 1, 2})}, 1, 1);
  EXPECT_EQ(small.gather.sizes(), (std::vector<std::int64_t>{1, 3, 2, 1, 1}));
  EXPECT_NEAR(small.gather.max().item<double>(), 4, 1e-6);
  EXPECT_EQ(small.mask.item<float>(), 0);  // half of the cell is not more than half
}

// A white column drawn out over fifteen, in linear light: a fifteenth of white has code 73.
TEST(Paths, ReblurAveragesInLinearLight) {
  at::Tensor sharp = at::zeros({3, 9, 31}, at::kByte);
  sharp.select(2, 15).fill_(255);
  at::Tensor control = at::zeros({1, 4, 9, 31});
  control.select(1, 1).fill_(-7);
  control.select(1, 3).fill_(7);
  const at::Tensor out = reblur(sharp, control, "quad", {});
  for (int x = 8; x <= 22; ++x) EXPECT_NEAR(out[0][4][x].item<int>(), 73, 1) << x;
  EXPECT_EQ(out[0][4][7].item<int>(), 0);
  EXPECT_EQ(out[0][4][23].item<int>(), 0);
}

}  // namespace
}  // namespace unblur
