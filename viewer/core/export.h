// SPDX-License-Identifier: MIT
// What leaves the viewer as a file: the exposure of a frame as a clip, and a recording of what is shown.
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "drawing/field.h"
#include "media/frame_io.h"
#include "pipeline/queue.h"

namespace unblur {

struct ExposureClip {
  int frames = 24;         ///< from the start of the exposure to its end, at least 2
  bool reverse = false;    ///< from its end to its start
  bool both_ways = false;  ///< and back again, so that it can be looped
  double fps = 12;
  int rotation = 0;  ///< degrees clockwise to stand upright
};

/// The times in [0, 1] of the clip's frames; 0 = the start of the exposure.
[[nodiscard]] std::vector<double> exposure_times(const ExposureClip& clip);

/// The frame at time `t` in [0, 1] as planar RGB [3,h,w]: gather_at (drawing/field.h) with 2t - 1.
[[nodiscard]] std::vector<float> exposure_at(std::span<const float> sharp, const TrajectoryField& field,
                                             double t);

/// `sharp`: planar RGB [3,h,w] of the field's size. The ending decides: .gif, .mp4 and other video, or a
/// folder of PNG. What exists is overwritten. Throws UsageError, ProcessingError.
void export_exposure(const std::string& path, std::span<const float> sharp, const TrajectoryField& field,
                     const ExposureClip& clip);

/// Pictures to a video on a thread of its own.
class Recorder {
 public:
  /// 8-bit RGB pictures of this size. `lossless`: `add` waits for room rather than dropping (off-screen).
  /// Throws UsageError (unknown ending), ProcessingError.
  Recorder(const std::string& path, int width, int height, int fps, bool lossless);
  /// Without `finish`: what was recorded stays as `<path>.part`.
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  /// A picture shown at `seconds`, by any clock that does not go back. More than one within 1/fps replace
  /// none: they are left out. Throws what writing an earlier one threw.
  void add(Frame rgb, double seconds);
  /// Writes all of it and gives the file its name. Throws what writing threw.
  void finish();
  [[nodiscard]] std::int64_t written() const { return written_; }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }  ///< encoding was too slow for them

 private:
  void run();
  void rethrow();

  std::string path_;
  StreamInfo info_;
  bool lossless_;
  std::unique_ptr<FrameSink> sink_;
  BoundedQueue<TimedFrame> queue_;
  double first_ = -1;
  std::int64_t last_ = -1, dropped_ = 0;
  bool finished_ = false;
  std::atomic<int> waiting_{0};
  std::atomic<std::int64_t> written_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr error_;  ///< written before `failed_`
  std::jthread thread_;       ///< last: it uses all of the above
};

}  // namespace unblur
