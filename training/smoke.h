// SPDX-License-Identifier: MIT
// `--smoke`: every part of a run on generated pictures, in seconds.
#pragma once

#include <vector>

#include "photos.h"
#include "train_config.h"

namespace unblur {

/// Coloured shapes on gradients, sharp at the pixel; the same for the same seed.
[[nodiscard]] std::vector<Photo> generated_photos(int count, int side, std::uint64_t seed);

/// Two iterations per stage of small batches, no validation, beside the run's own directory ("<name>-smoke").
[[nodiscard]] TrainConfig smoke_config(TrainConfig config);

}  // namespace unblur
