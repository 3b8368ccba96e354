// SPDX-License-Identifier: MIT
// Runs that do not reach their end: signals, kill -9, a full disk, damaged and absent inputs.
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "clips.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

/// Waits until the file holds the text; false after a minute.
bool wait_for(const fs::path& path, const std::string& text) {
  for (int i = 0; i < 6000; ++i) {
    if (slurp(path).find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class Interruption : public testing::Test {
 protected:
  void SetUp() override {
    if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
    // The picture changes slowly, so that it has no scene cut; 250 frames are two segments and a half.
    ffmpeg(box,
           "-f lavfi -i testsrc=s=96x64:r=25:d=10 -f lavfi -i sine=d=10 -c:v ffv1 -c:a pcm_s16le in.mkv");
  }
  Sandbox box;
};

TEST_F(Interruption, KillAndResumeGiveTheSameFrames) {
  // The fake adds the number of frames since the last reset: a lost state would show.
  for (const char* fake : {"recurrent delay=5", "recurrent stateless delay=5"}) {
    const Process::Environment env{{"UNBLUR_FAKE", fake}};
    fs::remove(box / "parts.mkv");
    ASSERT_EQ(box.unblur({"deblur", "in.mkv", "-o", "whole.mkv", "-y"}, env).code, 0);
    Process process(box.folder(), box.unblur_command({"deblur", "in.mkv", "-o", "parts.mkv", "-y"}),
                    box.environment(env));
    ASSERT_TRUE(wait_for(box / "parts.mkv.part.json", "\"frames\": 96"));
    process.signal(SIGKILL);
    EXPECT_EQ(process.wait().code, -SIGKILL);
    EXPECT_FALSE(fs::exists(box / "parts.mkv"));

    EXPECT_EQ(box.unblur({"deblur", "in.mkv", "-o", "parts.mkv"}, env).code, 2)
        << "must ask: go on or start over";
    EXPECT_EQ(box.unblur({"deblur", "in.mkv", "-o", "parts.mkv", "--resume", "--strength", "0.5"}, env).code,
              2);
    const Outcome o = box.unblur({"deblur", "in.mkv", "-o", "parts.mkv", "--resume", "--json"}, env);
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_NE(o.out.find("\"resumed_frames\": 96"), std::string::npos) << o.out;
    EXPECT_EQ(frame_hashes(box, "whole.mkv"), frame_hashes(box, "parts.mkv"));
    EXPECT_EQ(packets(box, "whole.mkv", "a", true), packets(box, "parts.mkv", "a", true));
    for (const auto& entry : fs::directory_iterator(box.folder())) {
      EXPECT_EQ(entry.path().filename().string().find(".part"), std::string::npos)
          << entry.path() << " was left";
    }
  }
}

TEST_F(Interruption, SignalsCloseAPlayableFile) {
  for (const int number : {SIGINT, SIGTERM}) {
    fs::remove(box / "out.mkv.part.json");  // of the first round: it tells when the second has begun
    Process process(box.folder(), box.unblur_command({"deblur", "in.mkv", "-o", "out.mkv", "-y"}),
                    box.environment({{"UNBLUR_FAKE", "delay=20"}}));
    ASSERT_TRUE(wait_for(box / "out.mkv.part.json", "frames"));
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    process.signal(number);
    const Outcome o = process.wait();
    EXPECT_EQ(o.code, number == SIGINT ? 130 : 143) << o.err;
    EXPECT_FALSE(fs::exists(box / "out.mkv"));
    ASSERT_TRUE(fs::exists(box / "out.mkv.part")) << o.err;
    const int frames = frame_count(box, "out.mkv.part");
    EXPECT_GT(frames, 0);
    EXPECT_LT(frames, 250);
    EXPECT_NE(o.err.find("--resume"), std::string::npos) << o.err;
  }
  const Outcome o = box.unblur({"deblur", "in.mkv", "-o", "out.mkv", "--resume"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(frame_hashes(box, "out.mkv"), frame_hashes(box, "in.mkv"));
}

TEST_F(Interruption, FullDiskLosesNothing) {
  fs::create_directory(box / "disk");
  if (::mount("none", (box / "disk").c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting a small tmpfs needs rights that this user lacks";
  }
  const Outcome full = box.unblur({"deblur", "in.mkv", "-o", "disk/out.mkv"});
  EXPECT_EQ(full.code, 1) << full.err;
  EXPECT_NE(full.err.find("No space left"), std::string::npos) << full.err;
  EXPECT_FALSE(fs::exists(box / "disk/out.mkv"));
  EXPECT_EQ(::mount("none", (box / "disk").c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  const Outcome again = box.unblur({"deblur", "in.mkv", "-o", "disk/out.mkv", "--resume"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(frame_hashes(box, "disk/out.mkv"), frame_hashes(box, "in.mkv"));
  EXPECT_EQ(::umount((box / "disk").c_str()), 0);
}

TEST_F(Interruption, BackendFailureKeepsWhatIsDone) {
  const Outcome o = box.unblur({"deblur", "in.mkv", "-o", "out.mkv"}, {{"UNBLUR_FAKE", "fail=30"}});
  EXPECT_EQ(o.code, 1);
  EXPECT_NE(o.err.find("unblur: error: the device was lost"), std::string::npos) << o.err;
  EXPECT_FALSE(fs::exists(box / "out.mkv"));
  EXPECT_EQ(frame_count(box, "out.mkv.part"), 30);
}

TEST_F(Interruption, DamagedInputsAreNamed) {
  ffmpeg(box, "-i in.mkv -c:v libx264 -preset ultrafast -c:a aac -movflags +faststart in.mp4");
  ffmpeg(box, "-i in.mkv -frames:v 36 -c:v libx264 -g 8 -c:a aac short.mkv");  // loses less than a second
  for (const auto& [name, kept] :
       {std::pair<std::string, int>{"in.mkv", 50}, {"in.mp4", 50}, {"short.mkv", 8}}) {
    const std::string bytes = slurp(box / name);
    std::ofstream(box / ("cut-" + name), std::ios::binary) << bytes.substr(0, bytes.size() / 2);
    const Outcome o = box.unblur({"deblur", "cut-" + name, "-o", "out.mkv", "-y"});
    EXPECT_EQ(o.code, 4) << o.err;
    EXPECT_NE(o.err.find("cut off"), std::string::npos) << o.err;
    EXPECT_FALSE(fs::exists(box / "out.mkv"));
    EXPECT_GT(frame_count(box, "out.mkv.part"), kept) << "what can be read is kept";
  }
}

TEST(HostileInput, EndsWithCodeFourAndOneLine) {
  const Sandbox box;
  std::ofstream(box / "empty.mp4").close();
  std::ofstream(box / "junk.mp4") << std::string(20000, '\x5a');
  std::ofstream(box / "junk.png") << "\x89PNG\r\n\x1a\n junk";
  std::ofstream(box / "huge.y4m") << "YUV4MPEG2 W32768 H32768 C444p16\nFRAME\n";
  std::ofstream(box / "cut.y4m") << "YUV4MPEG2 W16 H16 F25:1\nFRAME\nxyz";
  fs::create_directory(box / "nothing");
  for (const char* name :
       {"empty.mp4", "junk.mp4", "junk.png", "huge.y4m", "cut.y4m", "nothing", "absent.mp4", "absent/"}) {
    const Outcome o = box.unblur({"deblur", name, "-o", "out.mkv", "-y", "-q"});
    EXPECT_EQ(o.code, 4) << name << ": " << o.err;
    EXPECT_NE(o.err.find("unblur: error: "), std::string::npos) << name << ": " << o.err;
    EXPECT_FALSE(fs::exists(box / "out.mkv")) << name;
  }
}

}  // namespace
}  // namespace unblur::test
