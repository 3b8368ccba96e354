// SPDX-License-Identifier: MIT
#include "trainer.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <optional>

#include "clip_feed.h"
#include "compute.h"
#include "graph/error.h"
#include "media/image_file.h"
#include "networks/networks.h"
#include "preview.h"
#include "recipe.h"
#include "run_log.h"
#include "smoke.h"
#include "train_state.h"
#include "trained_network.h"
#include "validation.h"

namespace unblur {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

constexpr double kMeasureSeconds = 60;
constexpr double kPlanReserve = 0.94;  // for validation, checkpoints and the dearer last iterations
constexpr std::int64_t kUnplanned = std::int64_t{1}
                                    << 40;  // stands for the total while the speed is measured
// The motion branch can stay at zero motion for ever, and no image loss shows it (real-time-model.md 4.2).
constexpr double kDeadMotionRatio = 0.97;
constexpr std::int64_t kLifeSignAt = 1000;  // iterations of a stage that trains paths
enum Stage : std::int64_t { kMotion = 0, kJoint = 1, kFinished = 2 };

std::optional<PhotoLibrary> open_photos(const TrainConfig& config, const RunOptions& options) {
  if (options.generated_photos) return PhotoLibrary(generated_photos(6, 192, config.seed), 0.0);
  if (config.data.photos.folders.empty()) return std::nullopt;
  return PhotoLibrary(config.data.photos);
}

class Run {
 public:
  Run(const TrainConfig& config, const RunOptions& options);
  int operator()();

 private:
  void check_crops() const;
  void resume(const TrainState& state);
  void open_logs(std::int64_t keep_up_to);
  void begin_stage();
  bool run_stage();  ///< false: interrupted
  void end_stage();
  void check_motion() const;
  void plan();
  void use_phase();
  double rate(std::int64_t update) const;
  StepReport iterate(const ClipBatch& batch);
  void save_bad_batch(const ClipBatch& batch) const;
  void log(const StepReport& report, double rate);
  void validate();
  void export_model() const;
  void save();
  std::string progress_line(const StepReport& report) const;

  bool motion_stage() const { return stage_ == kMotion; }
  std::int64_t planned() const { return total_ > 0 ? total_ : kUnplanned; }
  std::int64_t global_iteration() const { return before_stage_ + iteration_; }
  double spent() const { return spent_before_ + seconds_since(start_); }
  const std::vector<Phase>& phases() const { return motion_stage() ? motion_phases_ : config_.joint.phases; }
  const RateSchedule& schedule() const {
    return motion_stage() ? config_.motion.schedule : config_.joint.schedule;
  }
  bool interrupted() const {
    const bool enough = options_.stop_after > 0 && global_iteration() >= options_.stop_after;
    return enough || (options_.interrupt != nullptr && options_.interrupt->load() != 0);
  }

  const TrainConfig& config_;
  const RunOptions& options_;
  Progress progress_;
  c10::Device device_;
  bool bf16_ = false;
  std::optional<PhotoLibrary> photos_;  ///< none where all clips are recorded ones
  TrainedNetwork net_;
  Recipe recipe_;
  DataConfig data_;
  std::unique_ptr<Replicas> replicas_;
  std::unique_ptr<ClipFeed> feed_;
  std::unique_ptr<Validation> validation_;
  std::unique_ptr<LogTable> train_log_, validation_log_;
  std::vector<Phase> motion_phases_;

