// SPDX-License-Identifier: MIT
// A training run: stages, time budget, checkpoints, logs, validation.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>

#include "train_config.h"

namespace unblur {

struct RunOptions {
  bool resume = false;  ///< continue from `checkpoint.safetensors` of the run's directory
  std::filesystem::path
      init;  ///< weights of a model file or checkpoint to start from; the motion stage is skipped
  double budget_minutes = 0;      ///< 0: iteration counts of the configuration; with `resume`: so many more
  bool generated_photos = false;  ///< instead of those of the configuration
  std::int64_t stop_after = 0;    ///< stop with a checkpoint after so many iterations in total; 0: never
  bool quiet = false;
  const std::atomic<int>* interrupt = nullptr;  ///< becomes a signal number when the run shall stop
};

/// Runs to the end, or until interrupted; a checkpoint is written in both cases. Returns the signal number
/// that stopped the run, or 0. Throws UsageError, InputError, ModelError, ProcessingError (loss not finite:
/// the batch is saved as `bad-batch.safetensors`).
int run_training(const TrainConfig& config, const RunOptions& options);

/// Where a run keeps its checkpoint.
[[nodiscard]] std::filesystem::path checkpoint_path(const TrainConfig& config);

}  // namespace unblur
