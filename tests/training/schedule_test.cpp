// SPDX-License-Identifier: MIT
#include "schedule.h"

#include <gtest/gtest.h>

namespace unblur {
namespace {

TEST(Schedule, WarmsUpHoldsAndFallsToZero) {
  const RateSchedule rate{.warm_up = 100, .constant_share = 0.4};
  EXPECT_NEAR(rate.factor(0, 10'000), 1.0 / 101, 1e-12);
  EXPECT_NEAR(rate.factor(99, 10'000), 100.0 / 101, 1e-12);
  EXPECT_EQ(rate.factor(100, 10'000), 1.0);
  EXPECT_EQ(rate.factor(3999, 10'000), 1.0);
  EXPECT_NEAR(rate.factor(7000, 10'000), 0.5, 1e-12);
  EXPECT_NEAR(rate.factor(9999, 10'000), 1.0 / 6000, 1e-12);
  EXPECT_EQ(rate.factor(10'000, 10'000), 0.0);
}

TEST(Schedule, WarmUpIsAtMostATenthOfAShortRun) {
  const RateSchedule rate{.warm_up = 200, .constant_share = 0.5};
  EXPECT_EQ(rate.factor(2, 20), 1.0);
}

TEST(Schedule, PhasesFollowTheirShares) {
  const std::vector<Phase> phases{{.share = 0.6}, {.share = 0.3}, {.share = 0.1}};
  EXPECT_EQ(phase_index(phases, 0, 100), 0U);
  EXPECT_EQ(phase_index(phases, 59, 100), 0U);
  EXPECT_EQ(phase_index(phases, 60, 100), 1U);
  EXPECT_EQ(phase_index(phases, 89, 100), 1U);
  EXPECT_EQ(phase_index(phases, 90, 100), 2U);
  EXPECT_EQ(phase_index(phases, 500, 100), 2U);
}

TEST(Schedule, PlanFillsTheBudgetWithPhasesOfDifferentCost) {
  const std::vector<Phase> phases{{.share = 0.5, .batch = 4, .frames = 4, .crop = 128},
                                  {.share = 0.5, .batch = 4, .frames = 4, .crop = 256}};
  const double per_pixel = 1.0 / phases[0].pixels();  // the first phase costs 1 s per iteration, the second 4
  const std::int64_t n = plan_iterations(phases, 250, per_pixel);
  EXPECT_EQ(n, 100);
  EXPECT_NEAR(remaining_seconds(phases, 0, n, per_pixel), 250, 1e-9);
  EXPECT_NEAR(remaining_seconds(phases, 75, n, per_pixel), 100, 1e-9);
}

// Motion-ETR: 1e-4 in the first two epochs, then 1e-4 / 800 less after each of 801.
TEST(Schedule, EpochsFallByEqualSteps) {
  const RateSchedule rate{.shape = RateShape::kEpochs, .span = 801 * 263, .epochs = 801};
  EXPECT_EQ(rate.after_updates(0), 1.0);
  EXPECT_EQ(rate.after_updates(2 * 263 - 1), 1.0);
  EXPECT_NEAR(rate.after_updates(2 * 263), 1 - 1.0 / 800, 1e-12);
  EXPECT_NEAR(rate.after_updates(3 * 263 - 1), 1 - 1.0 / 800, 1e-12);
  EXPECT_NEAR(rate.after_updates(801 * 263 - 1), 1.0 / 800, 1e-12);
  EXPECT_EQ(rate.after_updates(900 * 263), 0.0);
}

}  // namespace
}  // namespace unblur
