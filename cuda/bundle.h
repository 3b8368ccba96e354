// SPDX-License-Identifier: MIT
// What a comparison leaves behind for other programs and for another day: outputs as .npy, and the first
// layer beyond tolerance as a folder that can be run again on any backend:
//   model.safetensors   the model
//   layer.safetensors   operand.0, operand.1, ...: what the layer was fed; expected: the reference's value;
//                       got: the examined backend's. Metadata: layer, covers (node names, one per line),
//                       operands (likewise), output (node), height, width (of the padded frame), backend,
//                       bound (largest error allowed)
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "layers.h"

namespace unblur {

/// NumPy's format, version 1.0, little-endian float32. Throws ProcessingError.
void write_npy(const std::filesystem::path& path, std::span<const float> values, const Dims& dims);

/// `folder`/frame.N.OUTPUT.SIDE.npy, [c,h,w]; makes the folder.
void dump_outputs(const std::filesystem::path& folder, std::int64_t frame, const std::string& side,
                  std::span<const NamedOutput> outputs);

/// Makes the folder. Throws ProcessingError.
void write_bundle(const std::filesystem::path& folder, const Model& model, const PlanSize& size,
                  const BackendChoice& backend, const Offence& offence);

struct Replay {
  std::string layer = {}, backend = {};  ///< as then; the backend of this replay
  double bound = 0;
  ElementError then = {}, now = {};  ///< against the reference's value
  [[nodiscard]] bool holds() const noexcept { return now.largest <= bound; }
};
/// Runs the layer again on the stored operands. Without `backend`: the one it failed on. A backend that cuts
/// its plan otherwise runs all nodes that the layer covers. Throws InputError where the folder holds no
/// bundle.
[[nodiscard]] Replay replay_bundle(const std::filesystem::path& folder, const std::string& backend = {});

}  // namespace unblur
