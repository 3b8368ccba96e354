// SPDX-License-Identifier: MIT
// The trajectory network as a graph. No executor.
#include <gtest/gtest.h>

#include "networks/networks.h"

namespace unblur {
namespace {

TEST(Trajectory, CostsAtMostTwelveKiloMultiplyAddsPerPixel) {
  const double cost = static_cast<double>(multiply_adds(build_network("trajectory").graph, 256, 256)) /
                      (256.0 * 256.0 * 1000.0);
  EXPECT_LE(cost, 12.0);
  EXPECT_GT(cost, 8.0);
}

TEST(Trajectory, ControlHasTheSizeOfTheFrame) {
  const Model model = build_network("trajectory", true);
  const auto shapes = infer_shapes(model.graph, 48, 80);
  const auto shape = [&](const char* output) {
    return shapes[static_cast<std::size_t>(model.graph.output(output).id)];
  };
  EXPECT_EQ(shape("control"), (Shape{4, 48, 80}));
  EXPECT_EQ(shape("control4"), (Shape{4, 12, 20}));
  EXPECT_EQ(shape("control8"), (Shape{4, 6, 10}));
  EXPECT_EQ(shape("control16"), (Shape{4, 3, 5}));
  EXPECT_EQ(shape("flow"), (Shape{2, 6, 10}));
}

TEST(Trajectory, SaysWhatItsOutputMeans) {
  const ModelInfo info = build_network("trajectory").info;
  EXPECT_EQ(info.task, "trajectory");
  ASSERT_TRUE(info.trajectory.has_value());
  EXPECT_EQ(*info.trajectory, (TrajectoryInfo{.mode = "quad", .points = 15, .directed = true}));
}

TEST(Trajectory, TrainingOnlyAddsTheCoarserHeads) {
  const Graph plain = build_network("trajectory").graph, training = build_network("trajectory", true).graph;
  EXPECT_EQ(training.parameters().size(), plain.parameters().size() + 4);
  for (const auto& [name, dims] : plain.parameters()) EXPECT_EQ(training.parameters().at(name), dims) << name;
}

// So that a run can start from the weights of `rt`, and from nothing else of it by accident.
TEST(Trajectory, SharesTheMotionBranchOfTheRealTimeFamily) {
  const Graph ours = build_network("trajectory").graph, rt = build_network("rt").graph;
  int shared = 0;
  for (const auto& [name, dims] : ours.parameters()) {
    const auto found = rt.parameters().find(name);
    EXPECT_EQ(found != rt.parameters().end(), name.starts_with("flow.")) << name;
    if (found == rt.parameters().end()) continue;
    EXPECT_EQ(found->second, dims) << name;
    ++shared;
  }
  EXPECT_EQ(shared, 18);
}

}  // namespace
}  // namespace unblur
