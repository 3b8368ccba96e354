// SPDX-License-Identifier: MIT
// Any frame of a video, reached by a seek, is the frame that reading from the start gives.
#include <gtest/gtest.h>

#include <random>

#include "clips.h"
#include "core/inputs.h"
#include "graph/error.h"
#include "media/ffmpeg/video.h"

namespace unblur::test {
namespace {

std::vector<TimedFrame> read_all(FrameSource& source) {
  std::vector<TimedFrame> frames;
  for (TimedFrame f; source.read(f);) frames.push_back(f);
  return frames;
}

void expect_same(const TimedFrame& a, const TimedFrame& b) {
  EXPECT_EQ(a.index, b.index);
  EXPECT_EQ(a.pts, b.pts);
  EXPECT_EQ(a.duration, b.duration);
  EXPECT_EQ(a.frame.format, b.frame.format);
  EXPECT_TRUE(a.frame.data == b.frame.data) << "frame " << b.index;
}

void check_seeks(const std::string& file) {
  SCOPED_TRACE(file);
  const std::vector<TimedFrame> truth = read_all(*open_video(file));
  ASSERT_GT(truth.size(), 20U);
  const auto video = open_video(file);
  auto* seek = dynamic_cast<SeekableSource*>(video.get());
  ASSERT_NE(seek, nullptr);
  const auto count = static_cast<std::int64_t>(truth.size());
  std::vector<std::int64_t> targets{5, 6, 3, 0, count - 1, 0, count / 2, count / 2 + 1, 1, count - 2};
  std::mt19937 random(1);
  for (int i = 0; i < 10; ++i) targets.push_back(static_cast<std::int64_t>(random() % truth.size()));
  for (const std::int64_t target : targets) {
    seek->seek(target);
    TimedFrame f;
    ASSERT_TRUE(video->read(f)) << target;
    expect_same(f, truth[static_cast<std::size_t>(target)]);
    if (target + 1 >= count) continue;
    ASSERT_TRUE(video->read(f));
    expect_same(f, truth[static_cast<std::size_t>(target) + 1]);
  }
  TimedFrame f;
  seek->seek(count);
  EXPECT_FALSE(video->read(f));
  seek->seek(count + 100);
  EXPECT_FALSE(video->read(f));
  seek->seek(2);
  ASSERT_TRUE(video->read(f)) << "back from the end";
  expect_same(f, truth[2]);
  EXPECT_FALSE(video->damage().has_value());
  EXPECT_THROW(seek->seek(-1), UsageError);
}

TEST(VideoSeek, IsBitEqualToReadingFromTheStart) {
  if (!have_ffmpeg()) GTEST_SKIP() << "no ffmpeg";
  const Sandbox box;
  const std::string from = "-f lavfi -i testsrc2=s=96x64:r=25:d=1.6 -pix_fmt yuv420p ";
  const std::vector<std::pair<std::string, std::string>> clips{
      {"b.mp4", "-c:v libx264 -g 12 -bf 3"},
      {"open.mkv", "-c:v libx264 -g 12 -bf 3 -x264-params open-gop=1"},
      {"one.mp4", "-c:v libx264 -g 999"},
      {"hevc.mp4", "-c:v libx265 -x265-params log-level=none:keyint=10"},
      {"mpeg2.mpg", "-c:v mpeg2video -g 12 -bf 2"},
      {"ts.ts", "-c:v libx264 -g 12 -bf 2"},
      {"avi.avi", "-c:v mpeg4 -g 12 -bf 2"},
      {"intra.mov", "-c:v mjpeg -pix_fmt yuvj420p"},
      {"vp9.webm", "-c:v libvpx-vp9 -g 12 -deadline realtime -cpu-used 8"}};
  for (const auto& [name, options] : clips) {
    std::string words = from;
    words.append(options).append(" ").append(name);
    ffmpeg(box, words);
    check_seeks((box / name).string());
  }
  ffmpeg(box, "-ss 0.5 -i b.mp4 -c copy cut.mp4");  // an edit list: frames that are decoded and never shown
  check_seeks((box / "cut.mp4").string());
}

TEST(VideoSeek, WorksOnARealClip) { check_seeks(std::string(UNBLUR_CLIPS) + "/realshort_320x240.mp4"); }

TEST(SecondFile, GivesFramesByNumber) {
  FileFrames file(std::string(UNBLUR_CLIPS) + "/realshort_320x240.mp4");
  const std::vector<TimedFrame> truth = read_all(*open_video(file.info().name));
  for (const std::int64_t n : {0, 1, 1, 2, 9, 4}) {
    const TimedFrame* f = file.at(n);
    ASSERT_NE(f, nullptr);
    expect_same(*f, truth[static_cast<std::size_t>(n)]);
  }
  EXPECT_EQ(file.at(static_cast<std::int64_t>(truth.size())), nullptr);
  EXPECT_EQ(file.at(-1), nullptr);
  ASSERT_NE(file.at(3), nullptr);
  EXPECT_EQ(file.at(3)->index, 3);
}

}  // namespace
}  // namespace unblur::test
