// SPDX-License-Identifier: MIT
// Scheduling on simulated time: a source, a model and a display of given durations.
#include "core/live_queue.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/live_meter.h"

namespace unblur::test {
namespace {

SourceFramePtr numbered(std::int64_t index, double captured = 0, bool fresh = false) {
  auto frame = std::make_shared<SourceFrame>();
  frame->timed.index = index;
  frame->captured = captured;
  frame->fresh_start = fresh || index == 0;
  return frame;
}

struct Shown {
  std::int64_t index;
  double captured, at;
};

struct Simulation {
  double period, compute, refresh;  ///< s
  int look_ahead;
};

/// Runs a source that plays by its clock (the very Feed), one model and one display. Checks that the model
/// always gets the newest frame there is; returns what came to the screen.
std::vector<Shown> simulate(const Simulation& s, LiveQueue& queue, int frames) {
  Feed feed("pattern:32x32@" + std::to_string(std::lround(1 / s.period)), {});
  std::vector<Shown> shown, done;
  double now = 0;
  std::int64_t newest = -1;
  while (static_cast<int>(done.size()) < frames) {
    Feed::Next next = feed.advance(now);
    for (; next.what == Feed::Next::kFrame; next = feed.advance(now)) {
      newest = next.frame->timed.index;
      // The source thread wakes when a frame is due, whatever the model does meanwhile.
      EXPECT_NEAR(next.frame->captured, static_cast<double>(newest) * s.period, 1e-9);
      queue.push(next.frame);
    }
    FrameWindow window;
    if (!queue.take(window)) {
      now = next.wake;
      continue;
    }
    EXPECT_EQ(window.shown().timed.index, newest - s.look_ahead) << "the newest with its look-ahead";
    // Sources go on while the model computes; their thread is played here in steps of their own.
    const double end = now + s.compute;
    for (next = feed.advance(now); next.what == Feed::Next::kWait && next.wake <= end;
         next = feed.advance(next.wake)) {
      const Feed::Next due = feed.advance(next.wake);
      newest = due.frame->timed.index;
      queue.push(due.frame);
    }
    now = end;
    done.push_back({window.shown().timed.index, window.shown().captured, end});
  }
  // The display takes what was finished last when it refreshes.
  for (std::size_t i = 0; i < done.size(); ++i) {
    const double at = std::ceil(done[i].at / s.refresh - 1e-9) * s.refresh;
    if (i + 1 < done.size() && done[i + 1].at <= at + 1e-9) continue;
    shown.push_back({done[i].index, done[i].captured, at});
  }
  return shown;
}

TEST(Scheduling, EveryFrameShownIsTheNewestAndNotTooOld) {
  for (const double period : {1.0 / 60, 1.0 / 30, 1.0 / 10}) {
    for (const double compute : {0.001, 0.016, 0.0345, 0.25}) {
      for (const double refresh : {1.0 / 144, 1.0 / 60}) {
        for (const int look_ahead : {0, 1, 2}) {
          SCOPED_TRACE(testing::Message() << period << " " << compute << " " << refresh << " " << look_ahead);
          LiveQueue queue(-1, look_ahead, LiveQueue::Policy::kNewest);
          const auto shown = simulate({period, compute, refresh, look_ahead}, queue, 60);
          ASSERT_GT(shown.size(), 10U);
          double oldest = 0;
          for (std::size_t i = 0; i < shown.size(); ++i) {
            if (i > 0) {
              EXPECT_GT(shown[i].index, shown[i - 1].index);
            }
            oldest = std::max(oldest, shown[i].at - shown[i].captured);
          }
          const double bound = (1 + look_ahead) * period + compute + refresh;
          EXPECT_LE(oldest, bound + 1e-9);
          EXPECT_GT(oldest, look_ahead * period + compute - 1e-9) << "the simulation lets time pass";
          if (compute > 2 * period) {
            EXPECT_GT(queue.dropped(), 0);
          } else if (compute < period) {
            EXPECT_EQ(queue.dropped(), 0);
          }
        }
      }
    }
  }
}

TEST(LiveQueues, HoldOneWindowAtMostAndCarryAFreshStart) {
  LiveQueue queue(0, 0, LiveQueue::Policy::kNewest);
  FrameWindow window;
  EXPECT_FALSE(queue.take(window));
  for (int i = 0; i < 5; ++i) queue.push(numbered(i));
  EXPECT_EQ(queue.dropped(), 4);
  ASSERT_TRUE(queue.take(window));
  EXPECT_EQ(window.shown().timed.index, 4);
  EXPECT_TRUE(window.fresh_start) << "frame 0, which began afresh, was never seen";
  EXPECT_FALSE(queue.take(window));
  queue.push(numbered(5));
  queue.push(numbered(20, 0, true));
  queue.push(numbered(21));
  ASSERT_TRUE(queue.take(window));
  EXPECT_EQ(window.shown().timed.index, 21);
  EXPECT_TRUE(window.fresh_start);
  EXPECT_EQ(queue.dropped(), 6);
  queue.push(numbered(22));
  ASSERT_TRUE(queue.take(window));
  EXPECT_FALSE(window.fresh_start);
}

std::vector<std::int64_t> indices(const FrameWindow& window) {
  std::vector<std::int64_t> list;
  for (const auto& frame : window.frames) list.push_back(frame->timed.index);
  return list;
}

TEST(LiveQueues, WindowsStayInsideTheirScene) {
  LiveQueue queue(-2, 1, LiveQueue::Policy::kEvery);
  FrameWindow window;
  std::vector<std::vector<std::int64_t>> seen;
  std::vector<bool> fresh;
  const auto drain = [&] {
    while (queue.take(window)) {
      seen.push_back(indices(window));
      fresh.push_back(window.fresh_start);
      EXPECT_EQ(window.centre, 2U);
    }
  };
  for (const int i : {0, 1, 2, 3}) {
    queue.push(numbered(i));
    drain();
  }
  queue.push(numbered(10, 0, true));
  drain();
  queue.push(numbered(11));
  drain();
  queue.end_scene();
  drain();
  using Rows = std::vector<std::vector<std::int64_t>>;
  EXPECT_EQ(
      seen,
      (Rows{{0, 0, 0, 1}, {0, 0, 1, 2}, {0, 1, 2, 3}, {1, 2, 3, 3}, {10, 10, 10, 11}, {10, 10, 11, 11}}));
  EXPECT_EQ(fresh, (std::vector<bool>{true, false, false, false, true, false}));
  EXPECT_EQ(queue.dropped(), 0);
  queue.push(numbered(12));
  queue.push(numbered(13));
  drain();
  EXPECT_TRUE(fresh.back()) << "after an end comes another scene";
}

TEST(LiveQueues, AnotherModelStartsOver) {
  LiveQueue queue(0, 0, LiveQueue::Policy::kNewest);
  FrameWindow window;
  queue.push(numbered(0));
  ASSERT_TRUE(queue.take(window));
  queue.set_offsets(-1, 1);
  queue.push(numbered(1));
  EXPECT_FALSE(queue.take(window));
  queue.push(numbered(2));
  ASSERT_TRUE(queue.take(window));
  EXPECT_EQ(indices(window), (std::vector<std::int64_t>{1, 1, 2}));
  EXPECT_TRUE(window.fresh_start);
}

TEST(LiveMeters, QuantilesAndRatesOfTheLastSeconds) {
  LiveMeter meter(2);
  EXPECT_EQ(meter.latency(0.5), 0);
  for (int i = 0; i < 400; ++i) {
    const double now = 0.01 * i;
    meter.arrived(now);
    if (i % 2 == 0) meter.shown(now - (i % 20 == 0 ? 0.2 : 0.05), now, 0.03);
  }
  EXPECT_NEAR(meter.latency(0.5), 50, 1e-6);
  EXPECT_NEAR(meter.latency(0.95), 200, 1e-6);
  EXPECT_NEAR(meter.compute(0.5), 30, 1e-6);
  EXPECT_NEAR(meter.source_fps(), 100, 1e-6);
  EXPECT_NEAR(meter.shown_fps(), 50, 1e-6);
  EXPECT_NEAR(static_cast<double>(meter.count()), 100, 1) << "the rest is too long ago";
}

TEST(LiveMeters, TellARateThatStaysLow) {
  LiveMeter fast, slow, pausing;
  double now = 10;
  for (int i = 0; i <= 180; ++i, now = 10 + i / 30.0) {  // 6 s
    fast.shown(now, now);
    pausing.shown(now, now);
    if (i % 3 == 0) slow.shown(now - 0.2, now);
    if (now < 13.9) {
      EXPECT_FALSE(slow.stays_below(15, now)) << "it has only begun";
    }
    EXPECT_FALSE(fast.stays_below(15, now));
  }
  EXPECT_TRUE(slow.stays_below(15, now));
  EXPECT_FALSE(slow.stays_below(8, now));
  pausing.pause();
  EXPECT_FALSE(pausing.stays_below(15, now + 60));
  pausing.shown(now + 60, now + 60);
  EXPECT_FALSE(pausing.stays_below(15, now + 63));
  EXPECT_TRUE(pausing.stays_below(15, now + 65)) << "nothing but one frame for 5 s";
  slow.clear();
  EXPECT_FALSE(slow.stays_below(15, now));
}

}  // namespace
}  // namespace unblur::test
