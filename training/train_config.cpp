// SPDX-License-Identifier: MIT
#include "train_config.h"

#include <fmt/format.h>

#include <cmath>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr double kMany = 1e9;

int whole(Settings& s, const std::string& key, int fallback, int low, int high) {
  return static_cast<int>(s.integer(key, fallback, low, high));
}

/// Relative paths are meant from the configuration's folder; UNBLUR_DATA_DIR stands for ${DATA}.
std::vector<std::filesystem::path> paths(Settings& s, const std::string& key) {
  std::vector<std::filesystem::path> out;
  for (const std::string& text : s.texts(key)) {
    const std::filesystem::path path(text);
    out.push_back(path.is_absolute() ? path : (s.folder() / path).lexically_normal());
  }
  return out;
}

Phase read_phase(Settings& s, const std::string& table, const Phase& fallback) {
  Phase p;
  p.share = s.number(table + ".share", fallback.share, 0.0, 1.0);
  p.batch = whole(s, table + ".batch", fallback.batch, 1, 4096);
  p.frames = whole(s, table + ".frames", fallback.frames, table == "motion" ? 2 : 1, 1000);
  p.crop = whole(s, table + ".crop", fallback.crop, 32, 4096);
  if (p.crop % 16 != 0)
    throw UsageError(fmt::format("'{}.crop' is {} and must be a multiple of 16", table, p.crop));
  return p;
}

/// One of `values` by its name.
template <typename Enum>
Enum choice(Settings& s, const std::string& key, const std::vector<std::pair<std::string, Enum>>& values,
            Enum fallback) {
  std::string name, names;
  for (const auto& [text, value] : values) {
    if (value == fallback) name = text;
    names += (names.empty() ? "" : ", ") + text;
  }
  name = s.text(key, name);
  for (const auto& [text, value] : values) {
    if (text == name) return value;
  }
  throw UsageError(fmt::format("'{}' is '{}' and must be one of {}", key, name, names));
}

OptimiserConfig read_optimiser(Settings& s, const std::string& table, OptimiserConfig o) {
  o.rule = choice<UpdateRule>(
      s, table + ".rule",
      {{"muon", UpdateRule::kMuon}, {"adamw", UpdateRule::kAdamW}, {"radam", UpdateRule::kRAdam}}, o.rule);
  o.muon_rate = s.number(table + ".muon_rate", o.muon_rate, 0, 1);
  o.muon_momentum = s.number(table + ".muon_momentum", o.muon_momentum, 0, 0.9999);
  o.adam_rate = s.number(table + ".adam_rate", o.adam_rate, 0, 1);
  o.adam_beta2 = s.number(table + ".adam_beta2", o.adam_beta2, 0, 0.999999);
  o.weight_decay = s.number(table + ".weight_decay", o.weight_decay, 0, 1);
  o.clip_norm = s.number(table + ".clip_norm", o.clip_norm, 0, kMany);
  return o;
}

