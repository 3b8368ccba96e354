// SPDX-License-Identifier: MIT
// Cameras against a device made for the test: modes, both formats, slow readers, unplugging, refusals.
#include "media/camera.h"

#include <gtest/gtest.h>
#include <linux/videodev2.h>
#include <turbojpeg.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "fake_camera.h"
#include "graph/error.h"

namespace unblur::test {
namespace {

constexpr int kWidth = 64, kHeight = 48;

/// A YUYV picture whose luma is n everywhere and whose chroma tells U from V and left from right.
std::vector<std::byte> yuyv(int n, int padding = 0) {
  std::vector<std::byte> bytes;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      bytes.push_back(static_cast<std::byte>(n));
      bytes.push_back(static_cast<std::byte>(x % 2 == 0 ? 100 + x / 2 : 200 - y));
    }
    bytes.insert(bytes.end(), static_cast<std::size_t>(padding), std::byte{0xEE});
  }
  return bytes;
}

std::vector<std::byte> jpeg(int luma, int subsampling) {
  std::vector<unsigned char> rgb(3 * kWidth * kHeight, static_cast<unsigned char>(luma));
  const tjhandle handle = tjInitCompress();
  unsigned char* out = nullptr;
  unsigned long size = 0;
  tjCompress2(handle, rgb.data(), kWidth, 0, kHeight, TJPF_RGB, &out, &size, subsampling, 95, 0);
  const auto* bytes = reinterpret_cast<const std::byte*>(out);
  std::vector<std::byte> result(bytes, bytes + size);
  tjFree(out);
  tjDestroy(handle);
  return result;
}

/// As many cameras send it: without Huffman tables, zeros after the end.
std::vector<std::byte> without_tables(const std::vector<std::byte>& in) {
  std::vector<std::byte> out(in.begin(), in.begin() + 2);
  std::size_t at = 2;
  while (in[at + 1] != std::byte{0xDA}) {
    const std::size_t size =
        2 + 256 * static_cast<std::size_t>(in[at + 2]) + static_cast<std::size_t>(in[at + 3]);
    if (in[at + 1] != std::byte{0xC4})
      out.insert(out.end(), in.begin() + static_cast<std::ptrdiff_t>(at),
                 in.begin() + static_cast<std::ptrdiff_t>(at + size));
    at += size;
  }
  out.insert(out.end(), in.begin() + static_cast<std::ptrdiff_t>(at), in.end());
  out.insert(out.end(), 100, std::byte{0});
  return out;
}

FakeCameraScript script_for(std::uint32_t fourcc) {
  FakeCameraScript script;
  script.formats = {{fourcc, {{kWidth, kHeight, {30}}}}};
  script.picture = [fourcc](int n) {
    return fourcc == V4L2_PIX_FMT_YUYV ? yuyv(n % 256) : jpeg(n % 256, TJSAMP_422);
  };
  return script;
}

std::string refusal(const FakeCameraScript& script, const CameraOptions& options = {},
                    int patience_ms = 5000) {
  FakeCameraLog log;
  std::string message;
  try {
    const CameraSource source(make_fake_camera(script, &log), "camera:0", options, patience_ms);
  } catch (const Error& e) {
    message = std::to_string(e.exit_code()) + " " + e.what();
  }
  EXPECT_EQ(log.mapped, 0) << message;
  EXPECT_EQ(log.opened, 0) << message;
  return message;
}

TEST(CameraModes, SizeThenRateThenFormat) {
  FakeCameraScript script = script_for(V4L2_PIX_FMT_YUYV);
  script.formats = {{V4L2_PIX_FMT_MJPEG, {{1920, 1080, {60, 30}}, {1280, 720, {60, 30}}, {640, 480, {30}}}},
                    {V4L2_PIX_FMT_GREY, {{400, 400, {90}}}},
                    {V4L2_PIX_FMT_YUYV, {{1280, 720, {10}}, {640, 480, {30, 15}}}}};
  FakeCameraLog log;
  const auto device = make_fake_camera(script, &log);
  const auto modes = camera_modes(*device, "camera:0");
  EXPECT_EQ(modes.size(), 8U);
  const auto chosen = [&](const CameraOptions& wish) { return choose_mode(modes, "camera:0", wish); };
  EXPECT_EQ(chosen({}), (CameraMode{V4L2_PIX_FMT_MJPEG, 1280, 720, {30, 1}}));
  EXPECT_EQ(chosen({640, 480, 0}), (CameraMode{V4L2_PIX_FMT_YUYV, 640, 480, {30, 1}}));
  EXPECT_EQ(chosen({640, 480, 16}), (CameraMode{V4L2_PIX_FMT_YUYV, 640, 480, {15, 1}}));
  EXPECT_EQ(chosen({1920, 1080, 50}), (CameraMode{V4L2_PIX_FMT_MJPEG, 1920, 1080, {60, 1}}));
  try {
    (void)chosen({800, 600, 0});
    FAIL() << "a size that the camera lacks";
  } catch (const UsageError& e) {
    EXPECT_STREQ(e.what(), "--size 800x600: camera:0 has 640x480, 1280x720, 1920x1080");
  }
}

