// SPDX-License-Identifier: MIT
// What unblur-convert reads: checkpoints of PyTorch (both containers), plain safetensors, checkpoints of
// unblur-train and model files. Nothing in a checkpoint is ever executed.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "graph/model.h"

namespace unblur {

/// A network with weights, and how they came out of the file.
struct Converted {
  Model model;       ///< complete: check_parameters() passes
  std::string kind;  ///< "training checkpoint", "model", "PyTorch zip of pvdnet, prefix 'module.'"
  std::vector<std::string> unused;  ///< tensors that the network does not need (auxiliary outputs, optimiser)
};

/// Tensors of any checkpoint, whatever they belong to.
struct Contents {
  std::string container;  ///< "safetensors", "PyTorch zip", "PyTorch stream"
  SafeTensors file;       ///< of PyTorch: numbers and texts beside the tensors are the metadata
};

/// Reads any file that this program knows. Throws InputError if it is absent, ModelError if it is malformed.
[[nodiscard]] Contents read_contents(const std::filesystem::path& path);

/// Reads a training checkpoint's moving average (`ema.*`) into the network that its metadata names, a model
/// file as it is, and any other checkpoint into the network that its names and shapes fit, or into `network`.
/// Throws InputError if the file is absent, ModelError if it is malformed, of an unknown network, or if
/// tensors are missing, unexpected or misshapen (all are listed).
[[nodiscard]] Converted read_checkpoint(const std::filesystem::path& path, const std::string& network = "");

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
