// SPDX-License-Identifier: MIT
// Whole runs on generated pictures: resuming, checkpoints, evaluation, logs.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include "clip_feed.h"
#include "evaluate.h"
#include "graph/error.h"
#include "networks/networks.h"
#include "path_scores.h"
#include "plot.h"
#include "smoke.h"
#include "torch_ops.h"
#include "train_state.h"
#include "trained_network.h"
#include "trainer.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

class RunTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("unblur-run-test-" + std::to_string(::getpid()));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Six small iterations: two of the motion branch, four of everything.
  TrainConfig config(const std::string& name) const {
    TrainConfig c;
    c.directory = folder_ / name;
    c.threads = 1;
    c.checkpoint_seconds = 120;
    c.data.reuse = 2;
    c.motion.iterations = 2;
    c.motion.phase = {.batch = 2, .frames = 3, .crop = 64};
    c.joint.iterations = 4;
    c.joint.phases = {{.share = 0.5, .batch = 2, .frames = 4, .crop = 64},
                      {.share = 0.5, .batch = 1, .frames = 6, .crop = 64}};
    c.joint.segment = 3;
    c.joint.half_from = 0.75;
    c.joint.loss.temporal_from = 0.5;
    c.validation.clips = 0;
    return c;
  }
  static void run(const TrainConfig& c, bool resume = false, std::int64_t stop_after = 0) {
    ASSERT_EQ(run_training(
                  c, {.resume = resume, .generated_photos = true, .stop_after = stop_after, .quiet = true}),
              0);
  }
  static CsvTable log_of(const TrainConfig& c) { return read_csv(c.directory / "train.csv"); }

  fs::path folder_;
};

// Stopped within the first stage and within the second, in the middle of a phase: losses and weights are
// those of the unbroken run to the last bit.
TEST_F(RunTest, ResumedRunsAreBitIdentical) {
  const TrainConfig whole = config("whole"), broken = config("broken");
  run(whole);
  run(broken, false, 1);
  run(broken, true, 3);
  run(broken, true);
  const CsvTable a = log_of(whole), b = log_of(broken);
  ASSERT_EQ(a.rows.size(), 6U);
  ASSERT_EQ(b.rows.size(), 6U);
  for (const char* column : {"iteration", "clips", "rate", "loss", "gradient", "epe"}) {
    const std::size_t c = a.column(column);
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(a.rows[i][c], b.rows[i][c]) << column << " " << i;
  }
  const TrainState x = read_train_state(checkpoint_path(whole)),
                   y = read_train_state(checkpoint_path(broken));
  for (const auto& [name, value] : x.model) EXPECT_TRUE(at::equal(value, y.model.at(name))) << name;
  for (const auto& [name, value] : x.average) EXPECT_TRUE(at::equal(value, y.average.at(name))) << name;
  for (const auto& [name, value] : x.optimiser) EXPECT_TRUE(at::equal(value, y.optimiser.at(name))) << name;
  EXPECT_GT(x.optimiser.size(), 100U);
}

TEST_F(RunTest, ResumedRunsWithReplicasAreBitIdentical) {
  TrainConfig whole = config("whole"), broken = config("broken");
  for (TrainConfig* c : {&whole, &broken}) {
    c->replicas = 2;
    c->joint.phases[0].batch = 3;  // parts of two sizes
  }
  run(whole);
  run(broken, false, 3);
  run(broken, true);
  const TrainState x = read_train_state(checkpoint_path(whole)),
                   y = read_train_state(checkpoint_path(broken));
  for (const auto& [name, value] : x.model) EXPECT_TRUE(at::equal(value, y.model.at(name))) << name;
  for (const auto& [name, value] : x.optimiser) EXPECT_TRUE(at::equal(value, y.optimiser.at(name))) << name;
}

