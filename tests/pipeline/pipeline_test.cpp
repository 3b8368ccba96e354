// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

#include "fake_backend.h"
#include "graph/error.h"
#include "pipeline/deblur.h"

namespace unblur::test {
namespace {

/// Frames of one value each, that count how far the reader is ahead.
class Source : public FrameSource {
 public:
  explicit Source(std::vector<int> values) : values_(std::move(values)) {
    info_.name = "test";
    info_.format = {PixelLayout::kGrey, 8, 64, 36, {}};
    info_.frames = static_cast<std::int64_t>(values_.size());
  }
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame& out) override {
    const auto at = static_cast<std::size_t>(count);
    if (at >= values_.size()) return false;
    out.frame = Frame(info_.format);
    std::fill(out.frame.data.begin(), out.frame.data.end(), static_cast<std::byte>(values_[at]));
    out.index = out.pts = count++;
    return true;
  }
  [[nodiscard]] std::optional<std::string> damage() const override { return broken; }

  std::atomic<int> count{0};
  std::optional<std::string> broken;

 protected:
  StreamInfo info_;

 private:
  std::vector<int> values_;
};

class Camera : public Source {
 public:
  using Source::Source;
  void go_live() { info_.live = true; }
};

class Sink : public FrameSink {
 public:
  void write(const TimedFrame& frame) override {
    if (static_cast<int>(values.size()) == full_after) throw ProcessingError("the disk is full");
    std::this_thread::sleep_for(std::chrono::milliseconds(delay_ms));
    values.push_back(static_cast<int>(frame.frame.data[0]));
    times.push_back(frame.pts);
    if (source != nullptr) most_ahead = std::max(most_ahead, source->count - static_cast<int>(values.size()));
  }
  void finish() override { finished = true; }
  void close_partial() override { partial = true; }

  std::vector<int> values;
  std::vector<std::int64_t> times;
  bool finished = false, partial = false;
  int delay_ms = 0, full_after = -1, most_ahead = 0;
  Source* source = nullptr;
};

DeblurReport run(Source& source, Sink& sink, const FakeOptions& fake = {}, const DeblurOptions& options = {},
                 FakeLog* log = nullptr, const std::atomic<int>* stop = nullptr) {
  const auto backend = make_fake_backend(fake, log);
  return deblur(source, sink, *backend, make_fake_model(), options, {{}, stop});
}

FakeOptions recurrent() {
  FakeOptions fake;
  fake.recurrent = true;  // adds the number of frames since the last reset
  return fake;
}

TEST(Pipeline, ASceneCutResetsTheState) {
  std::vector<int> values(20, 20);
  values.insert(values.end(), 5, 150);
  Source source(values);
  Sink sink;
  const DeblurReport report = run(source, sink, recurrent());
  ASSERT_EQ(sink.values.size(), 25U);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(sink.values[static_cast<std::size_t>(i)], 20 + i);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sink.values[static_cast<std::size_t>(20 + i)], 150 + i);
  EXPECT_EQ(report.scene_cuts, 1);
  EXPECT_TRUE(sink.finished);

  Source again(values);
  Sink carried;
  DeblurOptions options;
  options.scene_cuts = false;
  EXPECT_EQ(run(again, carried, recurrent(), options).scene_cuts, 0);
  EXPECT_EQ(carried.values[20], 150 + 20);
}

TEST(Pipeline, StrengthZeroIsBitExact) {
  std::vector<int> values;
  for (int i = 0; i < 30; ++i) values.push_back(40 + i);
  Source source(values);
  Sink sink;
  DeblurOptions options;
  options.strength = 0;
  FakeOptions fake;
  fake.add = 5;
  (void)run(source, sink, fake, options);
  EXPECT_EQ(sink.values, values);
}

TEST(Pipeline, LookAheadStaysInsideTheScene) {
  std::vector<int> values{10, 11, 12, 13, 200, 201, 202};
  Source source(values);
  Sink sink;
  FakeOptions fake;
  fake.min_offset = -1;
  fake.max_offset = 2;
  FakeLog log;
  (void)run(source, sink, fake, {}, &log);
  EXPECT_EQ(sink.values, values);
  const std::vector<std::vector<int>> wanted{{10, 10, 11, 12},    {10, 11, 12, 13},     {11, 12, 13, 13},
                                             {12, 13, 13, 13},    {200, 200, 201, 202}, {200, 201, 202, 202},
                                             {201, 202, 202, 202}};
  EXPECT_EQ(log.windows, wanted);
}

