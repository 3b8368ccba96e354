// SPDX-License-Identifier: MIT
#include "networks/networks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graph/error.h"

namespace unblur {
namespace {

ModelInfo real_time_info(const RealTimeConfig& config, const Graph& graph) {
  constexpr int kSide = 256;  // any multiple of 16 gives the same number per pixel
  ModelInfo info;
  info.name = config.name;
  info.task = "deblur";
  info.size_multiple = 16;
  info.min_size = 16;
  info.card["name"] = config.name;
  info.card["architecture"] = fmt::format(
      "recurrent gated U-net with its own flow; {}/{}/{} channels and {}/{}/{} blocks at 1/2, 1/4, 1/8 scale",
      config.c1, config.c2, config.c3, config.b1, config.b2, config.b3);
  info.card["input"] = config.next_frame ? "sRGB-encoded RGB in [0, 1]; this frame and the next one"
                                         : "sRGB-encoded RGB in [0, 1]; this frame, the previous one is kept";
  info.card["multiply_adds_per_pixel"] =
      fmt::format("{:.0f}", static_cast<double>(multiply_adds(graph, kSide, kSide)) / (kSide * kSide));
  return info;
}

Model real_time(RealTimeConfig config, bool training) {
  config.auxiliary = training;
  Model model;
  model.graph = build_real_time(config);
  model.info = real_time_info(config, model.graph);
  return model;
}

}  // namespace

std::vector<std::string> network_names() { return {"rt", "balanced"}; }

Model build_network(const std::string& name, bool training) {
  if (name == "rt") return real_time(rt_config(), training);
  if (name == "balanced") return real_time(balanced_config(), training);
  throw UsageError(
      fmt::format("there is no network '{}'; the names are: {}", name, fmt::join(network_names(), ", ")));
}

}  // namespace unblur
