// SPDX-License-Identifier: MIT
// The program, unchanged, on a camera that LD_PRELOAD puts behind /dev/video9.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "process.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

class FakeV4l2 : public testing::Test {
 protected:
  [[nodiscard]] Process::Environment environment(const Process::Environment& more = {}) const {
    Process::Environment all{{"LD_PRELOAD", UNBLUR_FAKE_V4L2},
                             {"UNBLUR_FAKE_V4L2_COMMAND", (box_ / "command").string()}};
    for (const auto& [name, value] : more) all[name] = value;
    return all;
  }
  [[nodiscard]] std::string header(const char* name) const {
    std::string line;
    std::ifstream in(box_ / name, std::ios::binary);
    std::getline(in, line);
    return line;
  }
  /// Lets the program run on the camera, gives it a command once frames were written, and waits for its end.
  Outcome interrupted_by(const std::string& command) {
    Process process(box_.folder(),
                    box_.unblur_command({"deblur", "camera:9", "-o", "me.y4m", "--frames", "100000"}),
                    box_.environment(environment()));
    std::error_code none;
    for (int i = 0; i < 600; ++i) {
      const auto written = fs::file_size(box_ / "me.y4m.part", none);
      if (!none && written > 1'000'000) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    std::ofstream(box_ / "command") << command;
    return process.wait();
  }
  Sandbox box_;
};

TEST_F(FakeV4l2, MjpegAndYuyvAreRead) {
  const Outcome mjpeg = box_.unblur({"deblur", "/dev/video9", "-o", "a.y4m", "--frames", "4"}, environment());
  EXPECT_EQ(mjpeg.code, 0) << mjpeg.err;
  EXPECT_EQ(header("a.y4m").find("YUV4MPEG2 W640 H360 "), 0U) << header("a.y4m");
  const Outcome yuyv =
      box_.unblur({"deblur", "camera:9", "--size", "320x180", "-o", "b.y4m", "--frames", "4"}, environment());
  EXPECT_EQ(yuyv.code, 0) << yuyv.err;
  EXPECT_EQ(header("b.y4m").find("YUV4MPEG2 W320 H180 "), 0U) << header("b.y4m");
  // Four 4:2:2 frames of 2 bytes a pixel; the bar's luma is there.
  const std::string all = slurp(box_ / "b.y4m");
  EXPECT_GT(all.size(), 4U * 320 * 180 * 2);
  EXPECT_NE(all.find(static_cast<char>(230)), std::string::npos);
}

TEST_F(FakeV4l2, AnotherSizeThanAskedForIsTaken) {
  const Outcome o = box_.unblur({"deblur", "camera:9", "-o", "a.y4m", "--frames", "2"},
                                environment({{"UNBLUR_FAKE_V4L2_ANSWER", "200x100"}}));
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(header("a.y4m").find("YUV4MPEG2 W200 H100 "), 0U) << header("a.y4m");
  const Outcome refused =
      box_.unblur({"deblur", "camera:9", "--size", "640x360", "-o", "b.y4m", "--frames", "2"},
                  environment({{"UNBLUR_FAKE_V4L2_ANSWER", "200x100"}}));
  EXPECT_EQ(refused.code, 4) << refused.err;
  EXPECT_NE(refused.err.find("asked for 640x360, the camera gives 200x100"), std::string::npos)
      << refused.err;
}

TEST_F(FakeV4l2, UnpluggingEndsTheProgramWithWhatItHas) {
  const Outcome o = interrupted_by("gone");
  EXPECT_EQ(o.code, 4) << o.err;
  EXPECT_NE(o.err.find("the camera was unplugged"), std::string::npos) << o.err;
  EXPECT_GT(fs::file_size(box_ / "me.y4m.part"), 1'000'000U);
  const Outcome absent = box_.unblur({"deblur", "camera:9", "-o", "b.y4m", "--frames", "1"}, environment());
  EXPECT_EQ(absent.code, 4) << "it is gone";
  EXPECT_NE(absent.err.find("no such camera"), std::string::npos) << absent.err;
}

TEST_F(FakeV4l2, ErrorsAndSilenceAreNamed) {
  const Outcome failing = interrupted_by("eio");
  EXPECT_EQ(failing.code, 4);
  EXPECT_NE(failing.err.find("Input/output error"), std::string::npos) << failing.err;
  std::ofstream(box_ / "command") << "stall";
  const Outcome silent = box_.unblur({"deblur", "camera:9", "-o", "b.y4m", "--frames", "1"}, environment());
  EXPECT_EQ(silent.code, 4);
  EXPECT_NE(silent.err.find("sent no picture"), std::string::npos) << silent.err;
}

}  // namespace
}  // namespace unblur::test