TEST(Pipeline, QueuesAreBounded) {
  Source source(std::vector<int>(200, 30));
  Sink sink;
  sink.source = &source;
  sink.delay_ms = 1;
  FakeLog log;
  (void)run(source, sink, {}, {}, &log);
  EXPECT_EQ(sink.values.size(), 200U);
  EXPECT_LE(log.peak_in_flight, 2);
  // Two queues of four, two frames on the device, one in the hands of each thread.
  EXPECT_LE(sink.most_ahead, 4 + 4 + 2 + 4);

  Camera camera(std::vector<int>(100, 30));
  camera.go_live();
  Sink slow;
  slow.source = &camera;
  slow.delay_ms = 1;
  (void)run(camera, slow);
  EXPECT_LE(slow.most_ahead, 1 + 4 + 2 + 4);
}

TEST(Pipeline, StartAndLengthAreThoseOfTheInput) {
  Source source({10, 11, 12, 13, 14, 15});
  Sink sink;
  DeblurOptions options;
  options.start_frame = 2;
  options.max_frames = 3;
  (void)run(source, sink, {}, options);
  EXPECT_EQ(sink.values, (std::vector<int>{12, 13, 14}));
  EXPECT_EQ(sink.times, (std::vector<std::int64_t>{2, 3, 4}));
  Source beyond({10, 11});
  Sink nothing;
  options.start_frame = 5;
  EXPECT_THROW((void)run(beyond, nothing, {}, options), InputError);
  EXPECT_FALSE(nothing.finished);
}

TEST(Pipeline, NothingThatWasMadeIsLost) {
  const std::vector<int> values(50, 30);
  {  // the device fails at the eleventh frame
    Source source(values);
    Sink sink;
    FakeOptions fake;
    fake.fail_at = 10;
    EXPECT_THROW((void)run(source, sink, fake), ProcessingError);
    EXPECT_EQ(sink.values.size(), 10U);
    EXPECT_TRUE(sink.partial);
    EXPECT_FALSE(sink.finished);
  }
  {  // the disk is full
    Source source(values);
    Sink sink;
    sink.full_after = 7;
    EXPECT_THROW((void)run(source, sink), ProcessingError);
    EXPECT_EQ(sink.values.size(), 7U);
    EXPECT_TRUE(sink.partial);
  }
  {  // the input ends early
    Source source(values);
    source.broken = "test: cut off";
    Sink sink;
    EXPECT_EQ(run(source, sink).damage, "test: cut off");
    EXPECT_EQ(sink.values.size(), 50U);
    EXPECT_TRUE(sink.partial);
    EXPECT_FALSE(sink.finished);
  }
}

TEST(Pipeline, APauseHoldsFramesBackAndASignalEndsIt) {
  for (const bool goes_on : {true, false}) {
    Source source(std::vector<int>(40, 30));
    Sink sink;
    const auto backend = make_fake_backend({});
    std::atomic<int> stop{0};
    std::atomic<bool> paused{true};
    std::size_t during_pause = 99;
    std::thread later([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(80));
      during_pause = sink.values.size();
      if (goes_on) paused = false;
      if (!goes_on) stop = SIGTERM;
    });
    const DeblurReport report = deblur(source, sink, *backend, make_fake_model(), {}, {{}, &stop, &paused});
    later.join();
    EXPECT_EQ(during_pause, 0U);
    EXPECT_EQ(report.interrupted_by, goes_on ? 0 : SIGTERM);
    EXPECT_EQ(sink.values.size(), goes_on ? 40U : 1U) << "the frame in hand is finished";
  }
}

TEST(Pipeline, ASignalEndsItInOrder) {
  Source source(std::vector<int>(5000, 30));
  Sink sink;
  FakeOptions fake;
  fake.delay_ms = 1;
  std::atomic<int> stop{0};
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    stop = SIGINT;
  });
  const DeblurReport report = run(source, sink, fake, {}, nullptr, &stop);
  later.join();
  EXPECT_EQ(report.interrupted_by, SIGINT);
  EXPECT_GT(report.frames, 0);
  EXPECT_LT(report.frames, 5000);
  EXPECT_EQ(report.frames, static_cast<std::int64_t>(sink.values.size()));
  EXPECT_TRUE(sink.partial);
}

}  // namespace
}  // namespace unblur::test
