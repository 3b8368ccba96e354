// SPDX-License-Identifier: MIT
#include "validation.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <array>

#include "evaluate.h"
#include "path_scores.h"
#include "preview.h"
#include "restore.h"
#include "validation_set.h"

namespace unblur {
namespace {

std::vector<Clip> validation_clips(const TrainConfig& config, int trajectory_points) {
  PhotoOptions photos = config.data.photos;
  photos.split = Split::kValidation;
  photos.softest_dropped = PhotoOptions{}.softest_dropped;  // the set is the same whatever is trained on
  const PhotoLibrary library(photos);
  SynthesisOptions options = validation_options();
  options.frames = config.validation.frames;
  options.width = options.height = config.validation.size;
  options.trajectory_points = trajectory_points;
  std::vector<Clip> clips;
  for (int s = 0; s < config.validation.clips; ++s) {
    const ClipPlan plan =
        draw_plan(options, library, /*seed=*/0, static_cast<std::uint64_t>(s), s % kBinCount,
                  /*max_redraws=*/20'000);
    clips.push_back(render_clip(plan, library, torch::kCPU, options.frames));
  }
  return clips;
}

class PictureValidation final : public Validation {
 public:
  PictureValidation(const TrainConfig& config, ModelInfo info, c10::Device device)
      : info_(std::move(info)), clips_(validation_clips(config, 0)), device_(device) {}

  ValidationResult run(const TorchGraph& net, Replicas& replicas) const override {
    std::vector<Score> scores(clips_.size());
    replicas.run(std::ssize(clips_), [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      const Clip& clip = clips_[at];
      scores[at] = score_frames(clip.blurred, restore_clip(net, clip.blurred, info_, device_), clip.sharp,
                                {.left_out = kFramesLeftOut, .ssim = false});
    });
    std::array<Score, kBinCount> bins;
    for (std::size_t i = 0; i < scores.size(); ++i)
      bins[static_cast<std::size_t>(clips_[i].bin)] += scores[i];
    ValidationResult result{.values = {}, .line = "validation gain"};
    for (int b = 0; b < kBinCount; ++b) {
      const Score& bin = bins[static_cast<std::size_t>(b)];
      result.values.insert(result.values.end(), {bin.input.psnr(), bin.output.psnr(), bin.pooled_gain()});
      if (bin.frames > 0) result.line += fmt::format("  {} px {:+.2f}", bin_name(b), bin.pooled_gain());
    }
    result.line += " dB";
    return result;
  }

  /// Input, output and truth.
  torch::Tensor picture_sheet(const TorchGraph& net) const override {
    std::vector<torch::Tensor> rows;
    for (std::size_t i = 0; i < clips_.size() && i < kBinCount; ++i) {
      const torch::Tensor output = restore_clip(net, clips_[i].blurred, info_, device_);
      rows.push_back(at::cat({clips_[i].blurred[-1], output[-1], clips_[i].sharp[-1]}, 2));
    }
    return at::cat(rows, 1);
  }

 private:
  ModelInfo info_;
  std::vector<Clip> clips_;
  c10::Device device_;
};

double ratio(const EndPointError& e) { return e.flow / std::max(e.zero, 1e-9); }

class PathValidation final : public Validation {
 public:
  PathValidation(const TrainConfig& config, ModelInfo info, c10::Device device)
      : info_(std::move(info)), clips_(validation_clips(config, kPathPoints)), device_(device) {}

  ValidationResult run(const TorchGraph& net, Replicas& replicas) const override {
    std::vector<ClipPathScore> scores(clips_.size());
    replicas.run(std::ssize(clips_), [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      scores[at] = score_paths(net, info_, clips_[at], device_);
    });
    const ClipPathScore all = PathEvaluation(std::move(scores)).total();
    ValidationResult result{.values = {}, .line = "validation, of zero motion's error (alone)"};
    for (int b = 0; b < kBinCount; ++b) {
      const EndPointError &pair = all.pair.by_pixel[static_cast<std::size_t>(b)],
                          &still = all.still.by_pixel[static_cast<std::size_t>(b)];
      result.values.insert(result.values.end(), {pair.mean(), pair.mean_zero(), ratio(pair), ratio(still)});
      result.line += fmt::format("  {} px {:.2f} ({:.2f})", bin_name(b), ratio(pair), ratio(still));
    }
    return result;
  }

  /// Input, then as colours the way from the start to the end of the exposure: with the previous frame, of
  /// the frame alone, true.
  torch::Tensor picture_sheet(const TorchGraph& net) const override {
    const auto way = [](const at::Tensor& points) { return points[0] - points[-1]; };  // content, not gather
    std::vector<torch::Tensor> rows;
    for (std::size_t i = 0; i < clips_.size() && i < kBinCount; ++i) {
      const PredictedPaths paths = predict_paths(net, info_, clips_[i].blurred, device_);
      const at::Tensor truth = way(clips_[i].gather[-1]);
      const double full =
          std::max(0.5, at::quantile(truth.square().sum(0).sqrt().flatten(), 0.95).item<double>());
      std::vector<torch::Tensor> cells{clips_[i].blurred[-1]};
      for (const auto* predicted : {&paths.pair, &paths.still}) {
        if (predicted->empty()) continue;
        cells.push_back(
            flow_colour(way(path_points(predicted->back(), info_.trajectory->mode, kPathPoints)[0]), full));
      }
      cells.push_back(flow_colour(truth, full));
      rows.push_back(at::cat(cells, 2));
    }
    return at::cat(rows, 1);
  }

 private:
  ModelInfo info_;
  std::vector<Clip> clips_;
  c10::Device device_;
};

}  // namespace

std::vector<std::string> validation_columns(Recipe recipe) {
  std::vector<std::string> columns{"seconds", "clips"};
  const std::vector<const char*> kinds = recipe == Recipe::kPictures
                                             ? std::vector<const char*>{"input", "output", "gain"}
                                             : std::vector<const char*>{"epe", "zero", "ratio", "still"};
  for (int b = 0; b < kBinCount; ++b) {
    for (const char* kind : kinds) columns.push_back(fmt::format("{}_{}", kind, bin_name(b)));
  }
  return columns;
}

std::unique_ptr<Validation> make_validation(const TrainConfig& config, Recipe recipe, const ModelInfo& info,
                                            c10::Device device) {
  if (recipe == Recipe::kPictures) return std::make_unique<PictureValidation>(config, info, device);
  return std::make_unique<PathValidation>(config, info, device);
}

}  // namespace unblur
