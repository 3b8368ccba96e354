// SPDX-License-Identifier: MIT
// Kernels measured on the device: every kind of layer once, kept in a file that the next device reads.
#include "vulkan/tune.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "fixture.h"
#include "models.h"
#include "vulkan/coopmat_check.h"
#include "vulkan/tuning.h"

namespace unblur::vk {
namespace {

TEST(Tune, MeasuresEveryKindOfLayerAndStoresTheFastest) {
  if (test::device()->physical().limits.timestamp_ns == 0) GTEST_SKIP() << "no timestamps on this device";
  TuneOptions options;
  options.height = 40;
  options.width = 60;
  options.repeats = 1;
  int calls = 0;
  options.progress = [&](const TunedLayer&, int done, int) { EXPECT_EQ(done, ++calls); };
  std::vector<TunedLayer> layers =
      tune_network(test::device(), *test::shared_pipelines(), *test::recurrent_model(), options);
  EXPECT_EQ(calls, static_cast<int>(layers.size()));

  std::set<std::string> keys;
  int nodes = 0;
  for (const TunedLayer& layer : layers) {
    keys.insert(layer.key);
    nodes += layer.count;
    ASSERT_GE(layer.tried.size(), 2U) << layer.node << ": nothing to compare with";
    for (const auto& [kernel, ms] : layer.tried) EXPECT_GT(ms, 0) << layer.node << ' ' << kernel;
    if (layer.kernel.empty()) continue;
    const auto best = std::ranges::find(layer.tried, layer.kernel, &std::pair<std::string, double>::first);
    ASSERT_NE(best, layer.tried.end());
    EXPECT_LT(best->second, 0.95 * layer.tried.front().second) << layer.node;
  }
  EXPECT_EQ(keys.size(), layers.size());
  EXPECT_EQ(nodes, 8) << "convolutions of a frame; the one of the first frame is not tuned";

  layers.front().kernel = "conv_direct";  // one that is never the rule's choice
  const auto file = save_tuning(test::device()->physical(), layers);
  const auto again = Device::open();
  ASSERT_NE(again->caps().tuning, nullptr);
  EXPECT_EQ(again->caps().tuning->find(layers.front().key), "conv_direct");
  ::setenv("UNBLUR_TUNING", "0", 1);
  EXPECT_EQ(Device::open()->caps().tuning, nullptr);
  ::unsetenv("UNBLUR_TUNING");
  std::filesystem::remove(file);
}

TEST(CooperativeMatrix, ADeviceThatHasNoneOrComputesRightStaysAsItIs) {
  const bool has = test::device()->caps().cooperative_matrix;
  const auto checked = without_broken_matrices(test::device());
  EXPECT_EQ(checked, test::device());
  EXPECT_EQ(checked->caps().cooperative_matrix, has);
}

}  // namespace
}  // namespace unblur::vk
