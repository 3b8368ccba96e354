// SPDX-License-Identifier: MIT
// What becomes of a model's trajectories, frame by frame: plots as pictures, video or SVG, the exposure as a
// sequence of frames, numbers. A TrajectorySink stands behind `deblur` (pipeline/deblur.h):
//
//   TrajectorySink sink(*model->info.trajectory, false);
//   sink.add(plot_output(Style::kPaths, options, create_video(...), true));
//   hooks.outputs = [&](const TimedFrame& in, const std::vector<NamedOutput>& o) { sink.take(in, o); };
//   deblur(source, sink, backend, model, {.named_outputs = {"control"}}, hooks);
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "drawing/plot.h"
#include "drawing/statistics.h"
#include "pipeline/deblur.h"

namespace unblur {

/// One frame with its motion. The pictures are planar RGB [3,h,w].
struct FrameMotion {
  const TimedFrame& input;
  const TrajectoryField& field;
  std::span<const float> rgb;    ///< of the input
  std::span<const float> sharp;  ///< of the restored frame; the input itself where no model restores
};

/// How an output's frames are handed to its sink.
enum class FrameForm : std::uint8_t {
  kAsStored,  ///< in the input's own format: what is not drawn over stays bit-exact
  kUpright,   ///< 8-bit RGB, turned as a player would turn it
};

class MotionOutput {
 public:
  virtual ~MotionOutput() = default;
  virtual void write(const FrameMotion& motion) = 0;
  virtual void finish() {}
  virtual void close_partial() {}
  /// The sink that sees one frame per input frame, so that an interrupted run can go on; else null.
  [[nodiscard]] virtual FrameSink* resumable() { return nullptr; }
};

using NameOf = std::function<std::filesystem::path(const TimedFrame&)>;

/// Plots to a sink of frames.
[[nodiscard]] std::unique_ptr<MotionOutput> plot_output(Style style, const PlotOptions& options,
                                                        std::unique_ptr<FrameSink> sink, FrameForm form);
/// Plots as SVG, a file per frame. Throws ProcessingError where one cannot be written.
[[nodiscard]] std::unique_ptr<MotionOutput> svg_output(Style style, const PlotOptions& options, NameOf name);
/// `count` pictures of the exposure per frame, evenly from its start to its end (one: its middle), by
/// gather_at. Their times are counted in frames from 0.
[[nodiscard]] std::unique_ptr<MotionOutput> extract_output(int count, int rotation,
                                                           std::unique_ptr<FrameSink> sink, FrameForm form);
/// trajectory_numbers as NAME.safetensors and flo_file of every time point as NAME.NN.flo.
[[nodiscard]] std::unique_ptr<MotionOutput> numbers_output(NameOf name);

class TrajectorySink : public FrameSink {
 public:
  TrajectorySink(TrajectoryInfo info, bool restored) : info_(std::move(info)), restored_(restored) {}

  void add(std::unique_ptr<MotionOutput> output) { outputs_.push_back(std::move(output)); }
  /// DeblurHooks::outputs: "control" must be among them. Throws ProcessingError without it, ModelError where
  /// it does not suit the mode.
  void take(const TimedFrame& input, const std::vector<NamedOutput>& outputs);
  [[nodiscard]] const BlurStatistics& statistics() const noexcept { return statistics_; }

  void write(const TimedFrame& restored) override;
  void finish() override;
  void close_partial() override;
  [[nodiscard]] int checkpoint_interval() const override;
  void checkpoint(const Checkpoint& mark) override;
  [[nodiscard]] Checkpoint resume_point() override;

 private:
  /// The one sink that can be resumed, if all else is a file per frame.
  [[nodiscard]] FrameSink* resumable() const;

  TrajectoryInfo info_;
  bool restored_;  ///< the frames that `write` gets differ from the input
  std::vector<std::unique_ptr<MotionOutput>> outputs_;
  std::optional<TrajectoryField> field_;
  const TimedFrame* input_ = nullptr;  ///< between `take` and `write`
  BlurStatistics statistics_;
};

/// The scale `auto` of a clip, fixed before anything is drawn: about 16 frames spread over the wanted range
/// are run through the model, each after its predecessor, and full_scale of the largest of their 99th
/// percentiles of path length is taken. Reads the source to the end of the range. 0 if `stop` was raised.
[[nodiscard]] float measure_full_scale(FrameSource& source, Backend& backend,
                                       const std::shared_ptr<const Model>& model,
                                       const DeblurOptions& options, const DeblurHooks& hooks);

}  // namespace unblur
