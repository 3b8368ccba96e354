// SPDX-License-Identifier: MIT
// The real-time family as a graph: cost, shapes, states and starting parameters. No executor.
#include <gtest/gtest.h>

#include <cmath>

#include "graph/error.h"
#include "networks/networks.h"

namespace unblur {
namespace {

double kilo_macs_per_pixel(const Graph& graph) {
  return static_cast<double>(multiply_adds(graph, 256, 256)) / (256.0 * 256.0 * 1000.0);
}

TEST(RealTime, CostIsThatOfTheDesignTable) {
  EXPECT_NEAR(kilo_macs_per_pixel(build_network("rt").graph), 19.0, 0.1);
  EXPECT_NEAR(kilo_macs_per_pixel(build_network("balanced").graph), 64.5, 0.7);
}

TEST(RealTime, ParameterCountIsThatOfTheDesignTable) {
  const auto count = [](const Graph& graph) {
    std::int64_t sum = 0;
    for (const auto& [name, dims] : graph.parameters()) sum += element_count(dims);
    return sum;
  };
  EXPECT_NEAR(static_cast<double>(count(build_network("rt").graph)), 0.72e6, 0.02e6);
  EXPECT_NEAR(static_cast<double>(count(build_network("balanced").graph)), 2.0e6, 0.1e6);
}

TEST(RealTime, OutputsHaveTheirScales) {
  for (const char* name : {"rt", "balanced"}) {
    const Graph graph = build_network(name, true).graph;
    const auto shapes = infer_shapes(graph, 48, 80);
    const auto shape = [&](const char* output) {
      return shapes[static_cast<std::size_t>(graph.output(output).id)];
    };
    EXPECT_EQ(shape("frame"), (Shape{3, 48, 80}));
    EXPECT_EQ(shape("flow"), (Shape{2, 6, 10}));
    EXPECT_EQ(shape("flow_coarse"), (Shape{2, 3, 5}));
    EXPECT_EQ(shape("aux2"), (Shape{3, 24, 40}));
    EXPECT_EQ(shape("aux4"), (Shape{3, 12, 20}));
  }
}

TEST(RealTime, TrainingOnlyAddsTheAuxiliaryParameters) {
  const Graph plain = build_network("rt").graph, training = build_network("rt", true).graph;
  EXPECT_EQ(training.parameters().size(), plain.parameters().size() + 4);
  for (const auto& [name, dims] : plain.parameters()) EXPECT_EQ(training.parameters().at(name), dims) << name;
}

TEST(RealTime, MotionBranchStandsAlone) {
  const Graph graph = build_network("rt").graph;
  const Value flow = graph.output("flow");
  const auto needed = ancestors(graph, std::span(&flow, 1));
  for (std::size_t i = 0; i < needed.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (needed[i] && std::holds_alternative<op::Conv2d>(node.op)) {
      EXPECT_EQ(node.name.substr(0, 5), "flow.") << node.name;
    }
  }
}

TEST(RealTime, UnknownNameListsTheNames) {
  try {
    (void)build_network("tiny");
    FAIL() << "accepted";
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("rt, balanced"), std::string::npos) << e.what();
  }
}

TEST(InitialParameters, DeviationFollowsTheReader) {
  const Graph graph = build_network("rt", true).graph;
  const TensorMap parameters = initial_parameters(graph, 7);
  const auto deviation = [&](const char* name) {
    double sum = 0;
    for (const float v : parameters.at(name).f32()) sum += double{v} * v;
    return std::sqrt(sum / static_cast<double>(parameters.at(name).count()));
  };
  const double he = std::sqrt(2.0 / 1.01);
  EXPECT_NEAR(deviation("flow.f8.weight") * std::sqrt(24 * 9), he, 0.05);       // LeakyReLU follows
  EXPECT_NEAR(deviation("b8.0.split.weight") * std::sqrt(64 * 9), 1.0, 0.02);   // a product follows
  EXPECT_NEAR(deviation("flow.fine.2.weight") * std::sqrt(32 * 9), 0.1, 0.02);  // ends a flow head
  EXPECT_EQ(deviation("out.weight"), 0.0);
  EXPECT_EQ(deviation("b8.0.split.bias"), 0.0);
  EXPECT_EQ(deviation("b8.0.gain"), 1.0);
}

TEST(InitialParameters, SeedDecides) {
  const Graph graph = build_network("rt").graph;
  const auto first = [&](std::uint64_t seed) {
    return initial_parameters(graph, seed).at("in.weight").to_floats();
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1), first(2));
}

}  // namespace
}  // namespace unblur
