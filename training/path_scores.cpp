// SPDX-License-Identifier: MIT
#include "path_scores.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <nlohmann/json.hpp>

#include "degrade.h"
#include "graph/error.h"
#include "render.h"
#include "restore.h"
#include "trained_network.h"
#include "validation_set.h"
#include "value_range.h"

namespace unblur {
namespace {

PathScore path_score(const at::Tensor& control, const std::string& mode, const PathTruth& truth) {
  PathScore score{.by_pixel = binned_path_error(control, mode, truth)};
  for (const EndPointError& bin : score.by_pixel) score.all += bin;
  return score;
}

double picture_psnr(const at::Tensor& a, const at::Tensor& b) {
  const double mse = (a.to(at::kDouble) - b.to(at::kDouble)).square().mean().item<double>();
  return std::min(10 * std::log10(255.0 * 255.0 / mse), kExactPsnr);
}

ReblurScore score_reblur(const TorchGraph& net, const ModelInfo& info, const Clip& clip,
                         const CameraCurve& curve, c10::Device device) {
  const PredictedPaths paths = predict_paths(net, info, clip.blurred, device);
  ReblurScore score;
  for (std::int64_t t = 1; t < clip.blurred.size(0); ++t) {
    const at::Tensor& control = (paths.pair.empty() ? paths.still : paths.pair)[static_cast<std::size_t>(t)];
    const at::Tensor again = reblur(clip.sharp[t], control, info.trajectory->mode, curve);
    score += {picture_psnr(clip.sharp[t], clip.blurred[t]), picture_psnr(again, clip.blurred[t]), 1};
  }
  return score;
}

std::string error_row(const std::string& name, const EndPointError& e) {
  return fmt::format("{:<12} {:>10.0f} {:>8.3f} {:>8.3f} {:>7.3f}\n", name, e.count, e.mean(), e.mean_zero(),
                     e.flow / std::max(e.zero, 1e-9));
}

nlohmann::json to_json(const EndPointError& e) {
  return {{"pixels", e.count}, {"error", e.mean()}, {"zero_motion", e.mean_zero()}};
}

nlohmann::json to_json(const PathScore& s) {
  nlohmann::json out{{"all", to_json(s.all)}};
  for (int b = 0; b < kBinCount; ++b)
    out["by_pixel"][bin_name(b)] = to_json(s.by_pixel[static_cast<std::size_t>(b)]);
  return out;
}

nlohmann::json to_json(const ReblurScore& s) {
  const double n = std::max(s.frames, 1);
  return {{"frames", s.frames},
          {"psnr_sharp", s.sharp / n},
          {"psnr_reblurred", s.reblurred / n},
          {"gain", s.gain()}};
}

}  // namespace

PathScore& PathScore::operator+=(const PathScore& o) {
  for (std::size_t b = 0; b < by_pixel.size(); ++b) by_pixel[b] += o.by_pixel[b];
  all += o.all;
  return *this;
}

ReblurScore& ReblurScore::operator+=(const ReblurScore& o) {
  sharp += o.sharp, reblurred += o.reblurred, frames += o.frames;
  return *this;
}

PredictedPaths predict_paths(const TorchGraph& net, const ModelInfo& info, const at::Tensor& frames,
                             c10::Device device) {
  const at::NoGradGuard no_grad;
  const std::int64_t height = frames.size(2), width = frames.size(3);
  const ValueRange range{info.range_low, info.range_high};
  TorchWanted wanted = net.everything();
  wanted.outputs = {"control"};
  const bool recurrent = !wanted.states.empty();
  PredictedPaths paths;
  TorchTensors states;
  for (std::int64_t t = 0; t < frames.size(0); ++t) {
    const at::Tensor picture = frames[t].unsqueeze(0).to(device).to(at::kFloat).div_(255.0);
    const TorchTensors inputs{{"frame", range.to_network(padded_for(picture, info))}};
    const auto control_of = [&](const TorchStep& step) {
      return step.outputs.at("control").slice(2, 0, height).slice(3, 0, width).to(at::kFloat).cpu();
    };
    TorchStep alone = net.forward(inputs, {}, wanted);
    paths.still.push_back(control_of(alone));
    if (!recurrent) continue;
    TorchStep step = states.empty() ? std::move(alone) : net.forward(inputs, states, wanted);
    paths.pair.push_back(control_of(step));
    states = std::move(step.states);
  }
  return paths;
}

ClipPathScore score_paths(const TorchGraph& net, const ModelInfo& info, const Clip& clip,
                          c10::Device device) {
  const std::string& mode = info.trajectory->mode;
  const PredictedPaths paths = predict_paths(net, info, clip.blurred, device);
  ClipPathScore score{.bin = clip.bin, .pair = {}, .still = {}, .reblur = {}};
  for (std::int64_t t = 0; t < clip.blurred.size(0); ++t) {
    const auto at = static_cast<std::size_t>(t);
    const PathTruth truth{clip.gather[t].unsqueeze(0), clip.shown[t].unsqueeze(0)};
    const at::Tensor& still = paths.still[at];
    score.still += path_score(still, mode, reversed_where(truth, better_reversed(still, mode, truth)));
    if (t > 0 && !paths.pair.empty()) score.pair += path_score(paths.pair[at], mode, truth);
  }
  return score;
}

at::Tensor reblur(const at::Tensor& sharp, const at::Tensor& control, const std::string& mode,
                  const CameraCurve& curve) {
  const ResponseTables tables = response_tables({.curve = curve});
  // Without gains all channels have the first one's table.
  const at::Tensor decode =
      at::tensor(std::vector<float>(tables.decode.begin(), tables.decode.begin() + 256));
  const at::Tensor linear = decode.index_select(0, sharp.flatten().to(at::kLong)).view(sharp.sizes());
  const at::Tensor offsets = path_points(control, mode, kPathPoints)[0];
  const at::Tensor taps = warp(linear.unsqueeze(0).expand({kPathPoints, -1, -1, -1}), offsets);
  return to_bytes(encode_linear(taps.mean(0, /*keepdim=*/true), tables))[0];
}

ClipPathScore PathEvaluation::total(int bin) const {
  ClipPathScore sum{.bin = bin, .pair = {}, .still = {}, .reblur = {}};
  for (const ClipPathScore& clip : clips_) {
    if (bin >= 0 && clip.bin != bin) continue;
    sum.pair += clip.pair;
    sum.still += clip.still;
    sum.reblur += clip.reblur;
  }
  return sum;
}

std::string PathEvaluation::table() const {
  const ClipPathScore all = total();
  std::string text;
  const auto section = [&](const char* title, PathScore ClipPathScore::*which) {
    if ((all.*which).all.count == 0) return;
    text += fmt::format("\n{}\n{:<12} {:>10} {:>8} {:>8} {:>7}\n", title, "path, px", "pixels", "error",
                        "zero", "ratio");
    for (int b = 0; b < kBinCount; ++b)
      text += error_row(bin_name(b), (all.*which).by_pixel[static_cast<std::size_t>(b)]);
    text += error_row("all", (all.*which).all);
    text += fmt::format("{:<12}\n", "clips of");
    for (int b = 0; b < kBinCount; ++b) text += error_row(bin_name(b), (total(b).*which).all);
  };
  section("frame and previous frame: end-point error, px", &ClipPathScore::pair);
  section("frame alone, better time direction of each image: end-point error, px", &ClipPathScore::still);
  text += fmt::format("\n{:<12} {:>6} {:>8} {:>10} {:>7}\n", "reblur, dB", "frames", "sharp", "reblurred",
                      "gain");
  const auto reblur_row = [&](const std::string& name, const ReblurScore& s) {
    const double n = std::max(s.frames, 1);
    return fmt::format("{:<12} {:>6} {:>8.2f} {:>10.2f} {:>+7.2f}\n", name, s.frames, s.sharp / n,
                       s.reblurred / n, s.gain());
  };
  for (int b = 1; b < kBinCount; ++b) text += reblur_row(bin_name(b), total(b).reblur);
  return text + reblur_row("2+", all.reblur);
}

std::string PathEvaluation::json(const std::string& subject) const {
  nlohmann::json out{
      {"schema", 1}, {"tool", "unblur-train"}, {"verb", "eval"}, {"subject", subject}, {"ok", true}};
  const auto entry = [](const ClipPathScore& s) {
    nlohmann::json one{{"still", to_json(s.still)}, {"reblur", to_json(s.reblur)}};
    if (s.pair.all.count > 0) one["pair"] = to_json(s.pair);
    return one;
  };
  for (int b = 0; b < kBinCount; ++b) out["bins"][bin_name(b)] = entry(total(b));
  out["all"] = entry(total());
  for (const ClipPathScore& clip : clips_) {
    out["clips"].push_back(entry(clip));
    out["clips"].back()["bin"] = bin_name(clip.bin);
  }
  return out.dump(1);
}

PathEvaluation evaluate_paths(const std::filesystem::path& path, c10::Device device,
                              const PhotoLibrary& photos, int clips, const EvaluationWork& work) {
  Model model = model_for_evaluation(path);
  const ModelInfo info = model.info;
  if (!info.trajectory) throw UsageError(path.string() + " predicts no paths");
  const TorchGraph net(std::move(model.graph), model.parameters,
                       at::TensorOptions().dtype(at::kFloat).device(device));
  std::vector<ClipPathScore> scores(static_cast<std::size_t>(clips));
  std::atomic<int> done = 0;
  work.replicas.run(clips, [&](std::int64_t i) {
    const int seed = static_cast<int>(i);
    ClipPathScore& score = scores[static_cast<std::size_t>(i)];
    score = score_paths(
        net, info, path_validation_clip(path_validation_plan(photos, seed, /*clean=*/false), photos), device);
    if (score.bin > 0) {
      const ClipPlan clean = path_validation_plan(photos, seed, /*clean=*/true);
      score.reblur =
          score_reblur(net, info, path_validation_clip(clean, photos), clean.degradation.curve, device);
    }
    if (work.progress) work.progress(++done);
  });
  return PathEvaluation(std::move(scores));
}

}  // namespace unblur
