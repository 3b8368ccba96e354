// SPDX-License-Identifier: MIT
// How well a network tells paths during the exposure: end-point errors against the exact gather offsets of
// the synthesis, and whether a sharp picture averaged along them becomes the blurred one. No other evaluation
// has the truth.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "evaluate.h"
#include "path_losses.h"
#include "synthesis.h"

namespace unblur {

/// End-point errors of some frames: mean over pixels and kPathPoints instants of the distance to the true
/// offsets, hidden pixels left out.
struct PathScore {
  BinnedPathError by_pixel = {};  ///< bins of a pixel's own path length
  EndPointError all = {};
  PathScore& operator+=(const PathScore& o);
};

/// PSNR of 8-bit pictures against the blurred one, sums over frames in dB.
struct ReblurScore {
  double sharp = 0, reblurred = 0;
  int frames = 0;
  ReblurScore& operator+=(const ReblurScore& o);
  [[nodiscard]] double gain() const { return frames > 0 ? (reblurred - sharp) / frames : 0; }
};

/// Of one clip. `pair`: every frame but the first with the one before it; empty for a network that takes
/// single frames. `still`: every frame by itself, against the better of both time directions of each image.
struct ClipPathScore {
  int bin = -1;  ///< of the clip's blur length
  PathScore pair, still;
  ReblurScore reblur;  ///< where asked for
};

/// Scores a clip with gather offsets, on a network with the output "control".
[[nodiscard]] ClipPathScore score_paths(const TorchGraph& net, const ModelInfo& info, const Clip& clip,
                                        c10::Device device);

/// Control offsets [1,4,h,w] (lin: 2) of every frame of uint8 [t,3,h,w]: with the frames before it, and alone
/// (empty where the two are the same).
struct PredictedPaths {
  std::vector<at::Tensor> pair, still;
};
[[nodiscard]] PredictedPaths predict_paths(const TorchGraph& net, const ModelInfo& info,
                                           const at::Tensor& frames, c10::Device device);

/// The mean of `sharp` (uint8 [3,h,w]) over kPathPoints instants along `control`, in linear light by the
/// clip's camera curve, the border repeated: uint8 [3,h,w].
[[nodiscard]] at::Tensor reblur(const at::Tensor& sharp, const at::Tensor& control, const std::string& mode,
                                const CameraCurve& curve);

/// Tables of bins and of everything.
class PathEvaluation {
 public:
  explicit PathEvaluation(std::vector<ClipPathScore> clips) : clips_(std::move(clips)) {}
  [[nodiscard]] ClipPathScore total(int bin = -1) const;  ///< of the clips of a bin; -1: of all
  [[nodiscard]] std::string table() const;                ///< for people
  [[nodiscard]] std::string json(const std::string& subject) const;

 private:
  std::vector<ClipPathScore> clips_;
};

/// The path validation set (validation_set.h), clips 0 to count - 1, and its clean form for reblurring.
[[nodiscard]] PathEvaluation evaluate_paths(const std::filesystem::path& model, c10::Device device,
                                            const PhotoLibrary& photos, int clips,
                                            const EvaluationWork& work);

}  // namespace unblur
