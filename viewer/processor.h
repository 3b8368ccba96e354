// SPDX-License-Identifier: MIT
// Frames through the models that the two sides want: window in, pictures on the device out. One thread calls
// `process`; off-screen that is the thread that draws.
#pragma once

#include <array>
#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/inputs.h"
#include "core/live_queue.h"
#include "gpu/picture.h"
#include "graph/error.h"
#include "graph/executor.h"
#include "vulkan/session.h"

namespace unblur {

/// What a side can show.
enum class Pick : std::uint8_t { kInput, kModel1, kModel2, kReference, kFile };
inline constexpr int kPicks = 5;
[[nodiscard]] const char* pick_name(Pick pick);

/// What the person wants; copied to the processing thread.
struct Wanted {
  std::array<std::string, 2> models;  ///< file or name; empty: none
  std::string second_file;
  std::array<bool, kPicks> picks{true, false, false, false, false};  ///< what a side shows now
  Precision precision = Precision::kAuto;
  int scale_percent = 100;  ///< of the picture that models get
  bool motion = false;
  bool time_nodes = false;
};

/// What one pick shows of a frame.
struct Outcome {
  PicturePtr after;
  PicturePtr before;  ///< the model's smaller input; null where it got the whole picture
  std::string fault;  ///< why there is no picture
};

/// A processed frame. Everything stays valid as long as it is held.
struct Shown {
  std::int64_t index = 0;  ///< in the source
  double seconds = 0;      ///< its time there
  double captured = 0;     ///< s, steady clock
  StreamInfo info;         ///< of the source, with this frame's format
  PicturePtr base;
  std::array<Outcome, kPicks> outcomes;
  MotionPtr motion;
  double compute_ms = 0;        ///< wall time of all models
  double gpu_ms = 0;            ///< on the device
  std::vector<NodeTime> times;  ///< by stage, the largest first
  std::uint64_t picture_bytes = 0;
};
using ShownPtr = std::shared_ptr<const Shown>;

/// What is known of a bound model.
struct ModelStatus {
  std::string name, file;
  std::string problem;               ///< why it cannot run; empty: it runs
  ExitCode error = ExitCode::kDone;  ///< class of the problem
  std::shared_ptr<const Model> model;
  PlanReport plan;
  bool has_motion = false;
};

class Processor {
 public:
  explicit Processor(Gpu& gpu) : gpu_(gpu), pictures_(gpu) {}

  // ---- any thread ----
  void want(const Wanted& wanted);
  [[nodiscard]] ModelStatus model_status(int which) const;
  [[nodiscard]] std::string problem(Pick pick) const;  ///< why a pick shows nothing; empty: nothing wrong
  /// s (steady clock) since when something is being computed; 0: nothing is.
  [[nodiscard]] double busy_since() const noexcept { return busy_since_; }
  [[nodiscard]] std::string busy_with() const;
  [[nodiscard]] std::uint64_t picture_bytes() const { return pictures_.bytes(); }
  /// The sessions are made anew at the next frame, after a failure.
  void forget();
  /// For good: what is computed is given up between two slices.
  void cancel() noexcept { cancelled_ = true; }

  // ---- the processing thread ----
  enum class Change : std::uint8_t { kNone, kWishes, kOffsets };
  /// Follows what is wanted: opens models. kOffsets: the queue must follow.
  Change update();
  [[nodiscard]] int min_offset() const noexcept { return min_offset_; }
  [[nodiscard]] int max_offset() const noexcept { return max_offset_; }
  /// The frame without anything that a model makes of it.
  [[nodiscard]] std::shared_ptr<Shown> input_of(const FrameWindow& window, const StreamInfo& info);
  /// Throws what no frame can be shown after: device lost, out of memory for the picture itself.
  [[nodiscard]] ShownPtr process(const FrameWindow& window, const StreamInfo& info);

 private:
  struct Runner {
    std::string wanted_file;
    std::shared_ptr<const Model> model;
    std::unique_ptr<vk::VulkanSession> session;
    std::optional<FrameFormat> bound;  ///< of the session's frames
    Precision precision = Precision::kAuto;
    bool motion = false, times = false;
    ModelStatus status;
  };

  void open_model(int which, const std::string& name);
  void bind(Runner& runner, const FrameFormat& format);
  Outcome run_model(Runner& runner, const FrameWindow& window, bool fresh, Shown& shown);
  Outcome run_reference(const FrameWindow& window, bool fresh);
  Outcome read_second_file(const SourceFrame& frame);
  [[nodiscard]] std::vector<const Frame*> window_of(const FrameWindow& window, int first, int last);
  void set_busy(const std::string& what);
  void set_status(int which, const ModelStatus& status);

  Gpu& gpu_;
  Pictures pictures_;
  mutable std::mutex mutex_;  ///< guards the next five
  Wanted wanted_;
  bool changed_ = true, forget_ = false;
  std::array<ModelStatus, 2> status_;
  std::array<std::string, kPicks> problems_;
  std::string busy_with_;
  std::atomic<double> busy_since_{0};
  std::atomic<bool> cancelled_{false};

  Wanted now_;
  std::array<Runner, 2> runners_;
  std::unique_ptr<Backend> reference_;
  std::unique_ptr<Session> reference_session_;
  std::optional<FrameFormat> reference_bound_;
  std::unique_ptr<FileFrames> second_;
  std::string second_name_;
  std::map<std::int64_t, Frame> scaled_;  ///< smaller copies of the window's frames, by index
  std::atomic<int> min_offset_{0}, max_offset_{0};
};

}  // namespace unblur
