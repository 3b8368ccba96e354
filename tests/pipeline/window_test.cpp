// SPDX-License-Identifier: MIT
// The parts by themselves: windows of neighbours, scene changes, the queue between two threads.
#include "pipeline/window.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "pipeline/queue.h"

namespace unblur {
namespace {

std::vector<std::vector<int>> windows(int min, int max, const std::vector<int>& scenes) {
  WindowBuilder builder(min, max);
  std::vector<std::vector<int>> out;
  std::vector<PipelineFramePtr> window;
  const auto take = [&] {
    while (builder.next(window)) {
      std::vector<int> indices;
      for (const auto& f : window) indices.push_back(static_cast<int>(f->timed.index));
      out.push_back(indices);
    }
  };
  int index = 0;
  for (const int length : scenes) {
    for (int i = 0; i < length; ++i) {
      auto frame = std::make_shared<PipelineFrame>();
      frame->timed.index = index++;
      builder.push(frame);
      take();
    }
    builder.end_scene();
    take();
  }
  return out;
}

TEST(Windows, RepeatTheEdgesOfAScene) {
  using Rows = std::vector<std::vector<int>>;
  EXPECT_EQ(windows(0, 0, {3}), (Rows{{0}, {1}, {2}}));
  EXPECT_EQ(windows(-2, 0, {3}), (Rows{{0, 0, 0}, {0, 0, 1}, {0, 1, 2}}));
  EXPECT_EQ(windows(-1, 1, {3, 2}), (Rows{{0, 0, 1}, {0, 1, 2}, {1, 2, 2}, {3, 3, 4}, {3, 4, 4}}));
  EXPECT_EQ(windows(0, 3, {2}), (Rows{{0, 1, 1, 1}, {1, 1, 1, 1}}));
  EXPECT_EQ(windows(-2, 2, {1, 1}), (Rows{{0, 0, 0, 0, 0}, {1, 1, 1, 1, 1}}));
}

TimedFrame grey(int value, std::int64_t pts, int width = 64) {
  TimedFrame t;
  t.frame = Frame({PixelLayout::kGrey, 8, width, 36, {}});
  for (int i = 0; i < width * 36; ++i) {
    t.frame.data[static_cast<std::size_t>(i)] = static_cast<std::byte>((value + (i % width) / 4) % 256);
  }
  t.pts = pts;
  return t;
}

TEST(Scenes, CutsJumpsAndFormats) {
  SceneWatcher watcher({1, 25}, true);
  EXPECT_EQ(watcher.observe(grey(20, 0)), Reset::kStart);
  std::int64_t pts = 1;
  for (; pts < 20; ++pts) EXPECT_EQ(watcher.observe(grey(20 + static_cast<int>(pts) % 3, pts)), Reset::kNone);
  EXPECT_EQ(watcher.observe(grey(180, pts++)), Reset::kSceneCut);
  EXPECT_EQ(watcher.observe(grey(181, pts++)), Reset::kNone);
  EXPECT_EQ(watcher.observe(grey(181, pts += 7)), Reset::kTimeJump) << "0.28 s where 0.04 s is usual";
  EXPECT_EQ(watcher.observe(grey(181, pts += 6)), Reset::kNone) << "0.24 s: frames were dropped";
  EXPECT_EQ(watcher.observe(grey(181, pts - 3)), Reset::kTimeJump) << "backwards";
  EXPECT_EQ(watcher.observe(grey(181, pts, 32)), Reset::kFormat);
}

TEST(Scenes, CutsCanBeTurnedOff) {
  SceneWatcher watcher({1, 25}, false);
  (void)watcher.observe(grey(20, 0));
  EXPECT_EQ(watcher.observe(grey(200, 1)), Reset::kNone);
}

TEST(Queue, HoldsTheProducerBackAndDrainsAfterClosing) {
  BoundedQueue<int> queue(3);
  std::atomic<int> pushed{0};
  std::thread producer([&] {
    for (int i = 0; i < 10 && queue.push(i); ++i) ++pushed;
    queue.close();
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(pushed, 3);
  int item = -1;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(queue.pop(item));
    EXPECT_EQ(item, i);
  }
  EXPECT_FALSE(queue.pop(item));
  producer.join();
  EXPECT_FALSE(queue.push(1)) << "closed";
}

}  // namespace
}  // namespace unblur
