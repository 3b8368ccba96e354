// SPDX-License-Identifier: MIT
#include "evaluate.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>

#include "compute.h"
#include "folders.h"
#include "graph/error.h"
#include "media/image_file.h"
#include "preview.h"
#include "restore.h"
#include "train_state.h"
#include "trained_network.h"
#include "validation_set.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

/// Interleaved copy of a planar picture [3,h,w], as metrics want it.
struct Interleaved {
  at::Tensor pixels;
  explicit Interleaved(const at::Tensor& planar) : pixels(planar.permute({1, 2, 0}).contiguous().cpu()) {}
  [[nodiscard]] Picture8 view() const {
    return {.data = pixels.const_data_ptr<std::uint8_t>(),
            .width = static_cast<int>(pixels.size(1)),
            .height = static_cast<int>(pixels.size(0)),
            .channels = static_cast<int>(pixels.size(2))};
  }
};

double psnr_of(const SquaredError& e) { return std::min(e.psnr(), kExactPsnr); }

void add(Quality& sum, const Quality& q) {
  sum.psnr += std::min(q.psnr, kExactPsnr);
  sum.ssim += q.ssim;
}

/// The authors' test program drops rows at the bottom and columns at the right that its network cannot use.
at::Tensor as_published(const at::Tensor& frames) {
  constexpr std::int64_t kMultiple = 4;
  return frames.slice(2, 0, frames.size(2) / kMultiple * kMultiple)
      .slice(3, 0, frames.size(3) / kMultiple * kMultiple);
}

/// One sequence restored and scored.
NamedScore scored(std::string name, int bin, const Restorer& restorer, at::Tensor input, at::Tensor truth,
                  const ScoreOptions& options) {
  if (options.paper) input = as_published(input), truth = as_published(truth);
  at::Tensor output = restorer(name, input);
  if (options.paper) output = as_published(output);  // stored results have the size of the files
  const Score score = score_frames(input, output, truth, options);
  return {std::move(name), bin, score};
}

std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(folder, failed)) {
    if (entry.is_regular_file() && is_image_name(entry.path())) files.push_back(entry.path());
  }
  if (failed) throw InputError("cannot read the folder " + folder.string() + ": " + failed.message());
  std::sort(files.begin(), files.end());
  return files;
}

at::Tensor read_picture(const fs::path& path) {
  return tensor_from_frame(read_image(path).frame).mul(255).round().to(at::kByte);
}

at::Tensor read_pictures(const std::vector<fs::path>& files) {
  std::vector<at::Tensor> out;
  for (const auto& file : files) {
    out.push_back(read_picture(file));
    if (out.back().sizes() != out.front().sizes())
      throw InputError(file.string() + ": size differs from the first picture's");
  }
  return at::stack(out);
}

/// Bin in the meta.json beside a stored clip, or -1.
int stored_bin(const fs::path& folder) {
  std::ifstream file(folder / "meta.json");
  if (!file) return -1;
  const auto meta = nlohmann::json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!meta.is_object() || !meta.contains("bin")) return -1;
  const auto& bin = meta["bin"];
  for (int b = 0; b < kBinCount; ++b) {
    if ((bin.is_number_integer() && bin.get<int>() == b) ||
        (bin.is_string() && bin.get<std::string>() == bin_name(b))) {
      return b;
    }
  }
  return -1;
}

std::string row(const std::string& name, const Score& s) {
  const double n = std::max(s.frames, 1);
  return fmt::format(
      "{:<28} {:>5} {:>8.2f} {:>8.2f} {:>+7.2f}   {:>8.2f} {:>8.2f} {:>+7.2f}   {:.4f} {:.4f}\n", name,
      s.frames, s.input.psnr(), s.output.psnr(), s.pooled_gain(), s.psnr_input / n, s.psnr_output / n,
      s.mean_gain(), s.ssim_input / n, s.ssim_output / n);
}

nlohmann::json to_json(const Score& s) {
  const double n = std::max(s.frames, 1);
  const auto finite = [](double v) { return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json(nullptr); };
  nlohmann::json out{{"frames", s.frames},
                     {"sequences", s.sequences},
                     {"pooled_psnr_input", finite(s.input.psnr())},
                     {"pooled_psnr_output", finite(s.output.psnr())},
                     {"pooled_gain", finite(s.pooled_gain())},
                     {"mean_psnr_input", s.psnr_input / n},
                     {"mean_psnr_output", s.psnr_output / n},
                     {"mean_gain", s.mean_gain()},
                     {"ssim_input", s.ssim_input / n},
                     {"ssim_output", s.ssim_output / n}};
  if (const AlignedScore& a = s.aligned; a.frames > 0) {
    out["paper"] = {{"frames", a.frames},
                    {"psnr_input", a.input.psnr / a.frames},
                    {"psnr_output", a.output.psnr / a.frames},
                    {"ssim_input", a.input.ssim / a.frames},
                    {"ssim_output", a.output.ssim / a.frames}};
  }
  return out;
}