// The published recipe: RAdam, frame-wise updates with neighbours at either end, the blur-invariant loss
// alone and beside the image loss.
TEST_F(RunTest, PvdnetInJointModeResumesBitIdentical) {
  TrainConfig whole = config("whole");
  whole.network = "pvdnet-slim";
  whole.start = Start::kXavier;
  whole.data.context = 1;
  whole.data.reuse = 1;
  whole.motion.phase = {.batch = 2, .frames = 2, .crop = 64};
  whole.motion.segment = 1;
  whole.motion.truth = 0;
  whole.motion.blur_invariant = 1;
  whole.motion.schedule.shape = whole.joint.schedule.shape = RateShape::kCosineRestarts;
  whole.motion.optimiser =
      whole.joint.optimiser = {.rule = UpdateRule::kRAdam, .adam_rate = 1e-4, .adam_beta2 = 0.999};
  whole.joint.phases = {{.share = 1, .batch = 1, .frames = 2, .crop = 64}};
  whole.joint.iterations = 2;
  whole.joint.segment = 1;
  whole.joint.motion_rate = 1;
  whole.joint.loss = {
      .picture = PictureLoss::kSquared, .motion = 0, .temporal = 0, .blur_invariant = 1, .first_frames = 1};
  whole.joint.half_from = 1;
  TrainConfig broken = whole;
  broken.directory = folder_ / "broken";
  run(whole);
  run(broken, false, 1);
  run(broken, true, 3);
  run(broken, true);
  const TrainState x = read_train_state(checkpoint_path(whole)),
                   y = read_train_state(checkpoint_path(broken));
  for (const auto& [name, value] : x.model) EXPECT_TRUE(at::equal(value, y.model.at(name))) << name;
  for (const auto& [name, value] : x.optimiser) EXPECT_TRUE(at::equal(value, y.optimiser.at(name))) << name;
  EXPECT_TRUE(fs::exists(whole.directory / "pvdnet-slim.safetensors"));
}

TEST_F(RunTest, PathsOfOursResumeBitIdentical) {
  TrainConfig whole = config("whole");
  whole.network = "trajectory";
  whole.joint.phases = {{.share = 1, .batch = 3, .frames = 3, .crop = 64}};
  whole.replicas = 2;  // parts of two sizes
  TrainConfig broken = whole;
  broken.directory = folder_ / "broken";
  run(whole);
  run(broken, false, 3);
  run(broken, true);
  const CsvTable a = log_of(whole), b = log_of(broken);
  ASSERT_EQ(a.rows.size(), 6U);
  for (const char* column : {"loss", "epe", "epe_zero", "still_epe", "epe_8-16"}) {
    const std::size_t c = a.column(column);
    for (std::size_t i = 2; i < 6; ++i)
      EXPECT_TRUE(a.rows[i][c] == b.rows[i][c] || std::isnan(a.rows[i][c])) << column << " " << i;
  }
  const TrainState x = read_train_state(checkpoint_path(whole)),
                   y = read_train_state(checkpoint_path(broken));
  for (const auto& [name, value] : x.model) EXPECT_TRUE(at::equal(value, y.model.at(name))) << name;
  for (const auto& [name, value] : x.optimiser) EXPECT_TRUE(at::equal(value, y.optimiser.at(name))) << name;
  EXPECT_TRUE(fs::exists(whole.directory / "trajectory.safetensors"));
}

TEST_F(RunTest, PathsStartFromTheMotionBranchOfAnotherNetwork) {
  TrainConfig first = config("first");
  first.joint.iterations = 0;
  run(first);
  TrainConfig next = config("next");
  next.network = "trajectory";
  next.joint.iterations = 1;
  next.joint.optimiser.muon_rate = next.joint.optimiser.adam_rate = 0;
  next.joint.half_from = 1;
  const fs::path weights = checkpoint_path(first);
  ASSERT_EQ(run_training(next, {.init = weights, .generated_photos = true, .quiet = true}), 0);
  const TensorMap a = weights_of(weights), b = weights_of(next.directory / "trajectory.safetensors");
  int shared = 0;
  for (const auto& [name, value] : b) {
    if (!name.starts_with("flow.")) continue;
    EXPECT_EQ(value.to_floats(), a.at(name).to_floats()) << name;
    ++shared;
  }
  EXPECT_EQ(shared, 18);
}

