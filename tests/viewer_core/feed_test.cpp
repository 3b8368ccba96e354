// SPDX-License-Identifier: MIT
// Files and the test pattern on a clock that the test moves.
#include "core/feed.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/feed_thread.h"
#include "core/test_pattern.h"
#include "graph/error.h"
#include "media/image_file.h"
#include "scratch.h"

namespace unblur::test {
namespace {

constexpr double kStart = 100, kPeriod = 1.0 / 30;
constexpr const char* kSmall = "pattern:64x48";

/// The next frame; the test fails where none is due.
SourceFramePtr frame_at(Feed& feed, double now) {
  const Feed::Next next = feed.advance(now);
  EXPECT_EQ(next.what, Feed::Next::kFrame) << now;
  return next.frame;
}

void write_folder(const std::filesystem::path& folder, int count) {
  std::filesystem::create_directories(folder);
  FrameFormat format;
  format.width = format.height = 32;
  for (int i = 0; i < count; ++i)
    write_png(folder / ("frame" + std::to_string(i) + ".png"), gradients(format, i), 1);
}

TEST(FeedClock, FramesComeWhenTheyAreDueAndLateOnesAreLeftOut) {
  Feed feed(kSmall, {});
  const SourceFramePtr first = frame_at(feed, kStart);
  EXPECT_EQ(first->timed.index, 0);
  EXPECT_TRUE(first->fresh_start);
  const Feed::Next early = feed.advance(kStart + 0.5 * kPeriod);
  EXPECT_EQ(early.what, Feed::Next::kWait);
  EXPECT_NEAR(early.wake, kStart + kPeriod, 1e-9);
  const SourceFramePtr second = frame_at(feed, early.wake);
  EXPECT_EQ(second->timed.index, 1);
  EXPECT_FALSE(second->fresh_start);
  EXPECT_NEAR(second->captured, kStart + kPeriod, 1e-9);
  // 4.5 periods after the start frame 4 is the newest that is due.
  EXPECT_EQ(frame_at(feed, kStart + 4.5 * kPeriod)->timed.index, 4);
  EXPECT_EQ(feed.status().dropped, 2);
  EXPECT_EQ(feed.advance(kStart + 4.5 * kPeriod).what, Feed::Next::kWait);
}

TEST(FeedClock, GivesWayWhereDecodingCannotFollow) {
  Feed feed(kSmall, {});
  (void)frame_at(feed, kStart);
  const SourceFramePtr late = frame_at(feed, kStart + 10);
  EXPECT_LT(late->timed.index, 20);
  EXPECT_NEAR(late->captured, kStart + 10, 1e-9) << "its clock starts here";
  const Feed::Next next = feed.advance(kStart + 10.001);
  EXPECT_EQ(next.what, Feed::Next::kWait);
  EXPECT_NEAR(next.wake, kStart + 10 + kPeriod, 1e-6);
}

TEST(FeedClock, SpeedAndPause) {
  Feed feed(kSmall, {});
  (void)frame_at(feed, kStart);
  feed.set_speed(2, kStart);
  EXPECT_NEAR(feed.advance(kStart).wake, kStart + kPeriod / 2, 1e-9);
  EXPECT_EQ(frame_at(feed, kStart + kPeriod / 2)->timed.index, 1);
  feed.play(false, kStart + kPeriod / 2);
  EXPECT_EQ(feed.status().state, FeedState::kPaused);
  EXPECT_EQ(feed.advance(kStart + 50).what, Feed::Next::kEnd);
  EXPECT_FALSE(feed.at_end());
  feed.play(true, kStart + 60);
  EXPECT_NEAR(feed.advance(kStart + 60).wake, kStart + 60 + kPeriod / 2, 1e-9) << "no jump after a pause";
  const SourceFramePtr next = frame_at(feed, kStart + 60 + kPeriod / 2);
  EXPECT_EQ(next->timed.index, 2);
  EXPECT_FALSE(next->fresh_start);
}

TEST(FeedSteps, OneForwardGoesOnAndAllElseStartsAfresh) {
  Feed feed(kSmall, {});
  (void)frame_at(feed, kStart);
  feed.step(1);
  EXPECT_EQ(feed.status().state, FeedState::kPaused);
  const SourceFramePtr forward = frame_at(feed, kStart);
  EXPECT_EQ(forward->timed.index, 1);
  EXPECT_FALSE(forward->fresh_start);
  EXPECT_EQ(feed.advance(kStart + 9).what, Feed::Next::kEnd);
  feed.seek(10);
  const SourceFramePtr there = frame_at(feed, kStart + 9);
  EXPECT_EQ(there->timed.index, 10);
  EXPECT_TRUE(there->fresh_start);
  feed.step(-1);
  const SourceFramePtr back = frame_at(feed, kStart + 9);
  EXPECT_EQ(back->timed.index, 9);
  EXPECT_TRUE(back->fresh_start);
  feed.seek(5);
  feed.play(true, kStart + 10);
  EXPECT_EQ(frame_at(feed, kStart + 20)->timed.index, 5) << "what was asked for is shown, however late";
  EXPECT_NEAR(feed.advance(kStart + 20).wake, kStart + 20 + kPeriod, 1e-9);
}

TEST(FeedSteps, APausedFeedGivesAModelItsLookAhead) {
  FeedOptions options;
  options.look_ahead = 2;
  Feed feed(kSmall, options);
  feed.play(false, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(frame_at(feed, kStart)->timed.index, i);
  EXPECT_EQ(feed.status().index, 0);
  EXPECT_EQ(feed.advance(kStart).what, Feed::Next::kEnd);
  feed.seek(7);
  for (int i = 7; i < 10; ++i) EXPECT_EQ(frame_at(feed, kStart)->fresh_start, i == 7);
  EXPECT_EQ(feed.status().index, 7);
  EXPECT_NEAR(feed.status().seconds, 7 * kPeriod, 1e-9);
  feed.step(1);
  EXPECT_EQ(frame_at(feed, kStart)->timed.index, 10);
  EXPECT_EQ(feed.status().index, 8);
  feed.set_look_ahead(0);
  const SourceFramePtr again = frame_at(feed, kStart);
  EXPECT_EQ(again->timed.index, 8);
  EXPECT_TRUE(again->fresh_start);
}

TEST(FeedFolder, LoopsOnTheClockOrEnds) {
  const Scratch scratch;
  write_folder(scratch / "frames", 3);
  Feed feed(scratch / "frames", {});
  double now = kStart;
  for (int i = 0; i < 7; ++i) {
    const SourceFramePtr frame = frame_at(feed, now);
    EXPECT_EQ(frame->timed.index, i % 3);
    EXPECT_EQ(frame->fresh_start, i % 3 == 0) << i;
    const Feed::Next next = feed.advance(now);
    ASSERT_EQ(next.what, Feed::Next::kWait);
    EXPECT_NEAR(next.wake - now, 0.04, 1e-9) << "the seam is no longer than a frame";
    now = next.wake;
  }
  EXPECT_EQ(feed.status().duration, 3 / 25.0);

  FeedOptions once;
  once.loop = false;
  Feed ending(scratch / "frames", once);
  for (int i = 0; i < 3; ++i) (void)frame_at(ending, kStart + 0.04 * i);
  EXPECT_EQ(ending.advance(kStart + 1).what, Feed::Next::kEnd);
  EXPECT_TRUE(ending.at_end());
  EXPECT_EQ(ending.status().state, FeedState::kEnded);
  ending.play(true, kStart + 2);
  EXPECT_EQ(frame_at(ending, kStart + 2)->timed.index, 0) << "play after the end begins again";
  ending.seek(2);
  EXPECT_EQ(frame_at(ending, kStart + 3)->timed.index, 2);
  EXPECT_EQ(ending.advance(kStart + 4).what, Feed::Next::kEnd);
  ending.play(false, kStart + 5);
  ending.play(true, kStart + 6);
  EXPECT_EQ(frame_at(ending, kStart + 6)->timed.index, 0);
}

TEST(FeedEveryFrame, LeavesNoneOutAndThrows) {
  FeedOptions options;
  options.every_frame = true;
  Feed feed(kSmall, options);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(frame_at(feed, kStart + i)->timed.index, i);
  EXPECT_EQ(feed.status().dropped, 0);
  Feed absent("/nonexistent/clip.mp4", options);
  EXPECT_THROW((void)absent.advance(0), InputError);
  Feed mistyped("pattern:9x", options);
  EXPECT_THROW((void)mistyped.advance(0), UsageError);
  Feed shown("/nonexistent/clip.mp4", {});
  EXPECT_EQ(shown.advance(0).what, Feed::Next::kEnd);
  EXPECT_EQ(shown.status().state, FeedState::kFailed);
  EXPECT_NE(shown.status().problem.find("no such file"), std::string::npos);
}

TEST(FeedPicture, ComesOnceAndAgainOnRequest) {
  const Scratch scratch;
  write_folder(scratch / "one", 1);
  Feed feed(scratch / "one/frame0.png", {});
  EXPECT_EQ(frame_at(feed, kStart)->timed.name, "frame0.png");
  EXPECT_EQ(feed.advance(kStart + 1).what, Feed::Next::kEnd);
  EXPECT_TRUE(feed.at_end());
  feed.step(-1);
  const SourceFramePtr again = frame_at(feed, kStart + 2);
  EXPECT_EQ(again->timed.index, 0);
  EXPECT_TRUE(again->fresh_start);
}

TEST(FeedY4m, SeeksByReadingAgain) {
  const Scratch scratch;
  const std::string name = scratch / "in.y4m";
  std::ofstream out(name, std::ios::binary);
  out << "YUV4MPEG2 W32 H32 F25:1 Cmono\n";
  for (int i = 0; i < 5; ++i) out << "FRAME\n" << std::string(32 * 32, static_cast<char>(50 + i));
  out.close();
  FeedOptions options;
  options.every_frame = true;
  Feed feed(name, options);
  for (int i = 0; i < 3; ++i) (void)frame_at(feed, 0);
  for (const int target : {1, 4, 0, 3}) {
    feed.seek(target);
    const SourceFramePtr frame = frame_at(feed, 0);
    EXPECT_EQ(frame->timed.index, target);
    EXPECT_EQ(static_cast<int>(frame->timed.frame.data[0]), 50 + target);
  }
}

TEST(FeedThreads, PlayIntoAQueueAndObey) {
  LiveQueue queue(0, 0, LiveQueue::Policy::kNewest);
  FeedThread thread("pattern:64x48@200", {}, queue);
  FrameWindow window;
  std::int64_t last = -1;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(queue.wait(10));
    ASSERT_TRUE(queue.take(window));
    EXPECT_GT(window.shown().timed.index, last);
    last = window.shown().timed.index;
  }
  thread.play(false);
  thread.seek(1000);
  do {
    ASSERT_TRUE(queue.wait(10));
    ASSERT_TRUE(queue.take(window));
  } while (window.shown().timed.index < 1000);
  EXPECT_EQ(window.shown().timed.index, 1000);
  EXPECT_TRUE(window.fresh_start);
  EXPECT_FALSE(queue.wait(0.05)) << "it stands still";
  EXPECT_EQ(thread.status().state, FeedState::kPaused);
  EXPECT_EQ(thread.status().index, 1000);
}

}  // namespace
}  // namespace unblur::test
