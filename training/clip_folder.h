// SPDX-License-Identifier: MIT
// Synthesised clips as files: the `synth` verb.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>

#include "photos.h"
#include "synthesis.h"

namespace unblur {

/// Writes FOLDER/blur/NNNNNNNN.png, FOLDER/sharp/NNNNNNNN.png, with `truth` FOLDER/flow/NNNNNNNN.flo
/// (Middlebury format: gather from the frame to the one before, see Clip; from frame 1 on) and
/// FOLDER/visible/NNNNNNNN.png, and FOLDER/meta.json (bin, blur length, exposure, photographs used). Throws
/// ProcessingError.
void write_clip(const std::filesystem::path& folder, const Clip& clip, const ClipPlan& plan,
                const PhotoLibrary& photos, bool truth);

struct SynthRequest {
  PhotoOptions photos;
  SynthesisOptions clips;
  std::uint64_t seed = 1;
  std::int64_t first = 0;  ///< sample index
  int count = 8;
  bool truth = true;
  std::filesystem::path output;                  ///< one folder per clip, clip_NN
  std::optional<std::filesystem::path> preview;  ///< sheet of at most 12 clips, PNG
};
/// Called after each clip with (done, total); returns false to stop.
using SynthProgress = std::function<bool(int, int)>;

/// Samples first .. first + count - 1 as folders.
void write_clips(const SynthRequest& request, const SynthProgress& progress = {});

/// The validation set (validation_set.h) as folders clip_00 .. , seeds 0 .. count - 1. `photos.split` is set
/// to kValidation.
void write_validation_set(const std::filesystem::path& output, PhotoOptions photos, int count,
                          const std::optional<std::filesystem::path>& preview,
                          const SynthProgress& progress = {});

/// Middlebury .flo: "PIEH", width, height, then (u, v) float32 little endian by rows. `flow` is [2,H,W].
void write_flo(const std::filesystem::path& path, const torch::Tensor& flow);
[[nodiscard]] torch::Tensor read_flo(const std::filesystem::path& path);

}  // namespace unblur
