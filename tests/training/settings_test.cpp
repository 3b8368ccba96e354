// SPDX-License-Identifier: MIT
// Configurations: what is refused, and with which words.
#include "settings.h"

#include <gtest/gtest.h>

#include "graph/error.h"
#include "train_config.h"

namespace unblur {
namespace {

constexpr const char* kSmallest = "directory = 'x'\n[data]\nphotos = ['p']\n";

std::string refusal(const std::string& text, const std::vector<std::string>& overrides = {}) {
  try {
    Settings settings = Settings::parse(text, "c.toml", overrides);
    (void)read_train_config(settings);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(Settings, TheSmallestConfigurationIsEnough) {
  Settings settings = Settings::parse(kSmallest, "c.toml", {});
  const TrainConfig config = read_train_config(settings);
  EXPECT_EQ(config.network, "rt");
  EXPECT_EQ(config.joint.phases.size(), 1U);
}

TEST(Settings, OverridesWinAndNeedNoQuotes) {
  Settings settings = Settings::parse(
      kSmallest, "c.toml", {"joint.muon_rate=2e-3", "directory=/tmp/run 1", "data.bin_weights.2-8=3"});
  const TrainConfig config = read_train_config(settings);
  EXPECT_EQ(config.joint.optimiser.muon_rate, 2e-3);
  EXPECT_EQ(config.directory, "/tmp/run 1");
  EXPECT_EQ(config.data.synthesis.bin_weights[1], 3.0);
}

TEST(Settings, MistakesAreNamedWithTheirLine) {
  EXPECT_EQ(refusal(std::string(kSmallest) + "workerz = 2\n"), "c.toml:4: unknown key 'data.workerz'");
  EXPECT_EQ(refusal(std::string(kSmallest) + "workers = 'two'\n"),
            "c.toml:4: 'data.workers' must be a whole number from 0 to 256");
  EXPECT_NE(refusal(std::string(kSmallest) + "reuse = nan\n").find("c.toml:4: 'data.reuse' must be a number"),
            std::string::npos);
  EXPECT_NE(refusal("directory = 'x'\n[data\n").find("c.toml:"), std::string::npos);
  EXPECT_NE(refusal("directory = 'x'\n").find("names no data"), std::string::npos);
  EXPECT_NE(refusal(kSmallest, {"joint"}).find("KEY=VALUE"), std::string::npos);
  EXPECT_NE(refusal(kSmallest, {"precision=fp8"}).find("fp8"), std::string::npos);
  EXPECT_NE(refusal(kSmallest, {"motion.coarse_share=0.5", "motion.blur_invariant=1"})
                .find("coarse_share must be 0"),
            std::string::npos);
  EXPECT_NE(refusal(kSmallest, {"motion.crop=100"}).find("multiple of 16"), std::string::npos);
}

TEST(Settings, CoarseFlowsComeFirst) {
  const MotionStage stage{.coarse_share = 0.5};
  const auto skipped = [&](std::int64_t iteration) { return stage.skipped_flows(iteration, 100); };
  EXPECT_EQ(skipped(0), 2);
  EXPECT_EQ(skipped(24), 2);
  EXPECT_EQ(skipped(25), 1);
  EXPECT_EQ(skipped(49), 1);
  EXPECT_EQ(skipped(50), 0);
  EXPECT_EQ(stage.skipped_flows(0, std::nullopt), 0);  // while the speed is measured
  EXPECT_EQ(MotionStage{}.skipped_flows(0, 100), 0);
}

TEST(Settings, PhasesMustFillTheRun) {
  const std::string phases =
      std::string(kSmallest) + "[[joint.phase]]\nshare = 0.5\n[[joint.phase]]\nshare = 0.4\n";
  EXPECT_NE(refusal(phases).find("sum to 0.9"), std::string::npos);
}

TEST(Settings, AnAbsentFileIsAnInputError) {
  EXPECT_THROW((void)Settings::read("/nowhere/c.toml", {}), InputError);
}

}  // namespace
}  // namespace unblur
