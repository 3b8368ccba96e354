// SPDX-License-Identifier: MIT
// Synthetic validation (real-time-model.md 4.3): clips of photographs never trained on, fixed seeds, five
// bins of blur length, squared error pooled per bin over 8-bit frames with the first two left out.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "evaluate.h"
#include "replicas.h"
#include "synthesis.h"
#include "torch_graph.h"
#include "train_config.h"

namespace unblur {

inline constexpr int kFramesLeftOut = 2;  ///< the recurrence needs them to start

struct ValidationResult {
  std::array<Score, kBinCount> bins;
  /// Values of `validation_columns`.
  [[nodiscard]] std::vector<double> row(double seconds, std::int64_t clips) const;
  [[nodiscard]] std::string line() const;  ///< "0-2 +0.31, 2-8 +1.20, ..."
};
[[nodiscard]] std::vector<std::string> validation_columns();

class Validation {
 public:
  /// Synthesises the clips once and keeps them. `info`: of the network that will be scored.
  Validation(const TrainConfig& config, ModelInfo info, c10::Device device);
  [[nodiscard]] ValidationResult run(const TorchGraph& net, Replicas& replicas) const;
  /// Input, output and truth of one clip per bin side by side, rows below each other: uint8 [3,h,w].
  [[nodiscard]] torch::Tensor picture_sheet(const TorchGraph& net) const;

 private:
  ModelInfo info_;
  std::vector<Clip> clips_;
  c10::Device device_;
};

}  // namespace unblur
