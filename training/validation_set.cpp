// SPDX-License-Identifier: MIT
#include "validation_set.h"

#include "graph/error.h"

namespace unblur {
namespace {
// Training runs count seeds from 0; this one is out of their way.
constexpr std::uint64_t kValidationSeed = 0x756e626c75723431ULL;
constexpr int kMostRedraws = 20000;

ClipPlan plan_in_bin(const SynthesisOptions& options, const PhotoLibrary& photos, int seed) {
  const int bin = seed % kBinCount;
  ClipPlan plan =
      draw_plan(options, photos, kValidationSeed, static_cast<std::uint64_t>(seed), bin, kMostRedraws);
  if (plan.bin() != bin)
    throw ProcessingError("validation clip " + std::to_string(seed) + " never fell into its bin");
  return plan;
}

}  // namespace

SynthesisOptions validation_options() {
  SynthesisOptions options;
  options.frames = kValidationFrames;
  options.width = options.height = kValidationSide;
  options.repeated_frame = 0;
  return options;
}

ClipPlan validation_plan(const PhotoLibrary& photos, int seed) {
  return plan_in_bin(validation_options(), photos, seed);
}

Clip validation_clip(const PhotoLibrary& photos, int seed) {
  return render_clip(validation_plan(photos, seed), photos, torch::kCPU, kValidationFrames);
}

ClipPlan path_validation_plan(const PhotoLibrary& photos, int seed, bool clean) {
  SynthesisOptions options = validation_options();
  options.frames = kPathFrames;
  options.trajectory_points = kPathPoints;
  if (clean) options.noise = options.codec = options.saturation = false;
  return plan_in_bin(options, photos, seed);
}

Clip path_validation_clip(const ClipPlan& plan, const PhotoLibrary& photos) {
  return render_clip(plan, photos, torch::kCPU, kPathFrames);
}

}  // namespace unblur