RateSchedule read_schedule(Settings& s, const std::string& table, RateSchedule r) {
  r.shape = choice<RateShape>(s, table + ".schedule",
                              {{"hold", RateShape::kHold},
                               {"cosine-restarts", RateShape::kCosineRestarts},
                               {"steps", RateShape::kSteps},
                               {"epochs", RateShape::kEpochs}},
                              r.shape);
  r.epochs = s.integer(table + ".schedule_epochs", r.epochs, 2, 1'000'000);
  r.span = s.integer(table + ".schedule_updates", r.span, 12, 1'000'000'000);
  r.warm_up = s.integer(table + ".warm_up", r.warm_up, 0, 1'000'000);
  r.constant_share = s.number(table + ".constant_share", r.constant_share, 0, 1);
  return r;
}

DataConfig read_data(Settings& s) {
  DataConfig d;
  d.photos.folders = paths(s, "data.photos");
  d.photos.exclude = s.texts("data.exclude");
  d.photos.cutouts = paths(s, "data.cutouts");
  d.photos.softest_dropped = s.number("data.softest_dropped", d.photos.softest_dropped, 0, 0.9);
  d.sequences = paths(s, "data.sequences");
  d.sequence_share = s.number("data.sequence_share", d.sequences.empty() ? 0.0 : 1.0, 0, 1);
  d.gamma_blur = s.flag("data.gamma_blur", d.gamma_blur);
  d.windows = s.flag("data.windows", d.windows);
  d.flips = s.flag("data.flips", d.flips);
  d.input_noise = s.number("data.input_noise", d.input_noise, 0, 1);
  d.workers = whole(s, "data.workers", d.workers, 0, 256);
  d.context = whole(s, "data.context", d.context, 0, 1);
  d.reuse = s.number("data.reuse", d.reuse, 1, 1000);
  SynthesisOptions& o = d.synthesis;
  o.min_speed = s.number("data.min_speed", o.min_speed, 1e-3, 1000);
  o.max_speed = s.number("data.max_speed", o.max_speed, o.min_speed, 1000);
  o.still_camera = s.number("data.still_camera", o.still_camera, 0, 1);
  o.zero_motion = s.number("data.zero_motion", o.zero_motion, 0, 1);
  o.repeated_frame = s.number("data.repeated_frame", o.repeated_frame, 0, 1);
  o.rolling_shutter = s.number("data.rolling_shutter", o.rolling_shutter, 0, 1);
  o.min_duty = s.number("data.min_duty", o.min_duty, 0, 1);
  o.max_duty = s.number("data.max_duty", o.max_duty, o.min_duty, 1);
  o.half_size = s.number("data.half_size", o.half_size, 0, 1);
  o.defocus = s.number("data.defocus", o.defocus, 0, 1);
  o.max_layers = whole(s, "data.max_layers", o.max_layers, 0, 16);
  o.noise = s.flag("data.noise", o.noise);
  o.codec = s.flag("data.codec", o.codec);
  o.saturation = s.flag("data.saturation", o.saturation);
  o.appearance = s.flag("data.appearance", o.appearance);
  o.turns = s.flag("data.turns", o.turns);
  if (d.sequences.empty()) d.windows = false;
  if (d.windows && (d.reuse != 1 || d.sequence_share != 1))
    throw UsageError(
        "'data.windows' shows every recorded clip once: data.reuse and data.sequence_share must be 1");
  for (int b = 0; b < kBinCount; ++b) {
    auto& weight = o.bin_weights[static_cast<std::size_t>(b)];
    weight = s.number(fmt::format("data.bin_weights.{}", bin_name(b)), weight, 0, kMany);
  }
  return d;
}

MotionStage read_motion(Settings& s) {
  MotionStage m;
  m.share = s.number("motion.share", m.share, 0, 1);
  m.iterations = s.integer("motion.iterations", m.iterations, 0, 100'000'000);
  m.phase = read_phase(s, "motion", m.phase);
  m.phase.share = 1;  // "motion.share" is the stage's part of the time
  m.segment = whole(s, "motion.segment", m.segment, 0, 1000);
  m.schedule = read_schedule(s, "motion", m.schedule);
  m.optimiser = read_optimiser(s, "motion", m.optimiser);
  m.truth = s.number("motion.truth", m.truth, 0, kMany);
  m.blur_invariant = s.number("motion.blur_invariant", m.blur_invariant, 0, kMany);
  m.pictures = choice<PairPictures>(
      s, "motion.pictures",
      {{"blurred", PairPictures::kBlurred}, {"mixed", PairPictures::kMixed}, {"all", PairPictures::kAll}},
      m.pictures);
  m.coarse_share = s.number("motion.coarse_share", m.coarse_share, 0, 1);
  if (m.coarse_share > 0 && m.blur_invariant > 0)
    throw UsageError(
        "'motion.blur_invariant' needs the finest flow all the time: motion.coarse_share must be 0");
  return m;
}

JointStage read_joint(Settings& s) {
  JointStage j;
  j.iterations = s.integer("joint.iterations", j.iterations, 0, 100'000'000);
  double sum = 0;
  for (std::size_t i = 0; i < s.tables("joint.phase"); ++i) {
    j.phases.push_back(read_phase(s, fmt::format("joint.phase.{}", i), {}));
    sum += j.phases.back().share;
  }
  if (j.phases.empty()) j.phases.push_back({});
  if (j.phases.size() > 1 && std::abs(sum - 1) > 1e-3) {
    throw UsageError(fmt::format("the shares of [[joint.phase]] sum to {:.4g} and must sum to 1", sum));
  }
  j.segment = whole(s, "joint.segment", j.segment, 1, 1000);
  j.schedule = read_schedule(s, "joint", j.schedule);
  j.optimiser = read_optimiser(s, "joint", j.optimiser);
  j.motion_rate = s.number("joint.motion_rate", j.motion_rate, 0, 100);
  j.half_from = s.number("joint.half_from", j.half_from, 0, 1);
  LossConfig& l = j.loss;
  l.picture = choice<PictureLoss>(
      s, "loss.picture", {{"charbonnier", PictureLoss::kCharbonnier}, {"squared", PictureLoss::kSquared}},
      l.picture);
  l.blur_invariant = s.number("loss.blur_invariant", l.blur_invariant, 0, kMany);
  l.structure = s.number("loss.structure", l.structure, 0, kMany);
  l.variation = s.number("loss.variation", l.variation, 0, kMany);
  l.magnitude = s.number("loss.magnitude", l.magnitude, 0, kMany);
  l.frequency = s.number("loss.frequency", l.frequency, 0, kMany);
  l.auxiliary = s.number("loss.auxiliary", l.auxiliary, 0, kMany);
  l.motion = s.number("loss.motion", l.motion, 0, kMany);
  l.temporal = s.number("loss.temporal", l.temporal, 0, kMany);
  l.first_frames = s.number("loss.first_frames", l.first_frames, 0, kMany);
  l.temporal_from = s.number("loss.temporal_from", l.temporal_from, 0, 1);
  l.motion_limit = s.number("loss.motion_limit", l.motion_limit, 0, kMany);
  return j;
}

}  // namespace

