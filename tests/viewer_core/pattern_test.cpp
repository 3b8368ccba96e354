// SPDX-License-Identifier: MIT
// The test pattern against an integral over time by brute force.
#include "core/test_pattern.h"

#include <gtest/gtest.h>

#include <cmath>

#include "graph/colour.h"
#include "graph/error.h"

namespace unblur::test {
namespace {

TestPatternOptions small(double blur) {
  TestPatternOptions o;
  o.width = 160;
  o.height = 120;
  o.blur = blur;
  return o;
}

TEST(Pattern, BlurIsTheMeanOverTheExposure) {
  constexpr int kSamples = 201;
  // Frame n of the fine pattern stands where the coarse one stands at time n / kSamples, since both move
  // without a pause between exposures. The fourth tile turns and has no such twin.
  TestPatternOptions coarse = small(12), fine = small(12.0 / kSamples);
  coarse.exposure = fine.exposure = 1;
  const TestPattern blurred(coarse), sharp(fine);
  const Frame seen = blurred.picture(3, false);
  std::vector<double> mean(seen.data.size());
  for (int k = 0; k < kSamples; ++k) {
    const Frame at = sharp.picture(3 * kSamples - kSamples / 2 + k, true);
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean[i] += static_cast<double>(static_cast<int>(at.data[i])) / kSamples;
  }
  double worst = 0;
  for (int y = 0; y < 120 - 8; ++y) {
    for (int x = 0; x < (y < 60 ? 160 : 80); ++x) {
      for (int c = 0; c < 3; ++c) {
        const auto i = static_cast<std::size_t>(3 * (y * 160 + x) + c);
        worst = std::max(worst, std::abs(mean[i] - static_cast<int>(seen.data[i])));
      }
    }
  }
  EXPECT_LT(worst, 1.1) << "two roundings";
  const Frame still = blurred.picture(3, true);
  double change = 0;
  for (std::size_t i = 0; i < mean.size(); ++i)
    change += std::abs(static_cast<int>(still.data[i]) - static_cast<int>(seen.data[i]));
  EXPECT_GT(change / static_cast<double>(mean.size()), 2) << "the blur is there to be seen";
}

TEST(Pattern, ItsMotionCarriesOneFrameToTheNext) {
  TestPatternOptions o = small(12);
  o.exposure = 1;  // the motion of an exposure is that between two frames
  const TestPattern pattern(o);
  const Frame now = pattern.picture(5, true), next = pattern.picture(6, true);
  double worst = 0;
  for (int y = 20; y < 50; ++y) {
    for (int x = 10; x < 70; ++x) {
      const Motion m = pattern.motion(5, x, y);
      ASSERT_EQ(m, (Motion{12, 0}));
      const auto from = static_cast<std::size_t>(3 * (y * 160 + x)), to = from + 36;
      if (x + 12 < 80)
        worst = std::max(worst,
                         std::abs(static_cast<int>(now.data[from]) - static_cast<int>(next.data[to])) * 1.0);
    }
  }
  EXPECT_LE(worst, 1);
  const Motion turning = pattern.motion(10, 150, 110);
  EXPECT_NEAR(std::hypot(turning.dx, turning.dy), 12, 1e-4);
  EXPECT_NEAR(turning.dy, 12, 1e-4) << "10 frames of 9 degrees: straight down";
}

TEST(Pattern, ControlOffsetsAreTheMotionSeenAsAGather) {
  const TestPattern pattern(small(8));
  TrajectoryInfo info;
  info.mode = "quad";
  info.points = 15;
  const TrajectoryField field(info, {4, 120, 160}, pattern.control(2));
  for (const auto& [x, y] : {std::pair{5, 5}, {100, 5}, {5, 100}, {155, 115}}) {
    const Motion m = pattern.motion(2, x, y), whole = field.whole(x, y);
    EXPECT_NEAR(whole.dx, m.dx, 1e-4);
    EXPECT_NEAR(whole.dy, m.dy, 1e-4);
    EXPECT_NEAR(field.length(x, y), 8, 1e-3);
  }
}

TEST(Pattern, ShowsItsNumber) {
  for (const auto& [w, h] : {std::pair{32, 32}, {320, 180}, {641, 361}}) {
    TestPatternOptions o;
    o.width = w;
    o.height = h;
    TestPattern pattern(o);
    for (const int n : {0, 1, 1234, 65535, 65536 + 7}) {
      pattern.seek(n);
      TimedFrame frame;
      ASSERT_TRUE(pattern.read(frame));
      EXPECT_EQ(frame.index, n);
      EXPECT_EQ(read_stamp(frame.frame), n % 65536);
    }
  }
  EXPECT_FALSE(read_stamp(Frame(FrameFormat{PixelLayout::kRgb, 8, 64, 64, {}})).has_value());
}

TEST(Pattern, Names) {
  EXPECT_EQ(test_pattern_options("pattern").width, 640);
  const TestPatternOptions o = test_pattern_options("pattern:320x180@25");
  EXPECT_EQ(o.width, 320);
  EXPECT_EQ(o.height, 180);
  EXPECT_EQ(o.rate, (Rational{25, 1}));
  for (const char* wrong :
       {"pattern:", "pattern:320", "pattern:320x", "pattern:8x8", "pattern:320x180@0", "pattern:320x180@25x"})
    EXPECT_THROW((void)test_pattern_options(wrong), UsageError) << wrong;
}

}  // namespace
}  // namespace unblur::test
