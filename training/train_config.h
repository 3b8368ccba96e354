// SPDX-License-Identifier: MIT
// Everything a run is told by its TOML file (training/configs/*.toml document each key where it is used).
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "clip_plan.h"
#include "networks/networks.h"
#include "optimiser.h"
#include "photos.h"
#include "schedule.h"
#include "settings.h"

namespace unblur {

/// Where clips come from. Synthesis is asked for `segment`-independent whole clips.
struct DataConfig {
  PhotoOptions photos;
  SynthesisOptions synthesis;                    ///< frames and size are those of the phase
  std::vector<std::filesystem::path> sequences;  ///< folders of real sequences or pairs, mixed in
  double sequence_share = 0;                     ///< share of batches drawn from them
  bool gamma_blur = false;                       ///< SEQ/blur_gamma where SEQ/blur exists as well
  bool flips = false;    ///< windows are mirrored either way with probability 1/2 each
  bool windows = false;  ///< recorded clips are windows of fixed phase (clip_windows.h), each once per epoch
  double input_noise = 0;  ///< standard deviation, on [-1,1] values, on half of the blurred frames
  int workers = 1;         ///< synthesis threads
  int context = 0;         ///< frames at either end that are only neighbours
  double reuse = 1;        ///< how often each synthesised clip is shown, >= 1
};

enum class PictureLoss : std::uint8_t { kCharbonnier, kSquared };
/// Which of a pair of neighbouring frames are blurred in the motion stage.
enum class PairPictures : std::uint8_t {
  kBlurred,  ///< both
  kMixed,    ///< each clip of a batch one of the four combinations of blurred and sharp, in turn
  kAll       ///< all four combinations of every clip
};

struct LossConfig {
  PictureLoss picture = PictureLoss::kCharbonnier;  ///< squared: mean square in the network's value range
  double frequency = 0.1, auxiliary = 0.1, motion = 0.05, temporal = 0.05;
  /// Of Motion-ETR's offset network, beside the mean square between the reblurred and the blurred picture:
  /// 1 - MS-SSIM, total variation and mean square of the offsets.
  double structure = 0.1, variation = 0.002, magnitude = 2e-5;
  double blur_invariant = 0;       ///< mean of the four combinations of blur_invariant_term
  double first_frames = 0.5;       ///< weight of the first two frames of a clip
  double temporal_from = 2.0 / 3;  ///< share of the run after which the temporal loss counts
  double motion_limit = 64;        ///< px; faster truth is masked
};

/// The motion branch alone, on neighbouring frames.
struct MotionStage {
  double share = 0.06;          ///< of the time budget; 0 leaves the stage out
  std::int64_t iterations = 0;  ///< instead of the share, where > 0 or where there is no budget
  Phase phase{.share = 1, .batch = 8, .frames = 4, .crop = 128};
  int segment = 0;  ///< pairs per update; 0: a clip's
  RateSchedule schedule{.warm_up = 50, .constant_share = 0.5};
  OptimiserConfig optimiser{.rule = UpdateRule::kAdamW};
  double truth = 1;           ///< weight of the loss against the known flow
  double blur_invariant = 0;  ///< weight of the blur-invariant loss, which needs no known flow
  PairPictures pictures = PairPictures::kBlurred;
  /// Coarse flows first, which cost little and which the finer ones build on (LiteFlowNet, Hui et al. 2018,
  /// trains its levels in turn, too): for half of this share of the stage without the two finest, then
  /// without the finest.
  double coarse_share = 0;
  /// How many of the finest flows are left out; none while the length of the stage is unknown.
  [[nodiscard]] int skipped_flows(std::int64_t iteration, std::optional<std::int64_t> total) const;
};

struct JointStage {
  std::int64_t iterations = 10'000;  ///< without a time budget; 0 leaves the stage out
  std::vector<Phase> phases;
  int segment = 4;  ///< frames that gradients reach back through
  RateSchedule schedule;
  OptimiserConfig optimiser;
  double motion_rate = 0.2;  ///< rate scale of the motion branch; 0: it stands still
  double half_from = 0.9;    ///< share of the run after which values are rounded to fp16
  LossConfig loss;
};

struct ValidationConfig {
  int clips = 20, frames = 6, size = 192;
  double every_minutes = 8;  ///< 0: never
};

struct TrainConfig {
  std::string network = "rt";
  std::filesystem::path directory;  ///< of checkpoints, logs and pictures
  std::uint64_t seed = 1;
  int threads = 1;                 ///< of LibTorch, for each replica
  Start start = Start::kHe;        ///< of the weights
  int replicas = 1;                ///< parts of a batch computed side by side, on the CPU
  std::string device = "auto";     ///< auto, cpu, cuda
  std::string precision = "auto";  ///< auto, fp32, bf16
  double average_decay = 0.999;
  double checkpoint_seconds = 110;
  DataConfig data;
  MotionStage motion;
  JointStage joint;
  ValidationConfig validation;
  std::map<std::string, std::string> card;  ///< of the model file: licence, data, ...
  std::string source;                       ///< the settings as TOML, kept in checkpoints
};

/// Reads and checks all keys. Throws UsageError naming the key.
[[nodiscard]] TrainConfig read_train_config(Settings& settings);

}  // namespace unblur
