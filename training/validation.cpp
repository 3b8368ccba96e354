// SPDX-License-Identifier: MIT
#include "validation.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <iterator>

#include "restore.h"
#include "validation_set.h"

namespace unblur {

std::vector<std::string> validation_columns() {
  std::vector<std::string> columns{"seconds", "clips"};
  for (int b = 0; b < kBinCount; ++b) {
    for (const char* what : {"input", "output", "gain"})
      columns.push_back(fmt::format("{}_{}", what, bin_name(b)));
  }
  return columns;
}

std::vector<double> ValidationResult::row(double seconds, std::int64_t clips) const {
  std::vector<double> values{seconds, static_cast<double>(clips)};
  for (const Score& bin : bins) {
    values.insert(values.end(), {bin.input.psnr(), bin.output.psnr(), bin.pooled_gain()});
  }
  return values;
}

std::string ValidationResult::line() const {
  std::string text = "validation gain";
  for (int b = 0; b < kBinCount; ++b) {
    const Score& bin = bins[static_cast<std::size_t>(b)];
    if (bin.frames > 0) text += fmt::format("  {} px {:+.2f}", bin_name(b), bin.pooled_gain());
  }
  return text + " dB";
}

Validation::Validation(const TrainConfig& config, ModelInfo info, c10::Device device)
    : info_(std::move(info)), device_(device) {
  PhotoOptions photos = config.data.photos;
  photos.split = Split::kValidation;
  const PhotoLibrary library(photos);
  SynthesisOptions options = validation_options();
  options.frames = config.validation.frames;
  options.width = options.height = config.validation.size;
  for (int s = 0; s < config.validation.clips; ++s) {
    const ClipPlan plan =
        draw_plan(options, library, /*seed=*/0, static_cast<std::uint64_t>(s), s % kBinCount,
                  /*max_redraws=*/20'000);
    clips_.push_back(render_clip(plan, library, torch::kCPU, options.frames));
  }
}

ValidationResult Validation::run(const TorchGraph& net, Replicas& replicas) const {
  std::vector<Score> scores(clips_.size());
  replicas.run(std::ssize(clips_), [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    const Clip& clip = clips_[at];
    scores[at] = score_frames(clip.blurred, restore_clip(net, clip.blurred, info_, device_), clip.sharp,
                              {.left_out = kFramesLeftOut, .ssim = false});
  });
  ValidationResult result;
  for (std::size_t i = 0; i < scores.size(); ++i)
    result.bins[static_cast<std::size_t>(clips_[i].bin)] += scores[i];
  return result;
}

torch::Tensor Validation::picture_sheet(const TorchGraph& net) const {
  std::vector<torch::Tensor> rows;
  for (std::size_t i = 0; i < clips_.size() && i < kBinCount; ++i) {
    const torch::Tensor output = restore_clip(net, clips_[i].blurred, info_, device_);
    rows.push_back(at::cat({clips_[i].blurred[-1], output[-1], clips_[i].sharp[-1]}, 2));
  }
  return at::cat(rows, 1);
}

}  // namespace unblur
