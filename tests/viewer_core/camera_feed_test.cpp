// SPDX-License-Identifier: MIT
// A camera as the viewer plays it, over calls that the test answers: unplugged and back, silent, failing,
// another size, other settings.
#include <gtest/gtest.h>
#include <linux/videodev2.h>

#include <chrono>
#include <thread>

#include "core/feed_thread.h"
#include "fake_camera.h"
#include "graph/error.h"
#include "media/camera_list.h"

namespace unblur::test {
namespace {

constexpr int kWide = 64, kHigh = 48;

struct Bench {
  Bench() {
    script.formats = {{V4L2_PIX_FMT_YUYV, {{kWide, kHigh, {30}}, {2 * kWide, 2 * kHigh, {30, 15}}}}};
    script.real_time = true;
    script.picture = [this](int n) {
      const auto bytes = static_cast<std::size_t>(2 * log.width * log.height);
      return std::vector<std::byte>(bytes, static_cast<std::byte>(n));
    };
  }
  FeedOptions options() {
    FeedOptions o;
    o.patience_ms = 200;
    o.open_camera = [this](const std::string& name) -> std::unique_ptr<CameraDevice> {
      ++attempts;
      if (*script.command == FakeCommand::kGone) throw InputError(name + ": no such camera");
      return make_fake_camera(script, &log);
    };
    return o;
  }
  FakeCameraScript script;
  FakeCameraLog log;
  int attempts = 0;
};

/// Advances until a frame comes; null after two seconds.
SourceFramePtr camera_frame(Feed& feed) {
  const double end = steady_seconds() + 2;
  while (steady_seconds() < end) {
    const Feed::Next next = feed.advance(steady_seconds());
    if (next.what == Feed::Next::kFrame) return next.frame;
  }
  return nullptr;
}

/// Advances until the feed says that the camera is lost.
bool lose(Feed& feed) {
  const double end = steady_seconds() + 3;
  while (steady_seconds() < end && feed.status().state != FeedState::kLost)
    (void)feed.advance(steady_seconds());
  return feed.status().state == FeedState::kLost;
}

TEST(CameraFeed, FramesCarryTheDriversTime) {
  Bench bench;
  Feed feed("camera:0", bench.options());
  const SourceFramePtr first = camera_frame(feed), second = camera_frame(feed);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(first->fresh_start);
  EXPECT_FALSE(second->fresh_start);
  EXPECT_GT(second->captured, first->captured);
  EXPECT_NEAR(second->captured, steady_seconds(), 0.5);
  EXPECT_EQ(feed.status().state, FeedState::kPlaying);
  EXPECT_TRUE(feed.status().info.live);
}

TEST(CameraFeed, UnpluggedIsLookedForOnceASecondAndStartsAfresh) {
  Bench bench;
  Feed feed("camera:0", bench.options());
  ASSERT_TRUE(camera_frame(feed));
  *bench.script.command = FakeCommand::kGone;
  ASSERT_TRUE(lose(feed));
  EXPECT_NE(feed.status().problem.find("unplugged"), std::string::npos) << feed.status().problem;
  EXPECT_EQ(bench.log.opened, 0);
  EXPECT_EQ(bench.log.mapped, 0);
  const int before = bench.attempts;
  double now = steady_seconds();
  for (int i = 0; i < 50; ++i) {  // five seconds of the feed's clock
    now += 0.1;
    EXPECT_EQ(feed.advance(now).what, Feed::Next::kWait);
  }
  EXPECT_GE(bench.attempts - before, 4);
  EXPECT_LE(bench.attempts - before, 5);
  *bench.script.command = FakeCommand::kRun;
  SourceFramePtr back;
  for (int i = 0; i < 20 && !back; ++i) back = feed.advance(now += 0.3).frame;
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->fresh_start);
  EXPECT_EQ(feed.status().state, FeedState::kPlaying);
  EXPECT_TRUE(feed.status().problem.empty());
}

TEST(CameraFeed, SilenceAndErrorsLoseIt) {
  for (const auto& [command, words] : {std::pair{FakeCommand::kStall, "sent no picture for 0.2 s"},
                                       {FakeCommand::kError, "Input/output error"}}) {
    Bench bench;
    Feed feed("camera:0", bench.options());
    ASSERT_TRUE(camera_frame(feed));
    *bench.script.command = command;
    ASSERT_TRUE(lose(feed));
    EXPECT_NE(feed.status().problem.find(words), std::string::npos) << feed.status().problem;
    EXPECT_EQ(bench.log.mapped, 0);
    *bench.script.command = FakeCommand::kRun;
    const Feed::Next again = feed.advance(steady_seconds() + 1.1);
    const SourceFramePtr back = again.frame ? again.frame : camera_frame(feed);
    ASSERT_TRUE(back);
    EXPECT_TRUE(back->fresh_start);
  }
}

TEST(CameraFeed, DamagedPicturesAreLeftOut) {
  Bench bench;
  Feed feed("camera:0", bench.options());
  ASSERT_TRUE(camera_frame(feed));
  *bench.script.command = FakeCommand::kBroken;
  std::thread mender([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    *bench.script.command = FakeCommand::kRun;
  });
  int frames = 0;
  for (; frames < 5 && camera_frame(feed); ++frames) {
  }
  mender.join();
  EXPECT_EQ(frames, 5);
  EXPECT_EQ(feed.status().state, FeedState::kPlaying);
}

TEST(CameraFeed, TakesTheSizeThatTheCameraAnswers) {
  Bench bench;
  bench.script.answer_width = 32;
  bench.script.answer_height = 24;
  FeedOptions options = bench.options();
  options.camera.width = kWide;
  options.camera.height = kHigh;
  Feed feed("camera:0", options);
  const SourceFramePtr frame = camera_frame(feed);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->timed.frame.format.width, 32);
  EXPECT_EQ(frame->timed.frame.format.height, 24);
  EXPECT_EQ(feed.status().mode, "YUYV 32x24 30 fps");
}

