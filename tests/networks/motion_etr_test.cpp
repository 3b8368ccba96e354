// SPDX-License-Identifier: MIT
// Motion-ETR as graphs: counts, costs, sizes, modes. Names and shapes are held to state-dict.json in
// tests/converters, what the graphs compute to the golden cases.
#include "networks/motion_etr.h"

#include <gtest/gtest.h>

#include "graph/error.h"
#include "networks/networks.h"

namespace unblur {
namespace {

std::int64_t parameter_elements(const Graph& graph, std::string_view prefix = "") {
  std::int64_t sum = 0;
  for (const auto& [name, dims] : graph.parameters()) {
    if (name.starts_with(prefix)) sum += element_count(dims);
  }
  return sum;
}

double cost_per_pixel(const Graph& graph) {
  constexpr int kSide = 64;
  return static_cast<double>(multiply_adds(graph, kSide, kSide)) / (kSide * kSide);
}

TEST(MotionEtr, ParametersAreThoseOfTheSpecification) {
  const Graph quad = build_offset_network({}), lin = build_offset_network({.mode = "lin"});
  EXPECT_EQ(quad.parameters().size(), 62U);
  EXPECT_EQ(parameter_elements(quad), 1'129'604);
  EXPECT_EQ(parameter_elements(build_offset_network({.mode = "bilin"})), 1'129'604);
  EXPECT_EQ(parameter_elements(lin), 1'128'002);
  EXPECT_EQ(parameter_elements(quad, "conv_2."), 166'624);
  EXPECT_EQ(parameter_elements(quad, "bottleneck_3."), 20'576);
  const Graph whole = build_motion_aware({});
  EXPECT_EQ(parameter_elements(whole), 6'554'000);
  EXPECT_EQ(parameter_elements(whole, "deblur_net."), 5'424'396);
  EXPECT_EQ(parameter_elements(whole, "deblur_net.encoder_lv2."), 868'288);
  EXPECT_EQ(parameter_elements(whole, "deblur_net.decoder_lv3."), 939'844);
  EXPECT_EQ(whole.parameters().at("deblur_net.decoder_lv1.ratio_3"), Dims{});
  EXPECT_EQ(parameter_elements(build_motion_aware({.mode = "lin"})), 6'552'398);
  EXPECT_EQ(parameter_elements(build_motion_deblur(15)), 5'424'396);
  EXPECT_TRUE(build_reblur(15).parameters().empty());
}

TEST(MotionEtr, CostIsThatOfTheSpecification) {
  EXPECT_NEAR(cost_per_pixel(build_offset_network({})), 51'952, 0.5);
  EXPECT_NEAR(cost_per_pixel(build_offset_network({.mode = "lin"})), 50'352, 0.5);
  EXPECT_NEAR(cost_per_pixel(build_motion_deblur(15)), 745'536, 0.5);
  EXPECT_NEAR(cost_per_pixel(build_motion_aware({})), 797'488, 0.5);
}

TEST(MotionEtr, OutputsHaveTheSizeOfTheFrame) {
  for (const char* mode : {"quad", "bilin", "lin"}) {
    for (const int points : {3, 9, 15, 21}) {
      const Graph graph = build_offset_network({mode, points});
      const std::vector<Shape> shapes = infer_shapes(graph, 24, 40);
      const auto shape = [&](const char* name) {
        return shapes.at(static_cast<std::size_t>(graph.output(name).id));
      };
      EXPECT_EQ(shape("control"), (Shape{std::string(mode) == "lin" ? 2 : 4, 24, 40}));
      EXPECT_EQ(shape("offsets"), (Shape{2 * points, 24, 40}));
    }
  }
  const Graph whole = build_motion_aware({.points = 13});
  const std::vector<Shape> shapes = infer_shapes(whole, 16, 16);
  EXPECT_EQ(shapes[static_cast<std::size_t>(whole.output("frame").id)], (Shape{3, 16, 16}));
}

TEST(MotionEtr, WrongSizesAndConfigsAreRefused) {
  const Graph graph = build_offset_network({});
  for (const auto& [h, w] : {std::pair{20, 32}, std::pair{32, 36}, std::pair{8, 32}})
    EXPECT_THROW((void)infer_shapes(graph, h, w), ModelError) << h << " x " << w;
  for (const int points : {0, 1, 2, 14, 257}) {
    EXPECT_THROW((void)build_offset_network({.points = points}), UsageError) << points;
    EXPECT_THROW((void)build_reblur(points), UsageError) << points;
  }
  EXPECT_THROW((void)build_offset_network({.mode = "cubic"}), UsageError);
  EXPECT_THROW((void)build_motion_aware({.points = 11}), UsageError);
  EXPECT_THROW((void)build_motion_deblur(11), UsageError);
}

TEST(MotionEtr, EveryNameBuilds) {
  for (const char* kind : {"quad", "bilin", "lin", "deblur"}) {
    const std::string name = std::string("motion-etr-") + kind;
    const Model model = build_network(name);
    const bool deblurs = model.graph.has_output("frame");
    EXPECT_EQ(model.info.name, name);
    EXPECT_EQ(model.info.task, deblurs ? "deblur" : "trajectory");
    EXPECT_EQ(model.info.size_multiple, 8);
    EXPECT_EQ(model.info.min_size, 16);
    ASSERT_TRUE(model.info.trajectory.has_value());
    EXPECT_EQ(*model.info.trajectory, (TrajectoryInfo{deblurs ? "quad" : kind, 15, false}));
    EXPECT_EQ(graph_to_json(graph_from_json(graph_to_json(model.graph))), graph_to_json(model.graph));
    Model filled = model;
    filled.parameters = initial_parameters(model.graph, 1, Start::kXavier);
    const Model back = parse_model(serialise_safetensors(model_to_safetensors(filled)));
    EXPECT_EQ(back.info.trajectory, model.info.trajectory);
  }
  EXPECT_THROW((void)build_network("motion-etr-"), UsageError);
}

TEST(MotionEtr, CheckpointsNameTensorsOfBottlenecksTwice) {
  EXPECT_EQ(motion_etr_parameter("offset_net.bottleneck_2.model.2.weight"),
            "offset_net.bottleneck_2.conv2.weight");
  EXPECT_EQ(motion_etr_parameter("bottleneck_1.model.0.bias"), "bottleneck_1.conv1.bias");
  EXPECT_EQ(motion_etr_parameter("bottleneck_1.conv1.bias"), "bottleneck_1.conv1.bias");
  EXPECT_EQ(motion_etr_parameter("module.model.0.bias"), "module.model.0.bias");
}

}  // namespace
}  // namespace unblur
