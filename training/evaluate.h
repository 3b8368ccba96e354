// SPDX-License-Identifier: MIT
// Scores of restored frames against their truth: PSNR from pooled squared error, mean PSNR, SSIM.
#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "clip_plan.h"
#include "graph/model.h"
#include "media/metrics.h"
#include "media/paper_metrics.h"
#include "replicas.h"
#include "torch_graph.h"

namespace unblur {

struct ScoreOptions {
  int left_out = 0;  ///< frames at the start of every sequence; a shorter sequence keeps its last frame
  int border = 0;    ///< px that do not count
  bool ssim = true;
  bool paper = false;  ///< beside these, the protocol of PVDNet's authors (AlignedScore)
};

/// Sums of aligned_quality over all frames but the first of every sequence; their mean over everything is
/// what the authors' tables show.
struct AlignedScore {
  Quality input, output;
  int frames = 0;
  AlignedScore& operator+=(const AlignedScore& o);
};

/// Sums over the frames of one or several sequences.
struct Score {
  SquaredError input, output;              ///< against the truth
  double psnr_input = 0, psnr_output = 0;  ///< sums over frames, dB; an exact frame counts as kExactPsnr
  double ssim_input = 0, ssim_output = 0;  ///< sums over frames
  int frames = 0, sequences = 0;
  AlignedScore aligned;  ///< where asked for
  Score& operator+=(const Score& o);
  [[nodiscard]] double pooled_gain() const { return output.psnr() - input.psnr(); }
  [[nodiscard]] double mean_gain() const { return frames > 0 ? (psnr_output - psnr_input) / frames : 0; }
};
inline constexpr double kExactPsnr = 100.0;

/// Frames uint8 [t,3,h,w] of equal size. Throws InputError where sizes differ.
[[nodiscard]] Score score_frames(const torch::Tensor& input, const torch::Tensor& output,
                                 const torch::Tensor& truth, const ScoreOptions& options);

struct NamedScore {
  std::string name;
  int bin = -1;  ///< of blur length, where known
  Score score;
};

/// A table of sequences, of bins where they are known, and of everything.
class Evaluation {
 public:
  void add(NamedScore score) { sequences_.push_back(std::move(score)); }
  [[nodiscard]] const std::vector<NamedScore>& sequences() const noexcept { return sequences_; }
  [[nodiscard]] Score bin(int b) const;
  [[nodiscard]] Score total() const;
  [[nodiscard]] std::string table(bool every_sequence) const;  ///< for people
  /// The same of the aligned scores; empty where there are none.
  [[nodiscard]] std::string aligned_table(bool every_sequence) const;
  [[nodiscard]] std::string json(const std::string& subject) const;

 private:
  std::vector<NamedScore> sequences_;
};

/// uint8 [t,3,h,w] in, the same out; `name` says which sequence it is. Called from several threads at once.
using Restorer = std::function<torch::Tensor(const std::string& name, const torch::Tensor& frames)>;

/// A model file, or the averaged weights of a checkpoint as one.
[[nodiscard]] Model model_for_evaluation(const std::filesystem::path& path);

/// The network of a model file or checkpoint (averaged weights) on LibTorch.
[[nodiscard]] Restorer network_restorer(const std::filesystem::path& model, c10::Device device);
/// Frames that another program wrote: FOLDER/NAME/*.png, or FOLDER/NAME.png for single pictures, in the order
/// of their names. Throws InputError if there are fewer than were asked for.
[[nodiscard]] Restorer stored_restorer(const std::filesystem::path& folder);

/// How sequences are worked on: side by side, telling how many are done.
struct EvaluationWork {
  Replicas& replicas;
  std::function<void(int)> progress = {};
};

/// The synthetic validation set (validation_set.h), clips 0 to count - 1.
[[nodiscard]] Evaluation evaluate_validation(const Restorer& restorer, const PhotoLibrary& photos, int clips,
                                             const ScoreOptions& options, const EvaluationWork& work);
/// Recorded pairs and sequences (folders.h); clips that `synth` stored bring their bin.
[[nodiscard]] Evaluation evaluate_pairs(const Restorer& restorer, const std::filesystem::path& root,
                                        const ScoreOptions& options, const EvaluationWork& work);
/// Sharp in, sharp out: pictures of a folder are both input and truth.
[[nodiscard]] Evaluation evaluate_sharp(const Restorer& restorer, const std::filesystem::path& folder,
                                        int frames, const ScoreOptions& options);

}  // namespace unblur