// Motion-ETR: the offset network by reblurring, then the deblurring network from its weights.
TEST_F(RunTest, MotionEtrTrainsItsOffsetsThenThePicture) {
  TrainConfig offsets = config("offsets");
  offsets.network = "motion-etr-bilin";
  offsets.start = Start::kXavier;
  offsets.motion = {.share = 0, .iterations = 0};
  offsets.data.reuse = 1;
  offsets.joint.phases = {
      {.share = 1, .batch = 2, .frames = 1, .crop = 176}};  // MS-SSIM halves it four times
  offsets.joint.iterations = 2;
  offsets.joint.half_from = 1;
  offsets.joint.optimiser = {
      .rule = UpdateRule::kAdamW, .adam_rate = 1e-4, .adam_beta2 = 0.999, .clip_norm = 0};
  TrainConfig broken = offsets;
  broken.directory = folder_ / "broken";
  run(offsets);
  run(broken, false, 1);
  run(broken, true);
  const TensorMap whole = weights_of(offsets.directory / "motion-etr-bilin.safetensors"),
                  resumed = weights_of(broken.directory / "motion-etr-bilin.safetensors");
  for (const auto& [name, value] : whole) EXPECT_EQ(value.to_floats(), resumed.at(name).to_floats()) << name;
  const CsvTable log = log_of(offsets);
  ASSERT_EQ(log.rows.size(), 2U);
  for (const char* column : {"squared", "structure", "variation", "magnitude", "epe"})
    EXPECT_GT(log.rows[1][log.column(column)], 0) << column;

  TrainConfig pictures = offsets;
  pictures.directory = folder_ / "pictures";
  pictures.network = "motion-etr-deblur";
  pictures.joint.phases = {{.share = 1, .batch = 1, .frames = 1, .crop = 64}};
  pictures.joint.iterations = 1;
  pictures.joint.loss = {.picture = PictureLoss::kSquared, .motion = 0, .temporal = 0};
  const auto start = offsets.directory / "motion-etr-bilin.safetensors";
  ASSERT_EQ(run_training(pictures, {.init = start, .generated_photos = true, .quiet = true}), 0);
  const CsvTable picture_log = log_of(pictures);
  EXPECT_GT(picture_log.rows[0][picture_log.column("epe")], 0) << "of its paths";
  const TensorMap trained = weights_of(pictures.directory / "motion-etr-deblur.safetensors");
  double moved = 0;
  for (const auto& [name, value] : whole) {
    const auto now = trained.at("offset_net." + name).to_floats(), before = value.to_floats();
    for (std::size_t i = 0; i < now.size(); ++i)
      moved = std::max(moved, std::abs(double{now[i]} - before[i]));
  }
  EXPECT_GT(moved, 0);
  EXPECT_LT(moved, 1.1e-4);  // one step of Adam from the offset network's weights
  EXPECT_EQ(trained.at("deblur_net.decoder_lv2.ratio_3").to_floats(), std::vector<float>{0.08F});
}

TEST_F(RunTest, AFrozenMotionBranchKeepsItsWeights) {
  TrainConfig c = config("frozen");
  c.network = "pvdnet-slim";
  c.motion.iterations = 1;
  c.joint.iterations = 1;
  c.joint.motion_rate = 0;
  run(c);
  const TrainState before = read_train_state(c.directory / "after-motion.safetensors"),
                   after = read_train_state(checkpoint_path(c));
  int moved = 0;
  for (const auto& [name, value] : after.model) {
    const bool same = at::equal(value, before.model.at(name));
    EXPECT_TRUE(same || !name.starts_with("BIMNet.")) << name;
    moved += name.starts_with("PVDNet.") && !same ? 1 : 0;
  }
  EXPECT_GT(moved, 0);
}

