// SPDX-License-Identifier: MIT
// Clips of an exposure and recordings, read back.
#include "core/export.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/test_pattern.h"
#include "graph/colour.h"
#include "graph/error.h"
#include "media/ffmpeg/video.h"
#include "media/image_sequence.h"
#include "scratch.h"

namespace unblur::test {
namespace {

TestPatternOptions tiny() {
  TestPatternOptions o;
  o.width = 96;
  o.height = 64;
  o.blur = 8;
  return o;
}

TrajectoryField field_of(const TestPattern& pattern) {
  TrajectoryInfo info;
  info.mode = "quad";
  info.points = 15;
  return {info, {4, 64, 96}, pattern.control(0)};
}

TEST(ExposureTimes, GoOnceOrThereAndBack) {
  ExposureClip clip;
  clip.frames = 3;
  EXPECT_EQ(exposure_times(clip), (std::vector<double>{0, 0.5, 1}));
  clip.reverse = true;
  EXPECT_EQ(exposure_times(clip), (std::vector<double>{1, 0.5, 0}));
  clip.both_ways = true;
  EXPECT_EQ(exposure_times(clip), (std::vector<double>{1, 0.5, 0, 0.5}));
  clip.frames = 1;
  EXPECT_THROW((void)exposure_times(clip), UsageError);
}

TEST(ExposureAt, MovesTheSharpPictureAlongItsTrajectory) {
  const TestPattern pattern(tiny());
  const Frame sharp = pattern.picture(0, true);
  const std::vector<float> rgb = frame_to_rgb(sharp);
  const std::vector<float> end = exposure_at(rgb, field_of(pattern), 1.0),
                           middle = exposure_at(rgb, field_of(pattern), 0.5);
  EXPECT_EQ(middle, rgb);
  // Content of the upper left tile goes 4 px to the right until the end.
  for (int x = 8; x < 44; ++x) {
    const auto at = static_cast<std::size_t>(10 * 96 + x);
    EXPECT_NEAR(end[at], rgb[at - 4], 1e-5);
  }
}

TEST(ExposureExport, WritesWhatTheEndingSays) {
  const Scratch scratch;
  const TestPattern pattern(tiny());
  const std::vector<float> rgb = frame_to_rgb(pattern.picture(0, true));
  ExposureClip clip;
  clip.frames = 5;
  clip.both_ways = true;
  clip.rotation = 90;
  for (const char* name : {"a.gif", "a.mp4", "frames/"}) {
    SCOPED_TRACE(name);
    export_exposure(scratch / name, rgb, field_of(pattern), clip);
    const std::string path = scratch / name;
    std::unique_ptr<FrameSource> back;
    if (path.ends_with('/')) {
      back = std::make_unique<PictureSource>(path);
    } else {
      back = open_video(path);
    }
    EXPECT_EQ(back->info().format.width, 64) << "upright";
    EXPECT_EQ(back->info().format.height, 96);
    int frames = 0;
    for (TimedFrame f; back->read(f);) ++frames;
    EXPECT_EQ(frames, 8);
  }
  export_exposure(scratch / "a.gif", rgb, field_of(pattern), clip);  // again, over the old one
  EXPECT_THROW(export_exposure(scratch / "a.nonsense", rgb, field_of(pattern), clip), Error);
}

TEST(Recorders, KeepEveryFrameOrDropRatherThanWait) {
  const Scratch scratch;
  const TestPattern pattern(tiny());
  {
    Recorder recorder(scratch / "r.mp4", 96, 64, 30, true);
    for (int i = 0; i < 20; ++i) recorder.add(pattern.picture(i, true), 5 + i / 30.0);
    recorder.add(pattern.picture(0, true), 5 + 19 / 30.0);  // the same moment again
    EXPECT_THROW(recorder.add(Frame(FrameFormat{PixelLayout::kRgb, 8, 64, 64, {}}), 9), ProcessingError);
    recorder.finish();
    EXPECT_EQ(recorder.written(), 20);
    EXPECT_EQ(recorder.dropped(), 0);
  }
  const auto back = open_video(scratch / "r.mp4");
  int frames = 0;
  double last = 0;
  for (TimedFrame f; back->read(f); ++frames)
    last = static_cast<double>(f.pts) * back->info().time_base.value();
  EXPECT_EQ(frames, 20);
  EXPECT_NEAR(last, 19 / 30.0, 1e-3);
  {
    Recorder interrupted(scratch / "i.mp4", 96, 64, 30, true);
    for (int i = 0; i < 3; ++i) interrupted.add(pattern.picture(i, true), i);
  }
  EXPECT_FALSE(std::filesystem::exists(scratch / "i.mp4"));
  EXPECT_TRUE(std::filesystem::exists(scratch / "i.mp4.part"));
  EXPECT_THROW(Recorder(scratch / "no/such/r.mp4", 96, 64, 30, false), Error);
}

}  // namespace
}  // namespace unblur::test
