// SPDX-License-Identifier: MIT
// A moving picture whose blur is known exactly. Four tiles, each a window into a texture of plane waves that
// moves along a straight line during an exposure, at constant speed:
//
//   tile         motion per exposure              a wave a cos(k p + phi) after the exposure, with p the
//   place upper left   `blur` px to the right           and d the motion: a sinc(k d / 2) cos(k p + phi)
//   upper right  `blur` px down                   with sinc(x) = sin(x) / x, the integral over the line.
//   lower left   `blur` px to the lower right
//   lower right  `blur` px, turning by 9 degrees a frame
//
// The lower left corner shows the frame's number as bits that do not move.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "drawing/field.h"
#include "media/seekable.h"

namespace unblur {

struct TestPatternOptions {
  int width = 640, height = 360;
  Rational rate{30, 1};
  double blur = 12;       ///< px per exposure
  double exposure = 0.5;  ///< share of the time between two frames
};

/// "pattern", "pattern:320x180" or "pattern:320x180@25". Throws UsageError; 32x32 to 8192x8192, 1 to 1000
/// fps.
[[nodiscard]] TestPatternOptions test_pattern_options(std::string_view name);

class TestPattern : public SeekableSource {
 public:
  explicit TestPattern(const TestPatternOptions& options);

  /// kind "pattern", 8-bit RGB, without an end.
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame& out) override;
  void seek(std::int64_t index) override;

  /// Frame `index` as a camera sees it, or as it was at the middle of the exposure.
  [[nodiscard]] Frame picture(std::int64_t index, bool sharp) const;
  /// Of the content at a pixel over the exposure.
  [[nodiscard]] Motion motion(std::int64_t index, int x, int y) const;
  /// The same as control offsets [4,height,width] of graph/exposure.h.
  [[nodiscard]] std::vector<float> control(std::int64_t index) const;

 private:
  struct Vector {
    double x = 0, y = 0;
  };
  [[nodiscard]] int tile_at(int x, int y) const;
  [[nodiscard]] Vector motion_of(int tile, std::int64_t index) const;
  [[nodiscard]] Vector place_of(int tile, std::int64_t index) const;
  void render(Frame& out, int tile, std::int64_t index, bool sharp) const;
  void stamp(Frame& out, std::int64_t index) const;

  TestPatternOptions options_;
  StreamInfo info_;
  std::vector<float> cosines_, sines_;  ///< of every wave along x, [wave][x]
  std::int64_t next_ = 0;
};

/// The number modulo 65536 that a picture of the pattern (8-bit RGB, whole) shows; nothing where none is.
[[nodiscard]] std::optional<int> read_stamp(const Frame& rgb);

}  // namespace unblur