// Iterations of one whole coarse share: two without the two finest levels, two without the finest.
TEST_F(RunTest, CoarseFlowsAreTrainedFirst) {
  TrainConfig c = config("coarse");
  c.network = "pvdnet-slim";
  c.motion.iterations = 4;
  c.motion.coarse_share = 1;
  c.joint.iterations = 1;
  c.joint.motion_rate = 0;
  run(c);
  const TensorMap start = initial_parameters(build_network("pvdnet-slim", true).graph, c.seed, c.start);
  const TrainState end = read_train_state(checkpoint_path(c));
  int coarse = 0, middle = 0, fine = 0;
  for (const auto& [name, value] : end.model) {
    if (!name.starts_with("BIMNet.moduleMatching.") || !name.ends_with(".moduleMain.0.weight")) continue;
    const bool moved = !at::equal(value, to_torch(start.at(name)));
    const char level = name.at(std::string("BIMNet.moduleMatching.").size());  // less 2
    fine += level == '0' && moved ? 1 : 0;
    middle += level == '1' && moved ? 1 : 0;
    coarse += level > '1' && moved ? 1 : 0;
  }
  EXPECT_EQ(fine, 0);
  EXPECT_EQ(middle, 1);
  EXPECT_EQ(coarse, 3);
}

TEST_F(RunTest, FinishedAndForeignCheckpointsAreNotResumed) {
  TrainConfig c = config("run");
  run(c, false, 1);
  c.seed = 2;
  EXPECT_THROW(run_training(c, {.resume = true, .generated_photos = true, .quiet = true}), UsageError);
  c.seed = 1;
  run(c, true);
  EXPECT_THROW(run_training(c, {.resume = true, .generated_photos = true, .quiet = true}), UsageError);
  c.directory = folder_ / "absent";
  EXPECT_THROW(run_training(c, {.resume = true, .generated_photos = true, .quiet = true}), InputError);
  std::ofstream(checkpoint_path(c)) << "no checkpoint at all";
  EXPECT_THROW(run_training(c, {.resume = true, .generated_photos = true, .quiet = true}), ModelError);
}

TEST_F(RunTest, InitTakesWeightsOfACheckpointAndOfAModel) {
  const TrainConfig first = config("first");
  run(first);
  const fs::path model = first.directory / "rt.safetensors";
  ASSERT_TRUE(fs::exists(model));
  for (const fs::path& start : {model, checkpoint_path(first)}) {
    TrainConfig next = config("next");
    next.joint.iterations = 1;
    next.joint.optimiser.muon_rate = next.joint.optimiser.adam_rate = 0;
    next.joint.half_from = 1;
    ASSERT_EQ(run_training(next, {.init = start, .generated_photos = true, .quiet = true}), 0);
    const TensorMap a = weights_of(model), b = weights_of(next.directory / "rt.safetensors");
    for (const auto& [name, value] : a) EXPECT_EQ(value.to_floats(), b.at(name).to_floats()) << name;
  }
}

TEST_F(RunTest, ModelFileHoldsNoTrainingOutputs) {
  const TensorMap weights = initial_parameters(build_network("rt", true).graph, 1);
  const Model model = trained_model("rt", weights, {{"licence", "CC BY-SA 4.0"}});
  EXPECT_FALSE(model.graph.has_output("aux2"));
  EXPECT_FALSE(model.parameters.contains("aux2.weight"));
  EXPECT_EQ(model.info.card.at("licence"), "CC BY-SA 4.0");
}