/// Scores 0 to count - 1, made side by side, in the order of their numbers.
Evaluation evaluate_all(std::int64_t count, const EvaluationWork& work,
                        const std::function<NamedScore(std::int64_t)>& score) {
  std::vector<NamedScore> scores(static_cast<std::size_t>(count));
  std::mutex mutex;
  int done = 0;
  work.replicas.run(count, [&](std::int64_t i) {
    NamedScore one = score(i);
    const std::lock_guard lock(mutex);
    scores[static_cast<std::size_t>(i)] = std::move(one);
    if (work.progress) work.progress(++done);
  });
  Evaluation evaluation;
  for (NamedScore& one : scores) evaluation.add(std::move(one));
  return evaluation;
}

}  // namespace

AlignedScore& AlignedScore::operator+=(const AlignedScore& o) {
  input.psnr += o.input.psnr, input.ssim += o.input.ssim;
  output.psnr += o.output.psnr, output.ssim += o.output.ssim;
  frames += o.frames;
  return *this;
}

Score& Score::operator+=(const Score& o) {
  input += o.input, output += o.output;
  psnr_input += o.psnr_input, psnr_output += o.psnr_output;
  ssim_input += o.ssim_input, ssim_output += o.ssim_output;
  frames += o.frames, sequences += o.sequences;
  aligned += o.aligned;
  return *this;
}

Score score_frames(const at::Tensor& input, const at::Tensor& output, const at::Tensor& truth,
                   const ScoreOptions& options) {
  if (input.sizes() != truth.sizes() || output.sizes() != truth.sizes()) {
    throw InputError("frames and truth differ in number or size");
  }
  Score score;
  score.sequences = 1;
  for (std::int64_t t = std::min<std::int64_t>(options.left_out, truth.size(0) - 1); t < truth.size(0); ++t) {
    const Interleaved in(input[t]), out(output[t]), aim(truth[t]);
    const SquaredError before = squared_error(in.view(), aim.view(), options.border);
    const SquaredError after = squared_error(out.view(), aim.view(), options.border);
    score.input += before, score.output += after;
    score.psnr_input += psnr_of(before), score.psnr_output += psnr_of(after);
    if (options.ssim) {
      score.ssim_input += ssim(in.view(), aim.view(), options.border);
      score.ssim_output += ssim(out.view(), aim.view(), options.border);
    }
    ++score.frames;
  }
  for (std::int64_t t = 1; options.paper && t < truth.size(0); ++t) {
    const Interleaved in(input[t]), out(output[t]), aim(truth[t]);
    add(score.aligned.input, aligned_quality(aim.view(), in.view()).quality);
    add(score.aligned.output, aligned_quality(aim.view(), out.view()).quality);
    ++score.aligned.frames;
  }
  return score;
}

Score Evaluation::bin(int b) const {
  Score sum;
  for (const auto& s : sequences_) {
    if (s.bin == b) sum += s.score;
  }
  return sum;
}

Score Evaluation::total() const {
  Score sum;
  for (const auto& s : sequences_) sum += s.score;
  return sum;
}

std::string Evaluation::table(bool every_sequence) const {
  std::string text = fmt::format("{:<28} {:>5} {:>8} {:>8} {:>7}   {:>8} {:>8} {:>7}   {}\n", "", "",
                                 "pooled", "PSNR", "", "mean", "PSNR", "", "SSIM");
  text += fmt::format("{:<28} {:>5} {:>8} {:>8} {:>7}   {:>8} {:>8} {:>7}   {:<6} {}\n", "sequence", "count",
                      "input", "output", "gain", "input", "output", "gain", "input", "output");
  if (every_sequence) {
    for (const auto& s : sequences_) text += row(s.name, s.score);
  }
  for (int b = 0; b < kBinCount; ++b) {
    if (const Score s = bin(b); s.frames > 0) text += row(fmt::format("bin {} px", bin_name(b)), s);
  }
  return text + row("all", total());
}

