// SPDX-License-Identifier: MIT
// Gathers the neighbours that a model with look-back or look-ahead wants. Inside a scene only: beyond its
// first and last frame the nearest one is repeated, since the other side of a cut shows something else.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "media/frame_io.h"
#include "pipeline/scene.h"

namespace unblur {

/// A decoded frame on its way through the pipeline.
struct PipelineFrame {
  TimedFrame timed;
  Reset reset = Reset::kNone;
  double difference = 0;  ///< SceneWatcher::difference
  double decode_ms = 0;
  std::unique_ptr<TimedFrame> truth;  ///< the frame it should look like, if known
};
using PipelineFramePtr = std::shared_ptr<const PipelineFrame>;

class WindowBuilder {
 public:
  WindowBuilder(int min_offset, int max_offset) : min_(min_offset), max_(max_offset) {}

  void push(PipelineFramePtr frame) { frames_.push_back(std::move(frame)); }
  /// No frame of this scene will follow. After the remaining windows are taken, `push` starts the next.
  void end_scene() noexcept { ended_ = true; }

  /// The window of the next frame, if all of it is there: window[-min_offset] is the frame itself.
  bool next(std::vector<PipelineFramePtr>& window);

 private:
  int min_, max_;
  std::deque<PipelineFramePtr> frames_;
  std::size_t at_ = 0;  ///< in `frames_`, the next frame to hand out
  bool ended_ = false;
};

}  // namespace unblur
