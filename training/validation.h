// SPDX-License-Identifier: MIT
// Synthetic validation during a run: a few clips of photographs never trained on, fixed seeds, by bins of
// blur length (real-time-model.md 4.3). Pictures: squared error pooled per bin over 8-bit frames with the
// first two left out. Paths: end-point error over that of zero motion.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "replicas.h"
#include "steps.h"
#include "torch_graph.h"
#include "train_config.h"

namespace unblur {

inline constexpr int kFramesLeftOut = 2;  ///< the recurrence needs them to start

struct ValidationResult {
  std::vector<double> values;  ///< of `validation_columns` after the first two
  std::string line;            ///< for people
};
/// "seconds", "clips" (that training has seen), and what a recipe is validated by.
[[nodiscard]] std::vector<std::string> validation_columns(Recipe recipe);

class Validation {
 public:
  Validation() = default;
  virtual ~Validation() = default;
  Validation(const Validation&) = delete;
  Validation& operator=(const Validation&) = delete;
  [[nodiscard]] virtual ValidationResult run(const TorchGraph& net, Replicas& replicas) const = 0;
  /// One clip per bin as a row of pictures: uint8 [3,h,w].
  [[nodiscard]] virtual torch::Tensor picture_sheet(const TorchGraph& net) const = 0;
};

/// Synthesises the clips once and keeps them. `info`: of the network that will be scored.
[[nodiscard]] std::unique_ptr<Validation> make_validation(const TrainConfig& config, Recipe recipe,
                                                          const ModelInfo& info, c10::Device device);

}  // namespace unblur