// Batches depend on their number alone, and turned clips keep flow and pictures together.
TEST_F(RunTest, FeedIsAFunctionOfTheBatchNumber) {
  const PhotoLibrary photos(generated_photos(3, 128, 1), 0.0);
  DataConfig data;
  data.reuse = 2;
  const Phase phase{.batch = 2, .frames = 3, .crop = 64};
  ClipFeed all(data, &photos, phase, 7, 1, 0, c10::kCPU);
  for (int i = 0; i < 3; ++i) (void)all.next();
  const ClipBatch expected = all.next();
  data.workers = 3;
  ClipFeed late(data, &photos, phase, 7, 1, 3, c10::kCPU);
  const ClipBatch got = late.next();
  EXPECT_TRUE(at::equal(expected.blurred, got.blurred));
  EXPECT_TRUE(at::equal(expected.flow, got.flow));
}

TEST_F(RunTest, TurnedClipsStillObeyTheirFlow) {
  const PhotoLibrary photos(generated_photos(3, 160, 2), 0.0);
  DataConfig data;
  data.reuse = 8;
  data.synthesis.repeated_frame = data.synthesis.zero_motion = data.synthesis.still_camera = 0;
  data.synthesis.min_speed = 2;
  data.synthesis.max_speed = 6;
  ClipFeed feed(data, &photos, {.batch = 8, .frames = 3, .crop = 64}, 5, 1, 0, c10::kCPU);
  for (int i = 0; i < 2; ++i) {
    const ClipBatch b = feed.next();
    for (std::int64_t n = 0; n < 8; ++n) {
      const at::Tensor now = b.sharp[2].slice(0, n, n + 1), before = b.sharp[1].slice(0, n, n + 1);
      const at::Tensor mask = b.valid[2].slice(0, n, n + 1);
      if (mask.sum().item<double>() < 500) continue;
      const auto error = [&](const at::Tensor& x) { return ((x - now).abs() * mask).sum().item<double>(); };
      EXPECT_LT(error(warp(before, b.flow[2].slice(0, n, n + 1))), 0.9 * error(before)) << n;
    }
  }
}

// Turned paths still lead to what the blurred frame is the mean of: no turn, wrong axes or signs would fit.
TEST_F(RunTest, TurnedClipsStillObeyTheirPaths) {
  const PhotoLibrary photos(generated_photos(3, 160, 2), 0.0);
  DataConfig data;
  data.reuse = 8;
  data.synthesis = {.zero_motion = 0, .repeated_frame = 0, .rolling_shutter = 0, .min_duty = 0.9};
  data.synthesis.still_camera = 0;
  data.synthesis.max_layers = 0;
  data.synthesis.min_speed = 6;
  data.synthesis.max_speed = 12;
  data.synthesis.trajectory_points = kPathPoints;
  data.synthesis.noise = data.synthesis.codec = data.synthesis.saturation = data.synthesis.appearance = false;
  ClipFeed feed(data, &photos, {.batch = 8, .frames = 3, .crop = 64}, 5, 1, 0, c10::kCPU);
  int better = 0, all = 0;
  for (int i = 0; i < 2; ++i) {
    const ClipBatch b = feed.next();
    ASSERT_EQ(b.gather.sizes(), (std::vector<std::int64_t>{3, 8, kPathPoints, 2, 16, 16}));
    for (std::int64_t n = 0; n < 8; ++n) {
      const at::Tensor sharp = b.sharp[1].slice(0, n, n + 1), blurred = b.blurred[1].slice(0, n, n + 1);
      const auto error_along = [&](const at::Tensor& paths) {
        const at::Tensor offsets = at::upsample_nearest2d(paths, {64, 64});
        const at::Tensor mean = warp(sharp.expand({kPathPoints, -1, -1, -1}), offsets).mean(0, true);
        return (mean - blurred).slice(2, 16, 48).slice(3, 16, 48).abs().mean().item<double>();
      };
      const at::Tensor paths = b.gather[1][n];
      const at::Tensor mirrored = paths * at::tensor({1.0F, -1.0F}).view({2, 1, 1});
      const double error = error_along(paths), swapped = error_along(paths.flip(1));
      better += error < 0.9 * error_along(mirrored) && error < 0.9 * swapped ? 1 : 0;
      all += 1;
    }
  }
  EXPECT_GE(better, all / 2);
}

