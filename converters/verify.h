// SPDX-License-Identifier: MIT
// Proof that a model computes the same on Vulkan and on LibTorch, by the program beside this one:
// `unblur-compare MODEL INPUT --backends torch:cpu,vulkan:0`.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "graph/model.h"

namespace unblur {

struct Verification {
  bool verified = false;
  std::string detail;  ///< what the comparison printed, or why there was none
};

/// Compares on `input`, or on generated frames (the same for every run) where that is empty. Returns
/// unverified, with the reason, where unblur-compare or a backend is absent; throws ToleranceError where the
/// results differ by more than allowed, and an Error of unblur-compare's exit code where it fails otherwise.
[[nodiscard]] Verification verify_model(const std::filesystem::path& model,
                                        const std::filesystem::path& input);

/// `frames` of a textured pattern that moves, as y4m (4:4:4, 8 bit, `width` x `height`). Deterministic.
void write_test_clip(const std::filesystem::path& path, int width, int height, int frames);

}  // namespace unblur
