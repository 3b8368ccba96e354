// SPDX-License-Identifier: MIT
// A source as the viewer plays it: what frame comes next, and when. Time is given by the caller, in seconds
// of the steady clock, so that the same code runs with a real clock (core/feed_thread.h), with a virtual one
// off-screen, and in tests.
//
//   Feed feed("clip.mp4", {});
//   for (;;) {
//     const Feed::Next next = feed.advance(now());
//     if (next.what == Feed::Next::kFrame) queue.push(next.frame);   // core/live_queue.h
//     else wait_until(next.wake);
//   }
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/inputs.h"
#include "media/camera_controls.h"
#include "pipeline/scene.h"

namespace unblur {

/// A frame with what the viewer knows about it.
struct SourceFrame {
  TimedFrame timed;
  double captured = 0;       ///< s: when the camera took it, or when the file's clock wanted it shown
  bool fresh_start = false;  ///< states reset before it: open, seek, loop, cut, jump, change of size
};
using SourceFramePtr = std::shared_ptr<const SourceFrame>;

enum class FeedState : std::uint8_t {
  kOpening,
  kPlaying,
  kPaused,
  kEnded,   ///< at the last frame, without a loop
  kLost,    ///< no camera: it is looked for once a second
  kFailed,  ///< `problem` says why; nothing will come
};

struct FeedStatus {
  std::string name;
  FeedState state = FeedState::kOpening;
  std::string problem;             ///< of kLost and kFailed; else damage that was met, or empty
  StreamInfo info;                 ///< once open; `rotation` is how the picture is turned on the screen
  std::int64_t index = -1;         ///< of the frame that is shown; -1 before the first
  double seconds = 0;              ///< its time in the source
  std::optional<double> duration;  ///< s, where the number of frames is known
  double speed = 1;
  bool loop = true, seekable = false;
  std::int64_t dropped = 0;             ///< frames that were late, or that a camera could not hand over
  std::vector<CameraControl> controls;  ///< of a camera
  std::string mode;                     ///< of a camera: "MJPEG 1280x720 30 fps"
  int returns = 0;                      ///< of a camera: how often it was lost and came back
};

struct FeedOptions {
  bool loop = true;
  double speed = 1;          ///< 1/16 to 16
  bool every_frame = false;  ///< no clock: every frame in turn, and problems are thrown
  int look_ahead = 0;        ///< frames beyond the shown one that a model wants, see set_look_ahead
  CameraOptions camera;
  CameraOpener open_camera = open_camera_device;
  int patience_ms = 3000;  ///< until a silent camera counts as lost
  double retry = 1;        ///< s between attempts to open a camera
  const std::atomic<bool>* cancelled = nullptr;
};

class Feed {
 public:
  Feed(std::string name, FeedOptions options);

  struct Next {
    enum What : std::uint8_t { kFrame, kWait, kEnd } what = kWait;
    SourceFramePtr frame;
    double wake = 0;  ///< of kWait: nothing happens before, unless a command is given
  };
  /// The frame that is due, the newest if several are. Reads ahead while it waits. With a camera it blocks up
  /// to 20 ms. kEnd: no frame will come by itself (paused frames were all delivered, end of the file).
  /// Throws InputError and UsageError if `every_frame`; otherwise they become the status.
  Next advance(double now);

  // Commands. They do nothing to a camera but set_look_ahead.
  void play(bool playing, double now);
  /// Frame `index` next, as a fresh start, playing or not.
  void seek(std::int64_t index);
  /// Pauses; the next frame goes on where this one stood, any other distance is a seek.
  void step(std::int64_t frames);
  void set_speed(double speed, double now);
  void set_loop(bool loop) { status_.loop = loop; }
  /// A paused feed delivers so many frames beyond the one that is wanted, so that a model can show it.
  /// Delivers the present frame again if it has to.
  void set_look_ahead(int frames);
  /// Paused or at the end: delivers the present frame again, as a fresh start (another model).
  void refresh();
  /// Throws InputError: no camera, no such control.
  void set_control(CameraControl::What what, std::int32_t value);

  /// Puts a problem into the status.
  void report(const std::string& problem) { status_.problem = problem; }
  /// The last frame of the source was delivered: those that wait for look-ahead will not get it.
  [[nodiscard]] bool at_end() const { return ended_; }
  [[nodiscard]] const FeedStatus& status() const { return status_; }

 private:
  void open(double now);
  void open_camera();
  void fail(const std::string& problem, double now);
  Next advance_camera(double now);
  Next advance_file(double now);
  bool hold_next(double now);
  bool wrap();
  [[nodiscard]] double media_time(const TimedFrame& f) const;
  [[nodiscard]] double due_of(const TimedFrame& f) const;
  [[nodiscard]] double length_of(const TimedFrame& f) const;
  Next deliver(TimedFrame&& frame, double captured);

  FeedOptions options_;
  FeedStatus status_;
  bool camera_mode_, opened_ = false;
  Input input_;
  std::unique_ptr<CameraSource> camera_;
  double retry_at_ = 0;
  bool lost_ = false;
  std::int64_t dropped_before_ = 0;  ///< by cameras that are gone

  std::optional<SceneWatcher> watcher_;
  bool fresh_ = true;  ///< the next frame delivered starts afresh

  std::optional<TimedFrame> held_;  ///< read, not due yet
  bool playing_ = true, ended_ = false;
  int at_once_ = 0;                       ///< frames to deliver without waiting
  std::optional<double> anchor_clock_;    ///< s, when `anchor_media_` is due; none: the next frame sets it
  double anchor_media_ = 0;               ///< s
  std::int64_t last_index_ = -1;          ///< delivered
  double last_media_ = 0, last_end_ = 0;  ///< s in the source
};

}  // namespace unblur
