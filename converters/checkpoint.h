// SPDX-License-Identifier: MIT
// What unblur-convert reads: checkpoints of unblur-train and model files, both safetensors. Nothing in a
// checkpoint is ever executed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graph/model.h"

namespace unblur {

/// A network with weights, and how they came out of the file.
struct Converted {
  Model model;                      ///< complete: check_parameters() passes
  std::string kind;                 ///< "training checkpoint" or "model"
  std::vector<std::string> unused;  ///< averaged weights that only training needs (auxiliary outputs)
};

/// Reads a training checkpoint's moving average (`ema.*`) into the network that its metadata names, or a
/// model file as it is. Throws InputError if the file is absent, ModelError if it is malformed, of an unknown
/// network, or lacks a weight.
[[nodiscard]] Converted read_checkpoint(const std::filesystem::path& path);

/// Whether this is a checkpoint of unblur-train, by its metadata.
[[nodiscard]] bool is_training_checkpoint(const SafeTensors& file);

/// Weights as float16, rounded to nearest even. Returns the largest rounding error; throws ModelError naming
/// the first weight that float16 cannot hold.
double convert_to_half(Model& model);

/// Throws ModelError naming a weight that is NaN or infinite.
void check_finite(const Model& model);

/// The model with only these outputs, and the nodes, states and weights that they need. Throws ModelError
/// if an output does not exist.
[[nodiscard]] Model keep_outputs(const Model& model, const std::vector<std::string>& outputs);

}  // namespace unblur
