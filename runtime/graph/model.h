// SPDX-License-Identifier: MIT
// A model: a graph, its parameters and what a user must know about it; stored as one .safetensors
// file (docs/model-file.md). Reading survives any bytes: everything is validated before it is
// allocated, and every failure is a ModelError.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace unblur {

/// How a model's output "control" describes the path of every pixel during the exposure
/// (graph/exposure.h).
struct TrajectoryInfo {
  std::string mode = "quad";  ///< "quad", "bilin" (control: 4 channels), "lin" (2 channels)
  int points = 15;            ///< time points of the exposure, odd, 3 to 255
  bool directed = false;      ///< whether start and end of the exposure are told apart
  bool operator==(const TrajectoryInfo&) const = default;
};

/// What is stored beside the graph. Free text goes to `card` (name, architecture, training data and its
/// licence, metrics, date, citation, ...), keyed by the names that `unblur info` prints.
struct ModelInfo {
  std::string name;             ///< "unblur-rt"
  std::string task = "deblur";  ///< deblur, trajectory, decompose, flow
  int size_multiple = 1;        ///< frames are replicate-padded right and bottom to a multiple
  int min_size = 1;             ///< and to at least this in both directions
  float range_low = 0.0F;       ///< what black and white (sRGB-encoded) are mapped to
  float range_high = 1.0F;
  std::optional<int> receptive_field;  ///< px to each side; absent where unbounded (warps)
  /// Set where the graph has an output "control": gather offsets in full-resolution px at the frame's size,
  /// channels (S.dy, S.dx, E.dy, E.dx), for "lin" the first two.
  std::optional<TrajectoryInfo> trajectory;
  std::map<std::string, std::string> card;
};

struct Model {
  ModelInfo info;
  Graph graph;
  TensorMap parameters;

  /// Throws ModelError listing every missing, unexpected or misshapen parameter.
  void check_parameters() const;
};

/// Raw safetensors: tensors and string metadata. Writing is deterministic: header in name
/// order and padded to 8 bytes, data by element size (so all is aligned) and name; through write_file
/// (file.h).
struct SafeTensors {
  TensorMap tensors;
  std::map<std::string, std::string> metadata;
};
[[nodiscard]] SafeTensors parse_safetensors(std::span<const std::byte> bytes);
[[nodiscard]] SafeTensors read_safetensors(const std::filesystem::path& path);
[[nodiscard]] std::vector<std::byte> serialise_safetensors(const SafeTensors& content);
void write_safetensors(const std::filesystem::path& path, const SafeTensors& content);

[[nodiscard]] Model parse_model(std::span<const std::byte> bytes);
[[nodiscard]] Model read_model(const std::filesystem::path& path);
[[nodiscard]] SafeTensors model_to_safetensors(const Model& model);
void write_model(const std::filesystem::path& path, const Model& model);

/// Graph <-> JSON text (compact, keys in order). Parsing throws ModelError.
[[nodiscard]] std::string graph_to_json(const Graph& graph);
[[nodiscard]] Graph graph_from_json(std::string_view json);

}  // namespace unblur
