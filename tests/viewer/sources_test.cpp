// SPDX-License-Identifier: MIT
// Where pictures come from: files turned and sought, cameras that fail, what is read back meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "core/test_pattern.h"
#include "media/image_file.h"
#include "viewing.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

TEST(Sources, ASeekGivesTheBitsOfAFreshStartAtThatFrame) {
  const Viewing v;
  v.write_frames("frames", 20, 8);
  v.write_frames("fourth", 23, 1);
  v.write_frames("two", 23, 2);
  const Outcome o =
      v.run({"frames", "-m", "memory.safetensors", "--size", "320x180", "--view", "b"},
            "wait 1\nkey h\nkey p\nkey home\nwait 2\nexpect frame 0\nkey right\nwait 1\nkey right\nwait 1\n"
            "key right\nwait 1\nkey right\nwait 1\nexpect frame 4\nscreenshot played.png\n"
            "key left\nwait 1\nexpect frame 3\nscreenshot sought.png\n"
            "key right\nwait 1\nexpect frame 4\nscreenshot next.png\n"
            "key l\nopen fourth\nwait 2\nexpect frame 0\nscreenshot fresh.png\n"
            "open two\nwait 3\nexpect frame 1\nscreenshot second.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(worst(v.picture("sought.png"), v.picture("fresh.png")), 0);
  EXPECT_EQ(worst(v.picture("next.png"), v.picture("second.png")), 0);
  EXPECT_GT(worst(v.picture("next.png"), v.picture("played.png")), 2) << "the states were reset";
}

TEST(Sources, APhonesVideoStandsUpright) {
  const Viewing v;
  v.write_frames("frames", 5, 1);
  const Outcome made =
      Process(v.folder(), {"sh", "-c",
                           "ffmpeg -v error -framerate 25 -i frames/%d.png -c:v mjpeg -q:v 2 flat.mkv &&"
                           " ffmpeg -v error -i flat.mkv -c copy -metadata:s:v rotate=90 phone.mp4 &&"
                           " ffmpeg -v error -i phone.mp4 -frames:v 1 truth.png"})
          .wait();
  ASSERT_EQ(made.code, 0) << made.err;
  const Outcome o = v.run({"phone.mp4", "--size", "180x320", "--view", "a"},
                          "wait 1\nkey p\nkey h\nkey ctrl+1\nwait 1\nscreenshot upright.png\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame upright = v.picture("upright.png"), saved = v.picture(v.only_file("-a.png"));
  ASSERT_EQ(upright.format.width, 180);
  EXPECT_EQ(worst(upright, saved), 0);
  EXPECT_LT(mean_difference(upright, v.picture("truth.png")), 2) << "turned as ffmpeg turns it";
}

TEST(Sources, ARecordingHoldsWhatWasShown) {
  const Viewing v;
  const Outcome o =
      v.run({"pattern:320x180", "--size", "320x180", "--view", "a"},
            "wait 2\nkey h\nwait 1\nkey r\nwait 6\nexpect recording\nscreenshot last.png\nkey r\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const std::string file = v.only_file("-view.mp4");
  const TestPattern pattern(test_pattern_options("pattern:320x180"));
  int count = 0, before = -1;
  for (Frame f = v.frame_of(file, 0); !f.data.empty(); f = v.frame_of(file, ++count)) {
    ASSERT_EQ(f.format.width, 320);
    const std::optional<int> stamp = read_stamp(f);
    ASSERT_TRUE(stamp.has_value()) << count;
    EXPECT_GT(*stamp, before);
    EXPECT_LT(mean_difference(f, pattern.picture(*stamp, false)), 4) << count;
    before = *stamp;
  }
  EXPECT_GE(count, 6);
}

TEST(Counters, NoPixelIsReadBackInSteadyState) {
  const Viewing v;
  write_model(v / "deep.safetensors", deep_model(200));
  const Outcome o = v.run({"pattern:64x48", "--size", "700x300", "--motion", "paths", "-m",
                           "deep.safetensors", "-b", "deep.safetensors"},
                          "wait 3\nkey i\nclick 60 60\nwait 30\nexpect B-A\nquit\n",
                          {{"UNBLUR_VIEWER_COUNTERS", "counters.csv"}});
  ASSERT_EQ(o.code, 0) << o.err;
  std::istringstream lines(slurp(v / "counters.csv"));
  std::string names, line, last;
  std::getline(lines, names);
  ASSERT_EQ(names,
            "seconds,frames,vulkan_bytes,vulkan_allocations,vulkan_objects,vulkan_allocations_made,"
            "pixel_bytes_read,detail_bytes_read");
  while (std::getline(lines, line)) last = line;
  std::vector<double> values;
  std::istringstream cells(last);
  for (std::string cell; std::getline(cells, cell, ',');) values.push_back(std::stod(cell));
  ASSERT_EQ(values.size(), 8U) << last;
  EXPECT_GT(values[1], 30);
  EXPECT_EQ(values[6], 0);
  EXPECT_GT(values[7], 0) << "lengths of paths, statistics, time stamps, inspected pixels";
  EXPECT_LE(values[7] / values[1], 4096) << "two models of 200 steps each";
}

TEST(Camera, ModesAreChosenAndControlsReachIt) {
  const Viewing v;
  const Process::Environment fake{{"LD_PRELOAD", UNBLUR_FAKE_V4L2}};
  const Outcome o = v.run({"camera:9", "--camera-size", "320x180", "--size", "1000x900", "--view", "a"},
                          "wait 2\nexpect 320x180\nkey ctrl+1\nclick Modes...\nwait 1\n"
                          "click camera:9 MJPEG 640x360 60 fps\nwait 2\nexpect 640x360\nkey ctrl+1\n"
                          "click camera:9 YUYV 320x180 15 fps\nwait 2\nexpect 320x180\nclick Modes...\n"
                          "click Gain\nwait 4\nclick Mains\nwait 1\nclick 60 Hz\nwait 2\nkey f\n"
                          "key h\nkey 0\nwait 2\nscreenshot bright.png\nquit\n",
                          fake);
  ASSERT_EQ(o.code, 0) << o.err;
  // The ramp in the middle of a line; rows of 640x360 have the same luma at twice the height.
  const Frame bright = columns(v.picture("bright.png"), 340, 660);
  const auto grey = [](const Frame& f, int y) {
    std::vector<int> row;
    for (int x = 0; x < f.format.width; ++x) row.push_back(pixel(f, x, y)[1]);
    std::ranges::nth_element(row, row.begin() + std::ssize(row) / 2);
    return row[row.size() / 2];
  };
  int saved = 0;
  for (const auto& entry : fs::directory_iterator(v.folder())) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with("-a.png")) continue;
    ++saved;
    const Frame f = v.picture(name);
    EXPECT_NEAR(grey(f, f.format.height / 2), 78, 4) << name << ": 75 of YUYV, 80 of MJPEG";
  }
  EXPECT_GE(saved, 1);
  EXPECT_GT(grey(bright, 450), 100) << "the gain was turned up";
  const Outcome other = v.run({"camera:9", "--size", "320x180"}, "wait 2\nexpect 200x100\nquit\n",
                              {{"LD_PRELOAD", UNBLUR_FAKE_V4L2}, {"UNBLUR_FAKE_V4L2_ANSWER", "200x100"}});
  EXPECT_EQ(other.code, 0) << other.err;
}

}  // namespace
}  // namespace unblur::test
