// SPDX-License-Identifier: MIT
// A network under training: graph and weights, their moving average, and the optimiser of the current stage.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "graph/model.h"
#include "networks/networks.h"
#include "optimiser.h"
#include "torch_graph.h"
#include "train_state.h"

namespace unblur {

class TrainedNetwork {
 public:
  /// Fresh weights (initial_parameters) with auxiliary outputs, in the fast layout on `device`. Throws
  /// UsageError for a network without an output "frame" or "control".
  TrainedNetwork(const std::string& network, std::uint64_t seed, double average_decay, c10::Device device,
                 Start start = Start::kHe);

  [[nodiscard]] const ModelInfo& info() const noexcept { return info_; }

  [[nodiscard]] TorchGraph& graph() noexcept { return graph_; }
  [[nodiscard]] Optimiser& optimiser() { return *optimiser_; }
  /// What the flow outputs need; everything else stands still.
  void optimise_motion(const OptimiserConfig& config);
  /// Everything, the motion branch at `motion_rate` times the rate; at 0 it stands still and has no
  /// gradients. Where the rule is Muon, the layers that end in an output and the motion branch are left to
  /// AdamW.
  void optimise_all(const OptimiserConfig& config, double motion_rate);

  /// Weights by name into network and average; what only training needs may be absent. Those of another
  /// network with the same motion branch do for that branch, those of Motion-ETR's offset network for
  /// "offset_net.*". Throws ModelError.
  void load_weights(const TensorMap& weights);
  void update_average() { average_.update(graph_.parameters()); }
  /// A second network that holds the averaged weights, without gradients.
  [[nodiscard]] const TorchGraph& average_network();
  [[nodiscard]] TensorMap export_average() const;

  /// Sections and "average_updates" of a checkpoint.
  [[nodiscard]] TrainState state() const;
  /// The optimiser of the stage must have been made before.
  void load(const TrainState& state);

 private:
  [[nodiscard]] std::vector<TrainedParameter> trained_parameters(UpdateRule rule, bool motion_only,
                                                                 double motion_rate);

  ModelInfo info_;
  TorchGraph graph_, copy_;
  MovingAverage average_;
  std::unique_ptr<Optimiser> optimiser_;
};

/// Weights of a model file, or the averaged weights of a checkpoint.
[[nodiscard]] TensorMap weights_of(const std::filesystem::path& path);

/// The model file's contents for these weights: training outputs and their parameters are left out; `card` is
/// added to what the network says of itself.
[[nodiscard]] Model trained_model(const std::string& network, const TensorMap& weights,
                                  const std::map<std::string, std::string>& card);

}  // namespace unblur
