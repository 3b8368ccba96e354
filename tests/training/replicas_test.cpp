// SPDX-License-Identifier: MIT
// Parts of a batch side by side: the same gradients and reports as one after the other.
#include "replicas.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>

#include "clip_feed.h"
#include "smoke.h"
#include "steps.h"
#include "trained_network.h"

namespace unblur {
namespace {

TEST(Replicas, EveryItemIsWorkedOnOnce) {
  Replicas replicas(3);
  EXPECT_EQ(replicas.count(), 3);
  for (const int items : {0, 1, 2, 3, 50}) {
    std::vector<std::atomic<int>> worked(static_cast<std::size_t>(items));
    replicas.run(items, [&](std::int64_t i) { ++worked[static_cast<std::size_t>(i)]; });
    EXPECT_TRUE(std::all_of(worked.begin(), worked.end(), [](const auto& n) { return n == 1; })) << items;
  }
}

TEST(Replicas, TheFirstFailureByNumberIsThrownAndTheNextRunWorks) {
  Replicas replicas(2);
  const auto fail = [](std::int64_t i) {
    if (i >= 2) throw std::runtime_error(std::to_string(i));
  };
  for (int n = 0; n < 20; ++n) {
    try {
      replicas.run(5, fail);
      FAIL() << "nothing thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "2");
    }
    replicas.run(2, fail);
  }
}

/// Gradients of the last update of one step of `rt`, and its report.
struct Outcome {
  TorchTensors gradients;
  StepReport report;
};

template <typename Step>
Outcome outcome_of(int replicas, const ClipBatch& batch, bool motion, Step&& step) {
  at::set_num_threads(1);
  TrainedNetwork net("rt", 5, 0.9, c10::kCPU);
  {  // a fresh network returns its input, and its inner layers have no gradients
    const at::NoGradGuard no_grad;
    at::manual_seed(2);
    at::Tensor last = net.graph().parameters().at("out.weight");
    last.normal_(0, 0.05);
  }
  OptimiserConfig still{.muon_rate = 0, .adam_rate = 0};
  if (motion)
    net.optimise_motion(still);
  else
    net.optimise_all(still, 1.0);
  Replicas workers(replicas);
  Outcome out;
  out.report = step(net, batch, workers);
  for (const auto& p : net.optimiser().parameters()) {
    if (p.value.grad().defined()) out.gradients[p.name] = p.value.grad();
  }
  return out;
}

ClipBatch small_batch() {
  static const PhotoLibrary photos(generated_photos(3, 128, 1), 0.0);
  ClipFeed feed({}, &photos, {.batch = 3, .frames = 4, .crop = 64}, 7, 1, 0, c10::kCPU);
  ClipBatch batch = feed.next();
  // Masks differ between the parts: a mean of means would not be the mean.
  batch.valid.select(1, 0).zero_();
  batch.valid.select(1, 1).slice(2, 0, 40).zero_();
  return batch;
}

void expect_alike(const Outcome& one, const Outcome& more) {
  ASSERT_EQ(one.gradients.size(), more.gradients.size());
  ASSERT_GT(one.gradients.size(), 10U);
  for (const auto& [name, g] : one.gradients) {
    const double scale = g.abs().max().item<double>();
    EXPECT_LT((g - more.gradients.at(name)).abs().max().item<double>(), 1e-4 * scale + 1e-8) << name;
  }
  const auto near = [](double a, double b) { EXPECT_NEAR(a, b, 1e-5 * (1 + std::abs(a))); };
  near(one.report.loss, more.report.loss);
  near(one.report.picture, more.report.picture);
  near(one.report.auxiliary, more.report.auxiliary);
  near(one.report.motion, more.report.motion);
  near(one.report.temporal, more.report.temporal);
  near(one.report.gradient_norm, more.report.gradient_norm);
  near(one.report.output_mse, more.report.output_mse);
  near(one.report.epe.mean(), more.report.epe.mean());
  EXPECT_GT(one.report.motion, 0);
}

TEST(Steps, ReplicasHaveTheGradientsOfTheWholeBatch) {
  const ClipBatch batch = small_batch();
  const auto joint = [](TrainedNetwork& net, const ClipBatch& b, Replicas& workers) {
    return joint_step(net.graph(), net.optimiser(), b, {.loss = {}, .segment = 2, .temporal = true}, workers,
                      [](const UpdateReport&) {});
  };
  const Outcome one = outcome_of(1, batch, false, joint);
  EXPECT_GT(one.report.temporal, 0);
  expect_alike(one, outcome_of(2, batch, false, joint));
  const Outcome again = outcome_of(2, batch, false, joint), twice = outcome_of(2, batch, false, joint);
  for (const auto& [name, g] : again.gradients) EXPECT_TRUE(at::equal(g, twice.gradients.at(name))) << name;
}

TEST(Steps, ReplicasHaveTheMotionGradientsOfTheWholeBatch) {
  const ClipBatch batch = small_batch();
  const auto motion = [](TrainedNetwork& net, const ClipBatch& b, Replicas& workers) {
    return motion_step(net.graph(), net.optimiser(), b, {.loss = {.motion = 1}, .segment = 0}, workers,
                       [](const UpdateReport&) {});
  };
  const Outcome one = outcome_of(1, batch, true, motion);
  expect_alike(one, outcome_of(2, batch, true, motion));
  expect_alike(one, outcome_of(8, batch, true, motion));  // more than clips
}

}  // namespace
}  // namespace unblur
