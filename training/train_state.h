// SPDX-License-Identifier: MIT
// A training checkpoint: one .safetensors file with the tensors `model.*` (weights), `ema.*` (their moving
// average: what is converted and shipped), `optim.*` (momenta), and in the metadata everything that a resumed
// run needs besides (docs/training.md lists the keys).
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "torch_ops.h"

namespace unblur {

struct TrainState {
  TorchTensors model, average, optimiser;
  std::map<std::string, std::string> counters;

  /// Values of `counters`. Throw ModelError naming an absent or malformed key.
  [[nodiscard]] std::int64_t integer(const std::string& key) const;
  [[nodiscard]] double number(const std::string& key) const;
  [[nodiscard]] const std::string& text(const std::string& key) const;
  void set(const std::string& key, std::int64_t value);
  void set(const std::string& key, double value);  ///< stored with all its bits
};

/// Atomic: the old file stays until the new one is complete on the disk. Throws ProcessingError (disk full).
void write_train_state(const std::filesystem::path& path, const TrainState& state);
/// Throws ModelError if the file is no checkpoint, InputError if it is absent.
[[nodiscard]] TrainState read_train_state(const std::filesystem::path& path);
/// Whether the file is a checkpoint rather than a model file. Throws like read_train_state.
[[nodiscard]] bool is_train_state(const std::filesystem::path& path);

}  // namespace unblur