TEST(CameraSource, YuyvIsTakenApartBitForBit) {
  FakeCameraScript script = script_for(V4L2_PIX_FMT_YUYV);
  script.padding = 32;
  script.picture = [](int n) { return yuyv(n % 256, 32); };
  FakeCameraLog log;
  {
    CameraSource source(make_fake_camera(script, &log), "camera:0");
    EXPECT_TRUE(log.streaming);
    EXPECT_TRUE(source.info().live);
    EXPECT_EQ(source.info().frame_rate, (Rational{30, 1}));
    EXPECT_EQ(source.info().format.layout, PixelLayout::kYuv422);
    EXPECT_EQ(source.info().format.colour.range, ColourRange::kLimited);
    TimedFrame f;
    ASSERT_TRUE(source.read(f));
    for (int y = 0; y < kHeight; ++y) {
      for (int x = 0; x < kWidth / 2; ++x) {
        ASSERT_EQ(static_cast<int>(f.frame.plane(1)[y * kWidth / 2 + x]), 100 + x);
        ASSERT_EQ(static_cast<int>(f.frame.plane(2)[y * kWidth / 2 + x]), 200 - y);
      }
    }
  }
  EXPECT_FALSE(log.streaming);
  EXPECT_EQ(log.mapped, 0);
}

TEST(CameraSource, MjpegKeepsItsSubsamplingAndSkipsDamagedPictures) {
  for (const auto& [subsampling, layout] : {std::pair{TJSAMP_422, PixelLayout::kYuv422},
                                            {TJSAMP_420, PixelLayout::kYuv420},
                                            {TJSAMP_444, PixelLayout::kYuv444},
                                            {TJSAMP_GRAY, PixelLayout::kGrey},
                                            {TJSAMP_440, PixelLayout::kRgb}}) {
    FakeCameraScript script = script_for(V4L2_PIX_FMT_MJPEG);
    script.picture = [subsampling = subsampling](int n) {
      std::vector<std::byte> whole = jpeg(100 + n % 3 * 40, subsampling);
      if (n % 3 == 0) whole.resize(whole.size() / 2);  // the very first one as well, as real cameras do
      return n % 3 == 0 ? whole : without_tables(whole);
    };
    FakeCameraLog log;
    CameraSource source(make_fake_camera(script, &log), "camera:0");
    EXPECT_EQ(source.info().format.layout, layout);
    TimedFrame f;
    for (int i = 0; i < 6; ++i) {
      ASSERT_TRUE(source.read(f));
      const int luma = static_cast<int>(f.frame.data[0]);
      EXPECT_TRUE(std::abs(luma - 140) <= 2 || std::abs(luma - 180) <= 2) << luma;
    }
  }
}

TEST(CameraSource, SlowReadersGetTheNewestFrameAndItsTime) {
  FakeCameraLog log;
  CameraSource source(make_fake_camera(script_for(V4L2_PIX_FMT_YUYV), &log), "camera:0");
  TimedFrame f;
  ASSERT_TRUE(source.read(f));
  const auto first = static_cast<std::uint8_t>(f.frame.data[0]);
  std::int64_t before = 0;
  for (int i = 1; i <= 4; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(60));
    ASSERT_TRUE(source.read(f));
    EXPECT_EQ(f.index, i);
    EXPECT_EQ(f.pts % 33333, 0);
    EXPECT_EQ(static_cast<int>(f.pts / 33333), static_cast<std::uint8_t>(f.frame.data[0]) - first);
    // More frames passed than the device has buffers: what was read cannot have waited in one.
    EXPECT_GT(f.pts - before, 5 * 33333);
    before = f.pts;
  }
  EXPECT_GT(source.dropped(), 0);
}

TEST(CameraSource, UnpluggingEndsTheFramesAndSaysSo) {
  for (const bool in_poll : {true, false}) {
    FakeCameraScript script = script_for(V4L2_PIX_FMT_YUYV);
    script.unplug_after = 12;
    script.unplug_in_poll = in_poll;
    FakeCameraLog log;
    CameraSource source(make_fake_camera(script, &log), "camera:0");
    TimedFrame f;
    std::int64_t frames = 0;
    while (source.read(f)) ++frames;
    EXPECT_GT(frames, 0);
    EXPECT_LE(frames, 12);
    EXPECT_EQ(static_cast<int>(f.frame.data[0]), 11) << "the last picture sent is not lost";
    EXPECT_EQ(source.damage(), "camera:0: the camera was unplugged after frame " + std::to_string(frames));
    EXPECT_FALSE(source.read(f));
  }
}

TEST(CameraSource, RefusesWithWordsThatHelp) {
  FakeCameraScript script = script_for(V4L2_PIX_FMT_YUYV);
  script.captures = false;
  EXPECT_EQ(refusal(script),
            "4 camera:0: this device does not capture video; a camera often has two devices, try the number "
            "before or after");
  script = script_for(V4L2_PIX_FMT_YUYV);
  script.busy = true;
  EXPECT_EQ(refusal(script), "4 camera:0: in use by another program; close the camera there");
  script = script_for(V4L2_PIX_FMT_GREY);
  EXPECT_NE(refusal(script).find("offers neither MJPEG nor YUYV (only GREY)"), std::string::npos);
  script = script_for(V4L2_PIX_FMT_YUYV);
  script.picture = {};
  EXPECT_EQ(refusal(script, {}, 300), "4 camera:0: the camera sent no picture for 0.3 s");
  script.picture = [](int) { return std::vector<std::byte>(100); };
  EXPECT_EQ(refusal(script), "4 camera:0: none of its pictures can be decoded");
  EXPECT_EQ(refusal(script, {10, 10, 0}).substr(0, 1), "2");
}

TEST(CameraDevices, AbsentAndMistypedNames) {
  EXPECT_EQ(camera_path("camera:7"), "/dev/video7");
  EXPECT_EQ(camera_path("/dev/video3"), "/dev/video3");
  EXPECT_THROW((void)camera_path("camera:"), UsageError);
  EXPECT_THROW((void)camera_path("camera:front"), UsageError);
  try {
    (void)open_camera_device("camera:4093");
    FAIL() << "there is no such camera";
  } catch (const InputError& e) {
    EXPECT_NE(std::string(e.what()).find("/dev/video4093"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("plug it in"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace unblur::test
