// SPDX-License-Identifier: MIT
// Where frames come from and go to: video files, pictures, pipes and cameras behind two interfaces.
// A source or a sink is used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "graph/frame.h"
#include "graph/tensor.h"

namespace unblur {

/// An exact fraction; `den` 0 means unknown.
struct Rational {
  std::int64_t num = 0, den = 0;
  [[nodiscard]] bool known() const noexcept { return num != 0 && den != 0; }
  [[nodiscard]] double value() const noexcept {
    return den == 0 ? 0.0 : static_cast<double>(num) / static_cast<double>(den);
  }
  bool operator==(const Rational&) const = default;
};

/// A picture with its place in time.
struct TimedFrame {
  Frame frame;
  std::int64_t index = 0;     ///< position in the source, from 0
  std::int64_t pts = 0;       ///< in units of StreamInfo::time_base
  std::int64_t duration = 0;  ///< same unit, 0 unknown
  std::string name;           ///< file name of a still picture, empty otherwise
};

struct StreamInfo {
  std::string name;    ///< as the user wrote it, for messages
  std::string kind;    ///< "video", "picture", "folder", "y4m", "camera"
  std::string codec;   ///< "h264", "png", "" for raw samples
  FrameFormat format;  ///< of the first frame; pictures of a folder may differ from it
  Rational time_base{1, 25};
  Rational frame_rate{25, 1};          ///< average; den 0 where it varies without a known mean
  Rational sample_aspect{1, 1};        ///< width : height of one sample
  std::optional<std::int64_t> frames;  ///< how many, where it is known beforehand
  int rotation = 0;                    ///< degrees clockwise that a player turns the picture: 0, 90, 180, 270
  bool live = false;                   ///< a camera: frames that nobody takes are lost
};

class FrameSource {
 public:
  virtual ~FrameSource() = default;
  [[nodiscard]] virtual const StreamInfo& info() const = 0;
  /// The next frame, or false at the end. Throws InputError on damage that hides the rest.
  virtual bool read(TimedFrame& out) = 0;
  /// What was wrong although frames came to the end (input cut off), or nothing.
  [[nodiscard]] virtual std::optional<std::string> damage() const { return std::nullopt; }
};

/// All that is needed to go on after `frames` frames of output as if nothing had happened.
struct Checkpoint {
  std::int64_t frames = 0;  ///< output frames that are safely stored
  TensorMap states;         ///< of the session after that frame; empty where the backend cannot tell
};

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// Throws ProcessingError (disk full, encoder failure); what was stored before stays.
  virtual void write(const TimedFrame& frame) = 0;
  /// All frames are written: the output gets its name.
  virtual void finish() = 0;
  /// The run was interrupted: closes what exists as a playable `<name>.part`.
  virtual void close_partial() {}

  /// A checkpoint is wanted after every so many frames; 0 = never.
  [[nodiscard]] virtual int checkpoint_interval() const { return 0; }
  virtual void checkpoint(const Checkpoint&) {}
  /// Where an earlier run stopped (frames 0: at the beginning).
  [[nodiscard]] virtual Checkpoint resume_point() { return {}; }
};

}  // namespace unblur