  std::int64_t stage_ = kMotion;
  std::int64_t iteration_ = 0;     ///< within the stage
  std::int64_t before_stage_ = 0;  ///< iterations of earlier stages
  std::int64_t total_ = 0;         ///< of the stage; 0 until planned
  std::int64_t clips_ = 0;
  double budget_seconds_ = 0, spent_before_ = 0;
  std::size_t phase_ = 0;
  EndPointError recent_epe_;
  Clock::time_point start_ = Clock::now(), measure_start_, last_save_ = start_, last_validation_ = start_;
  double measured_pixels_ = 0;
  std::int64_t measured_iterations_ = 0;
};

Run::Run(const TrainConfig& config, const RunOptions& options)
    : config_(config),
      options_(options),
      progress_(options.quiet),
      device_(choose_device(config.device)),
      photos_(open_photos(config, options)),
      net_(config.network, config.seed, config.average_decay, device_, config.start),
      recipe_(recipe_of(net_.info(), net_.graph().graph())),
      data_(config.data),
      motion_phases_{config.motion.phase},
      budget_seconds_(options.budget_minutes * 60) {
  check_crops();
  const bool synthesised = photos_ && data_.sequences.empty();
  if (recipe_ == Recipe::kTrajectories && !synthesised)
    throw UsageError("paths are known of synthesised clips only");
  if (net_.info().trajectory && synthesised) data_.synthesis.trajectory_points = kPathPoints;
  if (config_.threads > 0) at::set_num_threads(config_.threads);
  bf16_ = use_bf16(config_.precision, device_);
  if (device_.is_cuda() && config_.replicas > 1) throw UsageError("'replicas' are for training on the CPU");
  replicas_ = std::make_unique<Replicas>(config_.replicas);
  progress_.note(fmt::format("training {} on {}{}; {} photographs, {} synthesis thread{}", config_.network,
                             describe_compute(device_, bf16_),
                             config_.replicas > 1 ? fmt::format(", {} replicas", config_.replicas) : "",
                             photos_ ? photos_->photos().size() : 0, config_.data.workers,
                             config_.data.workers == 1 ? "" : "s"));
  std::error_code failed;
  std::filesystem::create_directories(config_.directory, failed);
  if (failed) throw ProcessingError("cannot create " + config_.directory.string() + ": " + failed.message());
  if (options_.resume) {
    resume(read_train_state(checkpoint_path(config_)));
  } else {
    if (!options_.init.empty()) {
      net_.load_weights(weights_of(options_.init));
      stage_ = kJoint;
    }
    if (motion_stage() && config_.motion.share == 0 && config_.motion.iterations == 0) stage_ = kJoint;
    open_logs(-1);
  }
  if (photos_ && config_.validation.clips > 0 && config_.validation.every_minutes > 0) {
    validation_ = make_validation(config_, recipe_, net_.info(), device_);
  }
}

void Run::check_crops() const {
  std::vector<Phase> all = config_.joint.phases;
  all.push_back(config_.motion.phase);
  for (const Phase& phase : all) {
    if (phase.crop < net_.info().min_size) {
      throw UsageError(fmt::format("crops of {} px are too small: {} needs {}", phase.crop, config_.network,
                                   net_.info().min_size));
    }
  }
}

void Run::open_logs(std::int64_t keep_up_to) {
  train_log_ = std::make_unique<LogTable>(config_.directory / "train", train_columns(recipe_), keep_up_to);
  validation_log_ =
      std::make_unique<LogTable>(config_.directory / "validation", validation_columns(recipe_), keep_up_to);
}

void Run::resume(const TrainState& state) {
  if (state.text("network") != config_.network) {
    throw UsageError("the checkpoint is of network '" + state.text("network") + "', the configuration of '" +
                     config_.network + "'");
  }
  stage_ = state.integer("stage");
  if (stage_ == kFinished) {
    throw UsageError("this run is finished; train on with --init " + checkpoint_path(config_).string() +
                     " and another directory");
  }
  if (state.integer("seed") != static_cast<std::int64_t>(config_.seed)) {
    throw UsageError("the checkpoint was made with seed " + state.text("seed"));
  }
  iteration_ = state.integer("iteration");
  before_stage_ = state.integer("before_stage");
  total_ = state.integer("total");
  clips_ = state.integer("clips");
  spent_before_ = state.number("seconds");
  budget_seconds_ = state.number("budget_seconds");
  if (options_.budget_minutes > 0) {  // so many minutes more: the rest of the schedule is planned again
    budget_seconds_ = spent_before_ + 60 * options_.budget_minutes;
    total_ = 0;
  }
  begin_stage();
  net_.load(state);
  open_logs(global_iteration());
  progress_.note(
      fmt::format("resumed at iteration {} after {}", global_iteration(), format_duration(spent_before_)));
}

void Run::begin_stage() {
  if (motion_stage()) {
    net_.optimise_motion(config_.motion.optimiser);
  } else {
    net_.optimise_all(config_.joint.optimiser, config_.joint.motion_rate);
  }
  feed_.reset();
  measure_start_ = Clock::now();
  measured_pixels_ = 0;
  measured_iterations_ = 0;
  recent_epe_ = {};
}

void Run::plan() {
  if (total_ > 0) return;
  const bool motion = motion_stage();
  if (budget_seconds_ == 0 || (motion && config_.motion.share == 0)) {
    total_ = std::max<std::int64_t>(motion ? config_.motion.iterations : config_.joint.iterations, 1);
    if (const std::int64_t epoch = batches_per_epoch(config_.data, phases().front()); epoch > 0)
      total_ = (total_ + epoch - 1) / epoch * epoch;  // the last epoch is completed
    return;
  }
  const double left = motion ? budget_seconds_ * config_.motion.share - spent() : budget_seconds_ - spent();
  const double measured = seconds_since(measure_start_);
  if (measured_iterations_ < 3 || measured < std::min(kMeasureSeconds, 0.1 * left)) return;
  const double per_pixel = measured / measured_pixels_;
  total_ = iteration_ + plan_iterations(phases(), std::max(left, 1.0) * kPlanReserve, per_pixel);
  progress_.note(fmt::format("{:.3f} s per iteration: {} iterations planned",
                             measured / static_cast<double>(measured_iterations_), total_));
}

void Run::use_phase() {
  const std::size_t wanted = phase_index(phases(), iteration_, planned());
  if (feed_ && wanted == phase_) return;
  phase_ = wanted;
  const auto stream = static_cast<std::uint64_t>(stage_) * 64 + phase_;
  feed_.reset();
  feed_ = std::make_unique<ClipFeed>(data_, photos_ ? &*photos_ : nullptr, phases()[phase_], config_.seed,
                                     stream, iteration_, device_);
}

/// Factor of update `update` of this iteration.
double Run::rate(std::int64_t update) const {
  const RateSchedule& s = schedule();
  if (s.shape == RateShape::kHold) return s.factor(iteration_, planned());
  const std::int64_t segment = motion_stage() ? config_.motion.segment : config_.joint.segment,
                     frames = phases()[phase_].frames - (motion_stage() && config_.data.context == 0 ? 1 : 0);
  const std::int64_t updates = segment > 0 ? (frames + segment - 1) / segment : 1;
  return s.after_updates(iteration_ * updates + update);
}

StepReport Run::iterate(const ClipBatch& batch) {
  const auto after = [this](const UpdateReport&) { net_.update_average(); };
  StepOptions options{.loss = config_.joint.loss,
                      .recipe = recipe_,
                      .path_mode = net_.info().trajectory ? net_.info().trajectory->mode : "",
                      .range = {net_.info().range_low, net_.info().range_high},
                      .constants = constants_in_training(net_.graph().graph()),
                      .rate = [this](std::int64_t update) { return rate(update); }};
  if (motion_stage()) {
    options.loss.motion = config_.motion.truth;
    options.loss.blur_invariant = config_.motion.blur_invariant;
    options.pictures = config_.motion.pictures;
    options.segment = config_.motion.segment;
    options.skipped_flows =
        config_.motion.skipped_flows(iteration_, total_ > 0 ? std::optional(total_) : std::nullopt);
    return motion_step(net_.graph(), net_.optimiser(), batch, options, *replicas_, after);
  }
  const double done = static_cast<double>(iteration_) / static_cast<double>(planned());
  options.segment = config_.joint.segment;
  options.temporal = done >= config_.joint.loss.temporal_from;
  options.round_to_half = done >= config_.joint.half_from;
  options.bf16 = bf16_;
  return joint_step(net_.graph(), net_.optimiser(), batch, options, *replicas_, after);
}

void Run::save_bad_batch(const ClipBatch& batch) const {
  SafeTensors file;
  file.tensors = {{"blurred", from_torch(batch.blurred)},
                  {"sharp", from_torch(batch.sharp)},
                  {"flow", from_torch(batch.flow)},
                  {"valid", from_torch(batch.valid)}};
  if (batch.gather.defined()) file.tensors["gather"] = from_torch(batch.gather);
  if (batch.shown.defined()) file.tensors["shown"] = from_torch(batch.shown);
  file.metadata["iteration"] = std::to_string(global_iteration());
  write_safetensors(config_.directory / "bad-batch.safetensors", file);
}

void Run::log(const StepReport& r, double rate) {
  std::vector<double> row{static_cast<double>(stage_), spent(), static_cast<double>(clips_), rate};
  const std::vector<double> values = train_values(recipe_, r, motion_stage());
  row.insert(row.end(), values.begin(), values.end());
  train_log_->add(global_iteration(), row);
}

std::string Run::progress_line(const StepReport& r) const {
  const double measured = seconds_since(measure_start_);
  std::string eta = "measuring speed";
  if (total_ > 0 && measured_pixels_ > 0) {
    eta = format_duration(remaining_seconds(phases(), iteration_, total_, measured / measured_pixels_)) +
          " left";
  }
  return fmt::format("{} {}/{} loss {:.4f} motion {:.2f} px of {:.2f} {} waited {:.0f} s",
                     motion_stage() ? "motion" : "joint", iteration_,
                     total_ > 0 ? std::to_string(total_) : "?", r.loss, recent_epe_.mean(),
                     recent_epe_.mean_zero(), eta, feed_->waited_seconds());
}

void Run::validate() {
  last_validation_ = Clock::now();
  if (!validation_) return;
  const TorchGraph& net = net_.average_network();
  const ValidationResult result = validation_->run(net, *replicas_);
  std::vector<double> row{spent(), static_cast<double>(clips_)};
  row.insert(row.end(), result.values.begin(), result.values.end());
  validation_log_->add(global_iteration(), row);
  progress_.note(fmt::format("iteration {}: {}", global_iteration(), result.line));
  write_png(config_.directory / fmt::format("validation-{:07}.png", global_iteration()),
            frame_from_tensor(validation_->picture_sheet(net)));
  export_model();
}

void Run::export_model() const {
  write_model(config_.directory / (config_.network + ".safetensors"),
              trained_model(config_.network, net_.export_average(), config_.card));
}

void Run::save() {
  TrainState state = net_.state();
  state.counters["network"] = config_.network;
  state.counters["seed"] = std::to_string(config_.seed);
  state.counters["settings"] = config_.source;
  for (const auto& [key, value] : config_.card) state.counters["card." + key] = value;
  state.set("stage", stage_);
  state.set("iteration", iteration_);
  state.set("before_stage", before_stage_);
  state.set("total", total_);
  state.set("clips", clips_);
  state.set("seconds", spent());
  state.set("budget_seconds", budget_seconds_);
  write_train_state(checkpoint_path(config_), state);
  last_save_ = Clock::now();
}

bool Run::run_stage() {
  for (plan(); total_ == 0 || iteration_ < total_; plan()) {
    if (interrupted()) return false;
    use_phase();
    const double first_rate = rate(0);
    const ClipBatch batch = feed_->next();
    const StepReport report = iterate(batch);
    ++iteration_;
    clips_ += phases()[phase_].batch;
    ++measured_iterations_;
    measured_pixels_ += phases()[phase_].pixels();
    log(report, first_rate);
    if (!report.finite()) {
      save_bad_batch(batch);
      throw ProcessingError(
          fmt::format("loss or gradient is not finite at iteration {}; the batch is saved as {}, the last "
                      "checkpoint is kept",
                      global_iteration(), (config_.directory / "bad-batch.safetensors").string()));
    }
    const EndPointError error = motion_error(recipe_, report, motion_stage());
    recent_epe_.flow = 0.98 * recent_epe_.flow + error.flow;
    recent_epe_.zero = 0.98 * recent_epe_.zero + error.zero;
    recent_epe_.count = 0.98 * recent_epe_.count + error.count;
    progress_.show(progress_line(report));
    if (recipe_ == Recipe::kTrajectories && iteration_ == kLifeSignAt) check_motion();
    if (seconds_since(last_save_) > config_.checkpoint_seconds) save();
    if (!motion_stage() && validation_ &&
        seconds_since(last_validation_) > 60 * config_.validation.every_minutes) {
      validate();
    }
  }
  return true;
}

void Run::end_stage() {
  const bool motion = motion_stage();
  progress_.note(
      fmt::format("{} stage done: {} iterations, {}, end-point error {:.2f} px (zero motion {:.2f})",
                  motion ? "motion" : "joint", iteration_, format_duration(spent()), recent_epe_.mean(),
                  recent_epe_.mean_zero()));
  if (motion) check_motion();
  before_stage_ += iteration_;
  iteration_ = total_ = 0;
  ++stage_;
  if (stage_ == kJoint && config_.joint.iterations == 0) stage_ = kFinished;
}

void Run::check_motion() const {
  if (iteration_ < 200 || recent_epe_.mean() <= kDeadMotionRatio * recent_epe_.mean_zero()) return;
  throw ProcessingError(fmt::format("no motion was learned: end-point error {:.2f} px, zero motion {:.2f} px",
                                    recent_epe_.mean(), recent_epe_.mean_zero()));
}

int Run::operator()() {
  if (!options_.resume) begin_stage();
  while (stage_ != kFinished) {
    if (!run_stage()) {
      save();
      progress_.note(fmt::format("stopped at iteration {}; continue with --resume", global_iteration()));
      return options_.interrupt != nullptr ? options_.interrupt->load() : 0;
    }
    end_stage();
    if (stage_ == kJoint) begin_stage();
    save();
    if (stage_ == kJoint)
      std::filesystem::copy_file(checkpoint_path(config_), config_.directory / "after-motion.safetensors",
                                 std::filesystem::copy_options::overwrite_existing);
  }
  validate();
  export_model();
  return 0;
}

}  // namespace

std::filesystem::path checkpoint_path(const TrainConfig& config) {
  return config.directory / "checkpoint.safetensors";
}

int run_training(const TrainConfig& config, const RunOptions& options) { return Run(config, options)(); }

}  // namespace unblur
