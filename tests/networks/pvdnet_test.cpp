// SPDX-License-Identifier: MIT
// PVDNet as a graph: names, counts, costs, sizes. What it computes is held to the golden cases.
#include "networks/pvdnet.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/error.h"
#include "networks/networks.h"

namespace unblur {
namespace {

std::int64_t elements(const Graph& graph, std::string_view prefix = "") {
  std::int64_t sum = 0;
  for (const auto& [name, dims] : graph.parameters()) {
    if (name.starts_with(prefix)) sum += element_count(dims);
  }
  return sum;
}

TEST(Pvdnet, ParametersAreThoseOfTheSpecification) {
  const Graph graph = build_pvdnet(pvdnet_config()), large = build_pvdnet(pvdnet_large_config());
  EXPECT_EQ(elements(graph, "BIMNet."), 5'381'969);
  EXPECT_EQ(elements(graph, "PVDNet."), 5'132'579);
  EXPECT_EQ(elements(large, "PVDNet."), 17'979'811);
  EXPECT_EQ(graph.parameters().size(), 290U);
  EXPECT_EQ(large.parameters().size(), 338U);
  EXPECT_EQ(build_bimnet(pvdnet_config()).parameters().size(), 212U);
  EXPECT_EQ(elements(graph, "BIMNet.moduleFeatures."), 558'432);
  const std::int64_t by_level[][3] = {{154'898, 247'394, 469'261},
                                      {151'250, 243'746, 452'603},
                                      {150'466, 317'474, 456'699},
                                      {149'442, 390'178, 439'677},
                                      {149'410, 537'634, 513'405}};
  for (int i = 0; i < 5; ++i) {
    const std::string index = std::to_string(i) + ".";
    EXPECT_EQ(elements(graph, "BIMNet.moduleMatching." + index), by_level[i][0]) << i;
    EXPECT_EQ(elements(graph, "BIMNet.moduleSubpixel." + index), by_level[i][1]) << i;
    EXPECT_EQ(elements(graph, "BIMNet.moduleRegularization." + index), by_level[i][2]) << i;
  }
  const auto shape = [&](const char* name) { return graph.parameters().at(name); };
  EXPECT_EQ(shape("BIMNet.moduleMatching.0.moduleUpcorr.weight"), (Dims{49, 1, 4, 4}));
  EXPECT_EQ(shape("BIMNet.moduleRegularization.1.moduleDist.1.weight"), (Dims{25, 25, 1, 5}));
  EXPECT_EQ(shape("PVDNet.dconv1.weight"), (Dims{128, 64, 4, 4}));
  EXPECT_EQ(large.parameters().at("PVDNet.RBs.23.2.weight"), (Dims{192, 192, 3, 3}));
}

TEST(Pvdnet, CostIsThatOfTheSpecification) {
  constexpr int kSide = 128;
  const double flow = 326'497.8 + 352.2;
  const auto per_pixel = [](const Graph& graph) {
    return static_cast<double>(multiply_adds(graph, kSide, kSide)) / (kSide * kSide);
  };
  EXPECT_NEAR(per_pixel(build_pvdnet(pvdnet_config())), flow + 694'048, 1);
  EXPECT_NEAR(per_pixel(build_pvdnet(pvdnet_large_config())), flow + 1'496'608, 1);
  PvdnetConfig kept = pvdnet_config();
  kept.keep_features = true;
  EXPECT_NEAR(per_pixel(build_pvdnet(kept)), flow - 35'760.0 / 2 + 694'048, 1);  // one feature pyramid less
}

TEST(Pvdnet, FlowIsCroppedAndPadded) {
  const Graph graph = build_pvdnet(pvdnet_config());
  const auto shapes = infer_shapes(graph, 76, 100);
  const auto shape = [&](const char* node) {
    const auto found = std::ranges::find(graph.nodes(), node, &Node::name);
    return shapes.at(static_cast<std::size_t>(found - graph.nodes().begin()));
  };
  EXPECT_EQ(shape("first.part"), (Shape{3, 64, 96}));
  EXPECT_EQ(shape("BIMNet.flow"), (Shape{2, 32, 48}));
  EXPECT_EQ(shape("flow"), (Shape{2, 76, 100}));
  EXPECT_EQ(shapes[static_cast<std::size_t>(graph.output("frame").id)], (Shape{3, 76, 100}));
}

TEST(Pvdnet, EveryNameBuilds) {
  for (const char* name : {"pvdnet", "pvdnet-large", "pvdnet-slim"}) {
    const Model model = build_network(name);
    EXPECT_EQ(model.info.range_low, -1.0F);
    EXPECT_EQ(model.info.size_multiple, 4);
    EXPECT_EQ(model.graph.parameters(), build_network(name, true).graph.parameters());
    EXPECT_EQ(graph_to_json(graph_from_json(graph_to_json(model.graph))), graph_to_json(model.graph));
  }
  EXPECT_LT(elements(build_network("pvdnet-slim").graph), 700'000);
}

}  // namespace
}  // namespace unblur
