// SPDX-License-Identifier: MIT
#include "optimiser.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

at::Tensor leaf(at::Tensor x) { return x.detach().clone().requires_grad_(true); }

class Orthogonalise : public testing::TestWithParam<std::pair<int, int>> {};

// The five steps take every singular value into a band around one and keep the singular vectors.
TEST_P(Orthogonalise, GivesSingularValuesNearOneAndKeepsVectors) {
  at::manual_seed(3);
  const auto [rows, columns] = GetParam();
  const at::Tensor x = at::randn({rows, columns});
  const auto [u, s, vt] = at::linalg_svd(x, /*full_matrices=*/false);
  const at::Tensor in_basis = u.t().mm(orthogonalise(x)).mm(vt.t());
  const at::Tensor diagonal = in_basis.diagonal();
  EXPECT_LT((in_basis - diagonal.diag()).abs().max().item<double>(), 1e-3);
  EXPECT_GT(diagonal.min().item<double>(), 0.3);  // a Gaussian's smallest values start far below one
  EXPECT_LT(diagonal.max().item<double>(), 1.3);
}
INSTANTIATE_TEST_SUITE_P(Shapes, Orthogonalise,
                         testing::Values(std::pair{16, 324}, std::pair{64, 80}, std::pair{128, 32},
                                         std::pair{2, 288}));

TEST(Muon, StepHasTheSizeOfTheRateTimesShape) {
  at::manual_seed(1);
  TrainedParameter p{.name = "w", .value = leaf(at::randn({32, 8, 1, 1})), .rule = UpdateRule::kMuon};
  Optimiser optimiser({p}, {.muon_rate = 0.1, .clip_norm = 0});
  const at::Tensor before = p.value.detach().clone();
  p.value.mutable_grad() = at::randn({32, 8, 1, 1});
  optimiser.step(0.5);
  // Each of the 8 singular values of the step is about rate * factor * sqrt(32 / 8).
  const at::Tensor step = (p.value.detach() - before).flatten(1);
  EXPECT_NEAR(step.norm().item<double>(), 0.1 * 0.5 * 2 * std::sqrt(8.0), 0.25 * 0.1 * std::sqrt(8.0));
}

TEST(AdamW, FirstStepsMatchTheFormula) {
  TrainedParameter p{.name = "b", .value = leaf(at::tensor({1.0, -2.0}, at::kDouble))};
  Optimiser optimiser({p}, {.adam_rate = 0.1, .adam_beta1 = 0.9, .adam_beta2 = 0.99, .clip_norm = 0});
  double m = 0, v = 0, x = 1.0;
  for (int n = 1; n <= 3; ++n) {
    const double g = 0.5 * n;
    p.value.mutable_grad() = at::tensor({g, -g}, at::kDouble);
    optimiser.step(1.0);
    m = 0.9 * m + 0.1 * g, v = 0.99 * v + 0.01 * g * g;
    x -= 0.1 * (m / (1 - std::pow(0.9, n))) / (std::sqrt(v / (1 - std::pow(0.99, n))) + 1e-8);
    EXPECT_NEAR(p.value[0].item<double>(), x, 1e-9);
    EXPECT_NEAR(p.value[1].item<double>(), -1 - x, 1e-9);
  }
}

TEST(Optimiser, ClipsTheNormOfAllGradientsTogether) {
  TrainedParameter a{.name = "a", .value = leaf(at::zeros({1}))},
      b{.name = "b", .value = leaf(at::zeros({1}))};
  Optimiser clipped({a, b}, {.clip_norm = 1.0});
  a.value.mutable_grad() = at::full({1}, 3.0);
  b.value.mutable_grad() = at::full({1}, 4.0);
  EXPECT_NEAR(clipped.step(1.0), 5.0, 1e-6);
  EXPECT_NEAR(clipped.state().at("a.first").item<double>(), 0.1 * 0.6, 1e-6);
}

TEST(Optimiser, LeavesWeightsAloneWhenAGradientIsNotFinite) {
  TrainedParameter p{.name = "a", .value = leaf(at::ones({2}))};
  Optimiser optimiser({p}, {});
  p.value.mutable_grad() = at::full({2}, std::numeric_limits<float>::quiet_NaN());
  EXPECT_FALSE(std::isfinite(optimiser.step(1.0)));
  EXPECT_EQ(p.value.sum().item<double>(), 2.0);
}

TEST(Optimiser, RestoredStateContinuesBitForBit) {
  const auto train = [](bool interrupted) {
    at::manual_seed(5);
    TrainedParameter w{.name = "w", .value = leaf(at::randn({4, 3, 3, 3})), .rule = UpdateRule::kMuon};
    TrainedParameter b{.name = "b", .value = leaf(at::randn({4}))};
    auto optimiser = std::make_unique<Optimiser>(std::vector{w, b}, OptimiserConfig{});
    for (int i = 0; i < 6; ++i) {
      if (interrupted && i == 3) {
        TorchTensors saved;
        for (const auto& [name, value] : optimiser->state()) saved[name] = value.clone();
        optimiser = std::make_unique<Optimiser>(std::vector{w, b}, OptimiserConfig{});
        optimiser->load(saved);
      }
      w.value.mutable_grad() = w.value.detach().sin();
      b.value.mutable_grad() = b.value.detach().cos();
      optimiser->step(1.0);
    }
    return at::cat({w.value.detach().flatten(), b.value.detach()});
  };
  EXPECT_TRUE(at::equal(train(false), train(true)));
}

TEST(Optimiser, RefusesAForeignState) {
  TrainedParameter p{.name = "a", .value = leaf(at::ones({2}))};
  Optimiser optimiser({p}, {});
  EXPECT_THROW(optimiser.load({}), ModelError);
  TorchTensors state = optimiser.state();
  state["a.first"] = at::zeros({3});
  EXPECT_THROW(optimiser.load(state), ModelError);
}

TEST(MovingAverage, StartsFastAndEndsAtItsDecay) {
  TorchTensors x{{"a", at::zeros({1})}};
  MovingAverage average(x, 0.9);
  x["a"] = at::ones({1});
  average.update(x);  // decay (1 + 0) / (10 + 0)
  EXPECT_NEAR(average.values().at("a").item<double>(), 0.9, 1e-6);
  for (int i = 0; i < 200; ++i) average.update(x);
  x["a"] = at::zeros({1});
  average.update(x);
  EXPECT_NEAR(average.values().at("a").item<double>(), 0.9, 1e-5);
}

}  // namespace
}  // namespace unblur