TEST(CameraFeed, ChoosesTheNearestModeThatThereIs) {
  Bench bench;
  FeedOptions options = bench.options();
  options.camera.width = 100;
  options.camera.height = 90;
  options.camera.fps = 10;
  Feed feed("camera:0", options);
  ASSERT_TRUE(camera_frame(feed));
  EXPECT_EQ(feed.status().mode, "YUYV 128x96 15 fps");
}

const CameraControl* control(const FeedStatus& status, CameraControl::What what) {
  for (const CameraControl& c : status.controls) {
    if (c.what == what) return &c;
  }
  return nullptr;
}

TEST(CameraFeed, SettingAnExposureEndsTheAutomatic) {
  using What = CameraControl::What;
  Bench bench;
  Feed feed("camera:0", bench.options());
  EXPECT_THROW(feed.set_control(What::kGain, 1), InputError) << "not open yet";
  ASSERT_TRUE(camera_frame(feed));
  ASSERT_EQ(feed.status().controls.size(), 4U);
  const CameraControl* exposure = control(feed.status(), What::kExposure);
  ASSERT_NE(exposure, nullptr);
  EXPECT_FALSE(exposure->settable);
  EXPECT_EQ(exposure->name, "Exposure Time, Absolute");
  feed.set_control(What::kExposure, 100);
  exposure = control(feed.status(), What::kExposure);
  EXPECT_TRUE(exposure->settable);
  EXPECT_EQ(exposure->value, 99) << "3 to 2047 in steps of 4";
  feed.set_control(What::kExposure, 1'000'000);
  EXPECT_EQ(control(feed.status(), What::kExposure)->value, 2047);
  const CameraControl* automatic = control(feed.status(), What::kAutoExposure);
  ASSERT_EQ(automatic->choices.size(), 2U) << "the menu has gaps";
  EXPECT_EQ(automatic->choices[1].value, 3);
  EXPECT_EQ(automatic->value, 1);
  feed.set_control(What::kPowerLine, 2);
  EXPECT_EQ(control(feed.status(), What::kPowerLine)->value, 2);
  EXPECT_THROW(feed.set_control(What::kAutoGain, 1), InputError);
}

TEST(CameraFeed, ClosingDoesNotWaitForASilentCamera) {
  Bench bench;
  bench.script.picture = {};
  FeedOptions options = bench.options();
  options.patience_ms = 60'000;
  LiveQueue queue(0, 0, LiveQueue::Policy::kNewest);
  const double before = steady_seconds();
  {
    FeedThread thread("camera:0", options, queue);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    EXPECT_EQ(thread.status().state, FeedState::kOpening);
  }
  EXPECT_LT(steady_seconds() - before, 2);
  EXPECT_EQ(bench.log.opened, 0);
}

TEST(CameraLists, DescribeWhatCaptures) {
  Bench bench;
  const auto device = make_fake_camera(bench.script, &bench.log);
  const auto entry = describe_camera(*device, "camera:3");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->card, "Fake camera");
  EXPECT_EQ(entry->modes.size(), 3U);
  EXPECT_EQ(mode_text(entry->modes[0]), "YUYV 64x48 30 fps");
  FakeCameraScript other = bench.script;
  other.captures = false;
  EXPECT_FALSE(describe_camera(*make_fake_camera(other, &bench.log), "camera:4").has_value());
  other = bench.script;
  other.formats = {{V4L2_PIX_FMT_GREY, {{64, 48, {30}}}}};
  EXPECT_NE(describe_camera(*make_fake_camera(other, &bench.log), "camera:5")->problem.find("GREY"),
            std::string::npos);
}

}  // namespace
}  // namespace unblur::test
