// SPDX-License-Identifier: MIT
// The fixed validation set of real-time-model.md 4.3, point 1.
#pragma once

#include "synthesis.h"

namespace unblur {

inline constexpr int kValidationClips = 60;
inline constexpr int kValidationFrames = 8;
inline constexpr int kValidationSide = 256;  ///< px

/// Options of the validation set: everything on, no repeated frames (their middle frame has no neighbours).
[[nodiscard]] SynthesisOptions validation_options();

/// Clip s of the set: blur bin s modulo 5, by drawing motion and exposure from counters (s, 0), (s, 1), ...
/// until it falls into it. `photos` is the validation split. Rendered on the CPU.
[[nodiscard]] ClipPlan validation_plan(const PhotoLibrary& photos, int seed);
[[nodiscard]] Clip validation_clip(const PhotoLibrary& photos, int seed);

inline constexpr int kPathFrames = 3;

/// The set for paths during the exposure: the same with kPathFrames frames and their exact paths. `clean`:
/// the same scenes and motion without noise, codec and saturation.
[[nodiscard]] ClipPlan path_validation_plan(const PhotoLibrary& photos, int seed, bool clean);
[[nodiscard]] Clip path_validation_clip(const ClipPlan& plan, const PhotoLibrary& photos);

}  // namespace unblur
