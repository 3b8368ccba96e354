// SPDX-License-Identifier: MIT
// Frames through a model: decode, compute and encode overlap in three threads with bounded queues between
// them. Files are never thinned out: a slow stage holds the others back.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/executor.h"
#include "media/frame_io.h"
#include "pipeline/report.h"

namespace unblur {

struct DeblurOptions {
  Precision precision = Precision::kAuto;
  std::uint64_t memory_limit = 0;  ///< bytes, 0 = what the device has
  float strength = 1.0F;
  bool scene_cuts = true;                  ///< reset recurrence where the scene changes
  std::int64_t start_frame = 0;            ///< frames of the input to leave out at the beginning
  std::optional<double> start_seconds;     ///< instead: the first frame at or after this time
  std::int64_t max_frames = -1;            ///< of output; -1 = all
  FrameSource* truth = nullptr;            ///< sharp frames, the first belongs to the input's first
  bool keep_most_motion = false;           ///< fill MotionPicture
  std::vector<std::string> named_outputs;  ///< of the graph, for DeblurHooks::outputs
};

/// The frame with most motion, before and after.
struct MotionPicture {
  Frame before, after;
  std::int64_t index = -1;  ///< in the input; -1 = none was kept
  double motion = -1;
};

struct DeblurProgress {
  std::int64_t done = 0;              ///< output frames written, resumed ones included
  std::optional<std::int64_t> total;  ///< where it is known or guessed
};

struct DeblurHooks {
  std::function<void(const DeblurProgress&)> progress;  ///< from the encoding thread, after every frame
  const std::atomic<int>* stop = nullptr;               ///< a signal number once the run shall end
  const std::atomic<bool>* paused = nullptr;            ///< while true no new frame is computed
  /// From the encoding thread, right before the sink takes the restored frame: the frame as it was read, and
  /// DeblurOptions::named_outputs.
  std::function<void(const TimedFrame&, const std::vector<NamedOutput>&)> outputs{};
};

/// Whether a frame lies before the first one wanted; `first_pts`: of the source's first frame.
[[nodiscard]] bool is_before_start(const DeblurOptions& options, const StreamInfo& info,
                                   const TimedFrame& frame, std::int64_t first_pts);

/// Runs to the end of the source and finishes the sink. On a signal, and where the input was damaged, the
/// sink is closed as partial instead and the report says so. Throws what a stage threw, after closing the
/// sink as partial: InputError, ProcessingError, MemoryError, ModelError, DeviceError.
DeblurReport deblur(FrameSource& source, FrameSink& sink, Backend& backend,
                    std::shared_ptr<const Model> model, const DeblurOptions& options,
                    const DeblurHooks& hooks, MotionPicture* picture = nullptr);

}  // namespace unblur
