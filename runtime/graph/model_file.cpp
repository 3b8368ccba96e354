// SPDX-License-Identifier: MIT
// Model <-> safetensors: what `__metadata__` holds, and the checks that make a read model usable.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "graph/error.h"
#include "graph/exposure.h"
#include "graph/json_text.h"
#include "graph/model.h"

namespace unblur {
namespace {

constexpr std::string_view kFormatVersion = "1";
constexpr std::array<std::string_view, 4> kTasks{"deblur", "trajectory", "decompose", "flow"};
constexpr std::string_view kCardPrefix = "card.";
constexpr int kMaxSizeMultiple = 1024;
constexpr int kMaxMinSize = 4096;
constexpr int kMaxReceptiveField = 1 << 20;
constexpr std::array<std::string_view, 3> kPathModes{"quad", "bilin", "lin"};
constexpr std::string_view kDirected = "directed", kUndirected = "undirected";
constexpr std::size_t kMaxListed = 20;

using Metadata = std::map<std::string, std::string>;

/// "-1 0": the frame offsets that the graph reads, lowest and highest.
std::string window_text(const Graph& graph) {
  int low = 0;
  int high = 0;
  for (const Value v : graph.inputs()) {
    const int offset = std::get<op::Input>(graph.node(v).op).frame_offset;
    low = std::min(low, offset);
    high = std::max(high, offset);
  }
  return fmt::format("{} {}", low, high);
}

std::string states_text(const Graph& graph) {
  std::vector<std::string> names;
  for (const StateSpec& state : graph.states()) names.push_back(state.name);
  return fmt::format("{}", fmt::join(names, " "));
}

const std::string& entry(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw ModelError(fmt::format("metadata '{}' is missing", key));
  return found->second;
}

template <typename T>
T number(std::string_view text, std::string_view key) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw ModelError(fmt::format("metadata '{}': {} is not a number", key, printable(text)));
  }
  return value;
}

int bounded(const Metadata& metadata, const std::string& key, int low, int high) {
  const int value = number<int>(entry(metadata, key), key);
  if (value < low || value > high) {
    throw ModelError(fmt::format("metadata '{}': {} is not within {} to {}", key, value, low, high));
  }
  return value;
}

void read_range(const std::string& text, ModelInfo& info) {
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) throw ModelError("metadata 'range' must be two numbers");
  info.range_low = number<float>(std::string_view(text).substr(0, space), "range");
  info.range_high = number<float>(std::string_view(text).substr(space + 1), "range");
  if (!std::isfinite(info.range_low) || !std::isfinite(info.range_high) ||
      info.range_low >= info.range_high) {
    throw ModelError("metadata 'range': the first number must be below the second");
  }
}

std::string trajectory_text(const TrajectoryInfo& t) {
  return fmt::format("{} {} {}", t.mode, t.points, t.directed ? kDirected : kUndirected);
}

/// "quad 15 undirected".
TrajectoryInfo read_trajectory(const std::string& text) {
  const std::size_t first = text.find(' '), second = text.find(' ', first + 1);
  if (first == std::string::npos || second == std::string::npos)
    throw ModelError("metadata 'trajectory' must be a mode, a number of points and a direction");
  const std::string_view all = text, direction = all.substr(second + 1);
  TrajectoryInfo info{.mode = text.substr(0, first),
                      .points = number<int>(all.substr(first + 1, second - first - 1), "trajectory"),
                      .directed = direction == kDirected};
  if (direction != kDirected && direction != kUndirected)
    throw ModelError(fmt::format("metadata 'trajectory': {} is neither {} nor {}", printable(direction),
                                 kDirected, kUndirected));
  return info;
}

/// Throws ModelError where a trajectory is not one, or is not what the graph's outputs hold.
void check_trajectory(const ModelInfo& info, const Graph& graph) {
  if (!info.trajectory) {
    if (info.task == "trajectory") throw ModelError("task 'trajectory', but no metadata 'trajectory'");
    return;
  }
  const TrajectoryInfo& t = *info.trajectory;
  if (std::ranges::find(kPathModes, t.mode) == kPathModes.end())
    throw ModelError(fmt::format("metadata 'trajectory': {} is none of {}", printable(t.mode),
                                 fmt::join(kPathModes, ", ")));
  if (t.points < 3 || t.points > kMaxExposurePoints || t.points % 2 == 0)
    throw ModelError(fmt::format("metadata 'trajectory': {} points; it must be odd, 3 to {}", t.points,
                                 kMaxExposurePoints));
  const int control = t.mode == "lin" ? 2 : 4;
  if (const int channels = graph.node(graph.output("control")).channels; channels != control)
    throw ModelError(fmt::format("output 'control' has {} channels, trajectory mode {} needs {}", channels,
                                 t.mode, control));
  if (!graph.has_output("offsets")) return;
  if (const int channels = graph.node(graph.output("offsets")).channels; channels != 2 * t.points)
    throw ModelError(
        fmt::format("output 'offsets' has {} channels, {} points need {}", channels, t.points, 2 * t.points));
}