int MotionStage::skipped_flows(std::int64_t iteration, std::optional<std::int64_t> total) const {
  if (!total || coarse_share == 0) return 0;
  const double done = static_cast<double>(iteration) / static_cast<double>(*total);
  if (done < coarse_share / 2) return 2;
  return done < coarse_share ? 1 : 0;
}

TrainConfig read_train_config(Settings& s) {
  TrainConfig c;
  c.network = s.text("network", c.network);
  c.directory = s.text("directory", "");
  if (c.directory.empty())
    throw UsageError("the configuration must name a 'directory' for checkpoints and logs");
  c.seed = static_cast<std::uint64_t>(s.integer("seed", 1, 0, INT64_MAX));
  c.threads = whole(s, "threads", c.threads, 0, 1024);
  c.replicas = whole(s, "replicas", c.replicas, 1, 1024);
  c.device = s.text("device", c.device);
  c.precision = s.text("precision", c.precision);
  if (c.precision != "auto" && c.precision != "fp32" && c.precision != "bf16") {
    throw UsageError("'precision' must be auto, fp32 or bf16, not '" + c.precision + "'");
  }
  c.start = choice<Start>(s, "start", {{"he", Start::kHe}, {"xavier", Start::kXavier}}, c.start);
  c.average_decay = s.number("average_decay", c.average_decay, 0, 1);
  c.checkpoint_seconds = s.number("checkpoint_seconds", c.checkpoint_seconds, 0, 120);
  c.data = read_data(s);
  c.motion = read_motion(s);
  c.joint = read_joint(s);
  ValidationConfig& v = c.validation;
  v.clips = whole(s, "validation.clips", v.clips, 0, 10'000);
  v.frames = whole(s, "validation.frames", v.frames, 3, 1000);
  v.size = whole(s, "validation.size", v.size, 64, 4096);
  v.every_minutes = s.number("validation.every_minutes", v.every_minutes, 0, kMany);
  for (const std::string& key : s.keys("card")) c.card[key] = s.text("card." + key, "");
  s.refuse_unknown();
  c.source = s.dump();
  if (c.data.photos.folders.empty() && c.data.sequences.empty()) {
    throw UsageError("the configuration names no data: set data.photos or data.sequences");
  }
  return c;
}

}  // namespace unblur
