// SPDX-License-Identifier: MIT
// Colour survives: through the RGB that models see and back, and through a lossless video file.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "graph/colour.h"
#include "scratch.h"
#ifdef UNBLUR_WITH_FFMPEG
#include "media/ffmpeg/video.h"
#endif

namespace unblur::test {
namespace {

std::vector<FrameFormat> formats() {
  std::vector<FrameFormat> all;
  for (const int bits : {8, 10}) {
    for (const PixelLayout layout : {PixelLayout::kYuv420, PixelLayout::kYuv422, PixelLayout::kYuv444}) {
      for (const ColourRange range : {ColourRange::kLimited, ColourRange::kFull}) {
        for (const ColourMatrix matrix : {ColourMatrix::kBt601, ColourMatrix::kBt709, ColourMatrix::kBt2020})
          all.push_back({layout, bits, 48, 32, {range, matrix, ChromaLocation::kLeft}});
      }
    }
  }
  return all;
}

std::string name_of(const FrameFormat& f) {
  return std::to_string(f.bit_depth) + " bits, layout " + std::to_string(static_cast<int>(f.layout)) +
         ", range " + std::to_string(static_cast<int>(f.colour.range)) + ", matrix " +
         std::to_string(static_cast<int>(f.colour.matrix));
}

/// Largest difference in code values, `border` samples of each plane left out.
int largest_difference(const Frame& a, const Frame& b, int border) {
  int worst = 0;
  for (int p = 0; p < a.format.plane_count(); ++p) {
    const int w = a.format.plane_width(p), h = a.format.plane_height(p);
    for (int y = border; y < h - border; ++y) {
      for (int x = border; x < w - border; ++x)
        worst = std::max(worst, std::abs(sample(a, p, y * w + x) - sample(b, p, y * w + x)));
    }
  }
  return worst;
}

TEST(RoundTrip, ThroughRgbWithinOneCodeValue) {
  for (const FrameFormat& format : formats()) {
    const Frame frame = gradients(format, 0), other = gradients(format, 9);
    const std::vector<float> rgb = frame_to_rgb(frame), rgb_other = frame_to_rgb(other);
    // The network's output replaces another picture whole, so that every sample goes through the matrices.
    EXPECT_LE(largest_difference(apply_correction(other, rgb_other, rgb, 1.0F), frame, 2), 1)
        << name_of(format);
    EXPECT_GT(largest_difference(other, frame, 2), 5) << name_of(format);
    // An identity model, and strength 0 with any model, change nothing at all.
    EXPECT_EQ(apply_correction(frame, rgb, rgb, 1.0F).data, frame.data) << name_of(format);
    EXPECT_EQ(apply_correction(frame, rgb, rgb_other, 0.0F).data, frame.data) << name_of(format);
  }
}

#ifdef UNBLUR_WITH_FFMPEG
class OneFrame : public FrameSource {
 public:
  explicit OneFrame(const FrameFormat& format) { info_.format = format; }
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame&) override { return false; }

 private:
  StreamInfo info_;
};

TEST(RoundTrip, ThroughALosslessVideoBitForBitWithItsColourDescription) {
  const Scratch folder;
  const std::string path = folder / "clip.mkv";
  for (const FrameFormat& format : formats()) {
    const Frame frame = gradients(format);
    const OneFrame source(format);
    VideoWriteOptions options;
    options.codec = "ffv1";
    const auto sink = create_video(path, source, options);
    for (int i = 0; i < 2; ++i) sink->write({frame, i, i, 1, {}});
    sink->finish();
    const auto back = open_video(path);
    EXPECT_EQ(back->info().format.layout, format.layout) << name_of(format);
    EXPECT_EQ(back->info().format.bit_depth, format.bit_depth) << name_of(format);
    EXPECT_EQ(back->info().format.colour.range, format.colour.range) << name_of(format);
    EXPECT_EQ(back->info().format.colour.matrix, format.colour.matrix) << name_of(format);
    TimedFrame f;
    for (int i = 0; i < 2; ++i) {
      ASSERT_TRUE(back->read(f));
      EXPECT_EQ(f.frame.data, frame.data) << name_of(format);
    }
    EXPECT_FALSE(back->read(f));
    EXPECT_EQ(back->damage(), std::nullopt);
  }
}
#endif

}  // namespace
}  // namespace unblur::test