ModelInfo read_info(const Metadata& metadata) {
  ModelInfo info;
  info.name = entry(metadata, "name");
  info.task = entry(metadata, "task");
  if (std::ranges::find(kTasks, info.task) == kTasks.end()) {
    throw ModelError(
        fmt::format("metadata 'task': {} is none of {}", printable(info.task), fmt::join(kTasks, ", ")));
  }
  info.size_multiple = bounded(metadata, "size_multiple", 1, kMaxSizeMultiple);
  info.min_size = bounded(metadata, "min_size", 1, kMaxMinSize);
  read_range(entry(metadata, "range"), info);
  if (metadata.contains("receptive_field")) {
    info.receptive_field = bounded(metadata, "receptive_field", 0, kMaxReceptiveField);
  }
  if (metadata.contains("trajectory")) info.trajectory = read_trajectory(metadata.at("trajectory"));
  for (const auto& [key, value] : metadata) {
    if (key.starts_with(kCardPrefix)) info.card.emplace(key.substr(kCardPrefix.size()), value);
  }
  return info;
}

Model make_model(SafeTensors content) {
  const Metadata& metadata = content.metadata;
  if (!metadata.contains("unblur_format")) {
    throw ModelError(
        "a safetensors file, but no unblur model (no 'unblur_format' in its metadata); a training checkpoint "
        "becomes one with unblur-convert");
  }
  if (const std::string& version = entry(metadata, "unblur_format"); version != kFormatVersion) {
    throw ModelError(fmt::format("model format {}; this version of unblur reads format {}",
                                 printable(version), kFormatVersion));
  }
  Model model{.info = read_info(metadata), .graph = graph_from_json(entry(metadata, "graph"))};
  if (entry(metadata, "window") != window_text(model.graph) ||
      entry(metadata, "states") != states_text(model.graph)) {
    throw ModelError("metadata 'window' or 'states' contradicts the graph");
  }
  check_trajectory(model.info, model.graph);
  model.parameters = std::move(content.tensors);
  model.check_parameters();
  return model;
}

}  // namespace

void Model::check_parameters() const {
  std::vector<std::string> problems;
  for (const auto& [name, dims] : graph.parameters()) {
    const auto found = parameters.find(name);
    if (found == parameters.end()) {
      problems.push_back(fmt::format("{} {} is missing", printable(name), to_string(dims)));
    } else if (found->second.dims != dims) {
      problems.push_back(fmt::format("{} is {}, the graph needs {}", printable(name),
                                     to_string(found->second.dims), to_string(dims)));
    } else if (const DType type = found->second.type;
               type != DType::kF32 && type != DType::kF16 && type != DType::kBF16) {
      problems.push_back(fmt::format("{} has elements of {}, only F32, F16 and BF16 are weights",
                                     printable(name), name_of(type)));
    }
  }
  for (const auto& [name, tensor] : parameters) {
    if (!graph.parameters().contains(name))
      problems.push_back(fmt::format("{} is unexpected", printable(name)));
  }
  if (problems.empty()) return;
  const std::size_t shown = std::min(problems.size(), kMaxListed);
  std::string message = fmt::format("parameters do not match the graph: {}",
                                    fmt::join(problems.begin(), problems.begin() + shown, "; "));
  if (shown < problems.size()) message += fmt::format("; and {} more", problems.size() - shown);
  throw ModelError(message);
}

SafeTensors model_to_safetensors(const Model& model) {
  const ModelInfo& info = model.info;
  SafeTensors content{.tensors = model.parameters};
  Metadata& metadata = content.metadata;
  metadata = {{"unblur_format", std::string(kFormatVersion)},
              {"graph", graph_to_json(model.graph)},
              {"name", info.name},
              {"task", info.task},
              {"window", window_text(model.graph)},
              {"states", states_text(model.graph)},
              {"size_multiple", fmt::format("{}", info.size_multiple)},
              {"min_size", fmt::format("{}", info.min_size)},
              {"range", fmt::format("{} {}", info.range_low, info.range_high)}};
  if (info.receptive_field) metadata["receptive_field"] = fmt::format("{}", *info.receptive_field);
  if (info.trajectory) metadata["trajectory"] = trajectory_text(*info.trajectory);
  for (const auto& [key, value] : info.card) metadata[std::string(kCardPrefix) + key] = value;
  return content;
}

Model parse_model(std::span<const std::byte> bytes) { return make_model(parse_safetensors(bytes)); }

Model read_model(const std::filesystem::path& path) {
  SafeTensors content = read_safetensors(path);  // its errors name the path already
  try {
    return make_model(std::move(content));
  } catch (const ModelError& error) {
    throw ModelError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

void write_model(const std::filesystem::path& path, const Model& model) {
  model.graph.validate();
  check_trajectory(model.info, model.graph);
  model.check_parameters();
  write_safetensors(path, model_to_safetensors(model));
}

}  // namespace unblur