// Two frames: errors 10 and 0 code values everywhere. Pooled: mse 50; mean of PSNRs with the exact one
// capped.
TEST(Evaluation, PoolsSquaredErrors) {
  const at::Tensor truth = at::full({2, 3, 16, 16}, 100, at::kByte);
  at::Tensor output = truth.clone();
  output[0].add_(10);
  const Score s = score_frames(truth + 20, output, truth, {.ssim = false});
  EXPECT_NEAR(s.output.psnr(), 10 * std::log10(255.0 * 255 / 50), 1e-9);
  EXPECT_NEAR(s.input.psnr(), 10 * std::log10(255.0 * 255 / 400), 1e-9);
  EXPECT_NEAR(s.psnr_output, 10 * std::log10(255.0 * 255 / 100) + kExactPsnr, 1e-9);
  const Score later = score_frames(truth + 20, output, truth, {.left_out = 1, .ssim = true});
  EXPECT_TRUE(std::isinf(later.output.psnr()));
  EXPECT_NEAR(later.ssim_output, 1.0, 1e-12);
  EXPECT_THROW((void)score_frames(truth, output.slice(0, 0, 1), truth, {}), InputError);
}

// A result moved by whole pixels and one whose first frame is wrong: aligned, neither counts.
TEST(Evaluation, PaperProtocolAlignsAndLeavesTheFirstFrameOut) {
  at::manual_seed(2);
  const at::Tensor truth = at::randint(0, 256, {3, 3, 64, 72}, at::kByte);
  at::Tensor output = at::roll(truth, {2, 1}, {2, 3}), input = truth.clone();
  output[0].fill_(7);
  input[0].fill_(9);
  const Score s = score_frames(input, output, truth, {.ssim = false, .paper = true});
  EXPECT_EQ(s.frames, 3);
  ASSERT_EQ(s.aligned.frames, 2);
  EXPECT_LT(s.psnr_output / 3, 10);
  EXPECT_EQ(s.aligned.input.psnr, 2 * kExactPsnr);
  EXPECT_NEAR(s.aligned.input.ssim, 2, 1e-12);
  EXPECT_GT(s.aligned.output.psnr / 2, 14);  // what is left is the zeroed margin and the roll's seam
  Evaluation e;
  e.add({"video", -1, s});
  EXPECT_NE(e.aligned_table(true).find("video"), std::string::npos);
  EXPECT_NE(e.json("x").find("\"paper\""), std::string::npos);
  EXPECT_EQ(score_frames(input, output, truth, {.ssim = false}).aligned.frames, 0);
}

TEST(Evaluation, BordersDoNotCount) {
  at::Tensor truth = at::full({1, 3, 32, 32}, 100, at::kByte), output = truth.clone();
  output.slice(2, 0, 8).fill_(0);
  EXPECT_TRUE(std::isinf(score_frames(output, output, truth, {.border = 8, .ssim = false}).output.psnr()));
  EXPECT_FALSE(std::isinf(score_frames(output, output, truth, {.border = 7, .ssim = false}).output.psnr()));
}