std::string Evaluation::aligned_table(bool every_sequence) const {
  const AlignedScore all = total().aligned;
  if (all.frames == 0) return "";
  std::string text = fmt::format(
      "\nprotocol of PVDNet's authors: luminance, aligned, 16 px cropped, first frames left out\n"
      "{:<28} {:>5} {:>8} {:>8} {:>7}   {:<6} {}\n",
      "sequence", "count", "PSNR in", "out", "gain", "SSIM", "");
  const auto line = [](const std::string& name, const AlignedScore& s) {
    const double n = std::max(1, s.frames);
    return fmt::format("{:<28} {:>5} {:>8.3f} {:>8.3f} {:>+7.3f}   {:.4f} {:.4f}\n", name, s.frames,
                       s.input.psnr / n, s.output.psnr / n, (s.output.psnr - s.input.psnr) / n,
                       s.input.ssim / n, s.output.ssim / n);
  };
  for (const auto& s : sequences_) {
    if (every_sequence) text += line(s.name, s.score.aligned);
  }
  return text + line("all", all);
}

std::string Evaluation::json(const std::string& subject) const {
  nlohmann::json out{
      {"schema", 1}, {"tool", "unblur-train"}, {"verb", "eval"}, {"subject", subject}, {"ok", true}};
  for (const auto& s : sequences_) {
    nlohmann::json one = to_json(s.score);
    one["name"] = s.name;
    if (s.bin >= 0) one["bin"] = bin_name(s.bin);
    out["sequence"].push_back(std::move(one));
  }
  for (int b = 0; b < kBinCount; ++b) {
    if (const Score s = bin(b); s.frames > 0) out["bins"][bin_name(b)] = to_json(s);
  }
  out["all"] = to_json(total());
  return out.dump(1);
}

Model model_for_evaluation(const fs::path& path) {
  if (!is_train_state(path)) return read_model(path);
  return trained_model(read_train_state(path).text("network"), weights_of(path), {});
}

Restorer network_restorer(const fs::path& path, c10::Device device) {
  Model model = model_for_evaluation(path);
  const ModelInfo info = model.info;
  const auto net = std::make_shared<TorchGraph>(std::move(model.graph), model.parameters,
                                                at::TensorOptions().dtype(at::kFloat).device(device));
  return [net, info, device](const std::string&, const at::Tensor& frames) {
    return restore_clip(*net, frames, info, device);
  };
}

Restorer stored_restorer(const fs::path& folder) {
  if (!fs::is_directory(folder)) throw InputError(folder.string() + " is no folder of results");
  return [folder](const std::string& name, const at::Tensor& frames) {
    std::vector<fs::path> files;
    if (fs::is_directory(folder / name)) {
      files = pictures_in(folder / name);
    } else if (fs::exists(folder / (name + ".png"))) {
      files = {folder / (name + ".png")};
    }
    const auto wanted = static_cast<std::size_t>(frames.size(0));
    if (files.size() < wanted) {
      throw InputError(fmt::format("{}: {} result pictures for '{}', {} wanted", folder.string(),
                                   files.size(), name, wanted));
    }
    files.resize(wanted);
    return read_pictures(files);
  };
}

Evaluation evaluate_validation(const Restorer& restorer, const PhotoLibrary& photos, int clips,
                               const ScoreOptions& options, const EvaluationWork& work) {
  return evaluate_all(clips, work, [&](std::int64_t i) {
    const Clip clip = validation_clip(photos, static_cast<int>(i));
    const std::string name = fmt::format("clip_{:02}", i);
    return scored(name, clip.bin, restorer, clip.blurred, clip.sharp, options);
  });
}

Evaluation evaluate_pairs(const Restorer& restorer, const fs::path& root, const ScoreOptions& options,
                          const EvaluationWork& work) {
  const std::vector<PairSequence> sequences = find_pairs(root);
  return evaluate_all(std::ssize(sequences), work, [&](std::int64_t i) {
    const PairSequence& sequence = sequences[static_cast<std::size_t>(i)];
    const Clip clip = load_pairs(sequence);
    return scored(sequence.name, stored_bin(root / sequence.name), restorer, clip.blurred, clip.sharp,
                  options);
  });
}

Evaluation evaluate_sharp(const Restorer& restorer, const fs::path& folder, int frames,
                          const ScoreOptions& options) {
  std::vector<fs::path> files = pictures_in(folder);
  if (files.empty()) throw InputError("no pictures in " + folder.string());
  if (frames > 0 && files.size() > static_cast<std::size_t>(frames))
    files.resize(static_cast<std::size_t>(frames));
  const at::Tensor pictures = read_pictures(files);
  Evaluation evaluation;
  evaluation.add(scored(folder.filename().string(), -1, restorer, pictures, pictures, options));
  return evaluation;
}

}  // namespace unblur
