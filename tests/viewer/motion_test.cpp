// SPDX-License-Identifier: MIT
// Maps, paths, arrows and the exposure scrubber, by their pixels: the model claims one motion everywhere.
#include <gtest/gtest.h>

#include "core/test_pattern.h"
#include "drawing/colours.h"
#include "viewing.h"

namespace unblur::test {
namespace {

constexpr int kAcross = 320, kDown = 180, kGrid = 16;
constexpr float kFullScale = 32;  // px, as long as nobody changes it

std::array<float, 3> codes(const Colour& c) { return {255 * c.r, 255 * c.g, 255 * c.b}; }

/// Largest distance from 80 % of one colour over a picture.
double off_the_map(const Frame& map, const Frame& below, const Colour& colour) {
  double most = 0;
  for (int y = 0; y < kDown; ++y) {
    for (int x = 0; x < kAcross; ++x) {
      for (std::size_t c = 0; c < 3; ++c) {
        const double wanted = 0.8 * codes(colour).at(c) + 0.2 * pixel(below, x, y).at(c);
        most = std::max(most, std::abs(pixel(map, x, y).at(c) - wanted));
      }
    }
  }
  return most;
}

/// Largest distance from a colour at the same place of every cell of the grid, `along` px from its middle.
double off_the_grid(const Frame& lines, int along, const Colour& colour) {
  double most = 0;
  for (int y = kGrid / 2; y < kDown - kGrid; y += kGrid) {
    for (int x = kGrid / 2; x < kAcross; x += kGrid) {
      for (std::size_t c = 0; c < 3; ++c)
        most = std::max<double>(
            most, std::abs(static_cast<float>(pixel(lines, x + along, y).at(c)) - codes(colour).at(c)));
    }
  }
  return most;
}

/// The picture moved to the right, compared where it has come from inside.
int worst_moved(const Frame& moved, const Frame& still, int by) {
  return worst(columns(moved, 16 + by, kAcross - 16 + by), columns(still, 16, kAcross - 16));
}

TEST(Motion, MapsPathsAndArrowsShowTheClaimedMotion) {
  const Viewing v;
  const Outcome o = v.run(
      {"pattern:320x180", "--size", "320x180", "--view", "b", "--motion", "middlebury"},
      "wait 2\nkey h\nkey space\nscreenshot middlebury.png\nkey m\nscreenshot hsv.png\nkey m\nscreenshot "
      "none.png\n"
      "key m\nscreenshot paths.png\nkey m\nscreenshot arrows.png\nkey m\nkey h\nexpect 320x180\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame none = v.picture("none.png");
  const Motion share{kClaimedMotion / kFullScale, 0};
  EXPECT_LE(off_the_map(v.picture("middlebury.png"), none, middlebury_colour(share)), 4);
  EXPECT_LE(off_the_map(v.picture("hsv.png"), none, hsv_colour(share)), 4);
  // From 4 px before the middle to 4 px behind it, in the colour of the time; below lies a rim.
  const Frame paths = v.picture("paths.png"), arrows = v.picture("arrows.png");
  for (const int along : {-1, 0, 1, 2})
    EXPECT_LE(off_the_grid(paths, along, time_colour((static_cast<float>(along) + 0.5F) / 4)), 16) << along;
  EXPECT_EQ(worst(columns(paths, 14, 16), columns(none, 14, 16)), 0) << "nothing is drawn between the paths";
  EXPECT_LE(off_the_grid(arrows, 0, {1.0F, 0.86F, 0.35F}), 6);
}

TEST(Motion, TheExposureMovesThePictureAndIsSaved) {
  const Viewing v;
  const std::string later = "key >\nkey >\nkey >\nkey >\nkey >\n",
                    earlier = "key <\nkey <\nkey <\nkey <\nkey <\n";
  const Outcome o = v.run({"pattern:320x180", "--size", "800x1000", "--view", "b"},
                          "wait 1\nkey e\nwait 2\nkey space\nkey ctrl+2\nclick Source\nclick Motion\nwait 2\n"
                          "click Save GIF\nclick Save MP4\n" +
                              later + "key h\nkey 0\nwait 1\nscreenshot end.png\n" + earlier + earlier +
                              "screenshot start.png\n" + later +
                              "screenshot middle.png\nkey e\nkey z\nkey 0\n"
                              "screenshot off.png\nexpect frozen\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame middle = v.picture("middle.png"), saved = v.picture(v.only_file("-b.png"));
  ASSERT_EQ(saved.format.width, kAcross);
  // One to one in the middle of 800 x 1000.
  const auto cut = [](const Frame& f) {
    Frame rows = columns(f, 240, 560);
    Frame result(FrameFormat{.layout = PixelLayout::kRgb, .width = kAcross, .height = kDown});
    std::copy_n(rows.data.begin() + 410 * 3 * kAcross, result.data.size(), result.data.begin());
    return result;
  };
  const Frame still = cut(middle), start = cut(v.picture("start.png")), end = cut(v.picture("end.png"));
  EXPECT_EQ(worst(still, saved), 0) << "side B as it was saved";
  EXPECT_EQ(worst(still, cut(v.picture("off.png"))), 0) << "the middle of the exposure does not move";
  EXPECT_LE(worst_moved(end, still, 4), 1);
  EXPECT_LE(worst_moved(start, still, -4), 1);
  EXPECT_GT(worst(end, still), 30);
  for (const char* ending : {".gif", ".mp4"}) {
    const std::string file = v.only_file(ending);
    const Frame first = v.frame_of(file, 0), last = v.frame_of(file, 23);
    ASSERT_FALSE(first.data.empty() || last.data.empty()) << ending;
    EXPECT_LT(mean_difference(first, start), 8) << ending;
    EXPECT_LT(mean_difference(last, end), 8) << ending;
    EXPECT_GT(mean_difference(first, end), 2 * mean_difference(first, start)) << ending;
    EXPECT_TRUE(v.frame_of(file, 24).data.empty());
  }
}

}  // namespace
}  // namespace unblur::test