// The single-pass operators of the CPU against the composed ones, which run for float64: values and
// gradients.
TEST(FastOperators, MatchTheComposedForms) {
  at::manual_seed(4);
  const auto check = [](const Op& op, std::vector<at::Tensor> inputs, const TorchTensors& parameters = {}) {
    std::vector<std::vector<at::Tensor>> results;
    for (const auto type : {at::kFloat, at::kDouble}) {
      std::vector<at::Tensor> leaves;
      for (const auto& x : inputs) leaves.push_back(x.to(type).detach().requires_grad_(true));
      TorchTensors own;
      for (const auto& [name, value] : parameters)
        leaves.push_back(own[name] = value.detach().to(type).clone().requires_grad_(true));
      const at::Tensor out = apply_op(op, std::span(leaves).first(inputs.size()), own);
      (out * at::linspace(-1, 1, out.numel(), out.options()).view(out.sizes())).sum().backward();
      results.push_back({out.detach().to(at::kDouble)});
      for (const auto& leaf : leaves) results.back().push_back(leaf.grad().to(at::kDouble));
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      const double scale = results[1][i].abs().max().item<double>();
      EXPECT_LT((results[0][i] - results[1][i]).abs().max().item<double>(), 2e-5 * (1 + scale))
          << op_name(op) << " " << i;
    }
  };
  for (const int c : {3, 16, 21}) {
    const at::Tensor x = at::randn({2, c, 7, 9});
    check(op::NormChannels{op::NormKind::kRms, 1e-6F}, {x});
    check(op::NormChannels{op::NormKind::kCentred, 1e-4F}, {x});
    check(op::ChannelAffine{.scale = "s"}, {x}, {{"s", at::randn({c})}});
    check(op::Warp{}, {x, at::randn({2, 2, 7, 9}) * 4});
    check(op::Warp{.border = Border::kZero}, {x, at::randn({2, 2, 7, 9}) * 4});
    check(op::Correlation{.radius = 2}, {x, at::randn({2, c, 7, 9})});
    check(op::Correlation{.radius = 2, .stride = 2}, {x, at::randn({2, c, 7, 9})});
    check(op::Correlation{.radius = 1, .mean = false}, {x, at::randn({2, c, 7, 9})});
    check(op::GatherMean{}, {x, at::randn({2, 10, 7, 9}) * 4});
  }
  // 1600 output pixels are more than samples are held of at a time.
  op::DeformConv2d deform{.weight = "w", .bias = "b", .out_channels = 6, .pad = Margins::all(1)};
  check(deform, {at::randn({2, 4, 40, 40}), at::randn({2, 18, 40, 40}) * 3},
        {{"w", at::randn({6, 4, 3, 3})}, {"b", at::randn({6})}});
  deform = {.weight = "w", .out_channels = 6, .kernel = {2, 3}, .stride = {2, 1}, .dilation = {1, 2}};
  deform.pad = {1, 0, 2, 1}, deform.groups = 2, deform.deformable_groups = 4;
  check(deform, {at::randn({2, 8, 9, 11}), at::randn({2, 48, 5, 10}) * 2, at::rand({2, 24, 5, 10})},
        {{"w", at::randn({6, 4, 2, 3})}});
}

TEST(FastOperators, GatesOfTwoHalvesHaveTheGradientOfTheProduct) {
  at::manual_seed(4);
  std::vector<at::Tensor> gradients;
  for (const bool whole : {true, false}) {
    at::manual_seed(9);
    const at::Tensor leaf = at::randn({2, 8, 5, 6}).requires_grad_(true);
    const at::Tensor both = (leaf * 1.0F).contiguous(at::MemoryFormat::ChannelsLast);
    at::Tensor u = both.narrow(1, 0, 4), v = both.narrow(1, 4, 4);
    if (!whole) u = u.clone(), v = v.clone();  // no longer halves of one tensor
    const std::vector<at::Tensor> operands{u, v};
    const at::Tensor out = apply_op(op::Binary{op::BinaryKind::kMul}, operands, {});
    (out * at::arange(out.numel(), at::kFloat).view(out.sizes())).sum().backward();
    gradients.push_back(leaf.grad());
  }
  EXPECT_TRUE(at::allclose(gradients[0], gradients[1]));
}

TEST(TrainState, NumbersKeepAllTheirBits) {
  TrainState state;
  state.set("x", 0.1 + 0.2);
  state.set("n", std::int64_t{1} << 60);
  EXPECT_EQ(state.number("x"), 0.1 + 0.2);
  EXPECT_EQ(state.integer("n"), std::int64_t{1} << 60);
  state.counters["y"] = "12 apples";
  EXPECT_THROW((void)state.integer("y"), ModelError);
  EXPECT_THROW((void)state.integer("z"), ModelError);
}

}  // namespace
}  // namespace unblur
