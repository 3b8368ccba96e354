// SPDX-License-Identifier: MIT
#include "networks/networks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "graph/error.h"
#include "networks/motion_etr.h"
#include "networks/pvdnet.h"

namespace unblur {
namespace {

std::string per_pixel(const Graph& graph) {
  constexpr int kSide = 256;  // any multiple of the largest stride gives the same number per pixel
  return fmt::format("{:.0f}", static_cast<double>(multiply_adds(graph, kSide, kSide)) / (kSide * kSide));
}

ModelInfo real_time_info(const RealTimeConfig& config, const Graph& graph) {
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
  info.card["multiply_adds_per_pixel"] = per_pixel(graph);
  return info;
}

Model real_time(RealTimeConfig config, bool training) {
  config.auxiliary = training;
  Model model;
  model.graph = build_real_time(config);
  model.info = real_time_info(config, model.graph);
  return model;
}

Model trajectory(bool training) {
  Model model{.graph = build_trajectory({.auxiliary = training})};
  model.info.name = "unblur-trajectory";
  model.info.task = "trajectory";
  model.info.size_multiple = 16;
  model.info.min_size = 16;
  model.info.trajectory = TrajectoryInfo{.mode = "quad", .points = 15, .directed = true};
  model.info.card = {{"name", model.info.name},
                     {"architecture", "gated U-net at 1/4, 1/8 and 1/16 scale with its own flow"},
                     {"input", "sRGB-encoded RGB in [0, 1]; of the previous frame features are kept"},
                     {"multiply_adds_per_pixel", per_pixel(model.graph)}};
  return model;
}

Model pvdnet(PvdnetConfig config, bool training) {
  config.keep_features = !training;
  config.coarse_flows = training;
  Model model{.graph = build_pvdnet(config)};
  model.info.name = config.name;
  model.info.size_multiple = 4;
  model.info.min_size = 64;  // below, the coarsest level of the flow network has a single row
  model.info.range_low = -1.0F;
  model.info.card = {
      {"name", config.name},
      {"architecture", "PVDNet with BIMNet (Son et al., ACM TOG 40(5), 2021)"},
      {"input", "sRGB-encoded RGB in [-1, 1]; this frame and the next one, the previous one is kept"},
      {"multiply_adds_per_pixel", per_pixel(model.graph)}};
  return model;
}

Model bimnet() {
  Model model{.graph = build_bimnet(pvdnet_config())};
  model.info.name = "bimnet";
  model.info.task = "flow";
  model.info.size_multiple = 32;
  model.info.min_size = 64;
  model.info.card = {{"name", "bimnet"},
                     {"architecture", "BIMNet, the flow network of PVDNet (Son et al., ACM TOG 40(5), 2021)"},
                     {"multiply_adds_per_pixel", per_pixel(model.graph)}};
  return model;
}

constexpr std::string_view kMotionEtr = "motion-etr-";

/// "motion-etr-quad" and so on: trajectories; "motion-etr-deblur": pictures too.
Model motion_etr(const std::string& name) {
  const std::string kind = name.substr(kMotionEtr.size());
  const bool deblurs = kind == "deblur";
  const MotionEtrConfig config{.mode = deblurs ? "quad" : kind};
  Model model{.graph = deblurs ? build_motion_aware(config) : build_offset_network(config)};
  model.info.name = name;
  model.info.task = deblurs ? "deblur" : "trajectory";
  model.info.size_multiple = 8;
  model.info.min_size = 16;  // below, the mirrored borders of the coarsest level do not fit
  model.info.trajectory = TrajectoryInfo{.mode = config.mode, .points = config.points};
  model.info.card = {
      {"name", name},
      {"architecture", fmt::format("Motion-ETR's {} (Zhang et al., TPAMI 44(11), 2022)",
                                   deblurs ? "motion-aware deblurring network" : "offset network")},
      {"input", "sRGB-encoded RGB in [0, 1]; this frame alone"},
      {"multiply_adds_per_pixel", per_pixel(model.graph)}};
  return model;
}

}  // namespace

std::vector<std::string> network_names() {
  return {
      "rt",     "balanced",        "trajectory",       "pvdnet",         "pvdnet-large",     "pvdnet-slim",
      "bimnet", "motion-etr-quad", "motion-etr-bilin", "motion-etr-lin", "motion-etr-deblur"};
}

Model build_network(const std::string& name, bool training) {
  if (name == "rt") return real_time(rt_config(), training);
  if (name == "balanced") return real_time(balanced_config(), training);
  if (name == "trajectory") return trajectory(training);
  if (name == "pvdnet") return pvdnet(pvdnet_config(), training);
  if (name == "pvdnet-large") return pvdnet(pvdnet_large_config(), training);
  if (name == "pvdnet-slim") return pvdnet(pvdnet_slim_config(), training);
  if (name == "bimnet") return bimnet();
  const std::vector<std::string> names = network_names();
  if (name.starts_with(kMotionEtr) && std::ranges::find(names, name) != names.end()) return motion_etr(name);
  throw UsageError(fmt::format("there is no network '{}'; the names are: {}", name, fmt::join(names, ", ")));
}

std::vector<std::string> motion_outputs(const Graph& graph) {
  std::vector<std::string> names;
  for (const OutputSpec& o : graph.outputs()) {
    if (o.name.starts_with("flow")) names.push_back(o.name);
  }
  return names;
}

std::vector<Value> constants_in_training(const Graph& graph) {
  std::vector<Value> found;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const std::string& name = graph.nodes()[i].name;
    if (name.starts_with("BIMNet.regularization.") && name.ends_with(".mismatch"))
      found.push_back(Value{static_cast<std::int32_t>(i)});
  }
  return found;
}

}  // namespace unblur
