// SPDX-License-Identifier: MIT
// The verb `trajectories` as a person uses it: every style, format and option, and mistakes. The fake's
// content moves as the test says.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "clips.h"
#include "graph/model.h"
#include "media/image_file.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

class TrajectoriesVerb : public testing::Test {
 protected:
  void SetUp() override {
    for (const std::string kind : {"directed", "undirected", "recurrent"})
      ASSERT_EQ(box.run({UNBLUR_PROGRAM, "--write-fake-" + kind, kind + ".safetensors"}).code, 0);
    FrameFormat format;
    format.width = 160, format.height = 120;
    Frame picture(format);
    std::fill(picture.data.begin(), picture.data.end(), std::byte{128});
    write_png(box / "in.png", picture);
  }
  /// Runs the verb with content that moves right by 24 px and down by 6.
  Outcome draw(std::vector<std::string> words, const std::string& fake = "dx=24 dy=6",
               const std::string& in = {}) const {
    words.insert(words.begin(), "trajectories");
    return box.unblur(
        words, {{"UNBLUR_FAKE", fake}, {"UNBLUR_TRAJECTORY_MODEL", (box / "directed.safetensors").string()}},
        in);
  }
  void make_clip(const std::string& name, const std::string& more = {}) const {
    ffmpeg(box, "-f lavfi -i testsrc=s=128x96:r=25:d=0.4 -f lavfi -i sine=d=0.4 -c:v ffv1 -pix_fmt yuv420p " +
                    more + " -c:a pcm_s16le " + name);
  }
  Sandbox box;
};

int changed_pixels(const fs::path& a, const fs::path& b) {
  const Frame x = read_image(a).frame, y = read_image(b).frame;
  EXPECT_EQ(x.format, y.format);
  int count = 0;
  for (std::size_t i = 0; i + 2 < x.data.size() && i + 2 < y.data.size(); i += 3)
    count += std::equal(&x.data[i], &x.data[i] + 3, &y.data[i]) ? 0 : 1;
  return count;
}

TEST_F(TrajectoriesVerb, DrawsEveryStyleOfAPicture) {
  ASSERT_EQ(draw({"in.png", "--grid", "24"}).code, 0);
  const int drawn = changed_pixels(box / "in.png", box / "in.trajectories.png");
  EXPECT_GT(drawn, 300);
  EXPECT_LT(drawn, 160 * 120 * 2 / 3) << "the exposure must stay visible";
  const Outcome o = draw(
      {"in.png", "-o", "all.png", "--grid", "24", "--style", "paths,quiver,middlebury,hsv,length,authors"});
  ASSERT_EQ(o.code, 0) << o.err;
  std::vector<std::string> seen;
  for (const char* style : {"paths", "quiver", "middlebury", "hsv", "length", "authors"}) {
    const std::string file = std::string("all.") + style + ".png";
    ASSERT_TRUE(fs::exists(box / file)) << file;
    EXPECT_GT(changed_pixels(box / "in.png", box / file), 300) << file;
    seen.push_back(slurp(box / file));
  }
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::adjacent_find(seen), seen.end()) << "two styles drew the same";
  EXPECT_EQ(slurp(box / "all.paths.png"), slurp(box / "in.trajectories.png"));
}

TEST_F(TrajectoriesVerb, OptionsChangeThePicture) {
  ASSERT_EQ(draw({"in.png", "-o", "plain.png", "--style", "quiver"}).code, 0);
  const std::vector<std::vector<std::string>> cases{
      {"--grid", "12"},         {"--max-length", "60"},    {"--background", "grey"},
      {"--background", "none"}, {"--background", "sharp"}, {"-m", "undirected.safetensors"}};
  for (std::vector<std::string> words : cases) {
    const std::string what = words[0] + words[1];
    words.insert(words.end(), {"in.png", "-y", "-o", "other.png", "--style", "quiver"});
    const Outcome o = draw(words, "dx=24 dy=6 add=9");
    ASSERT_EQ(o.code, 0) << what << o.err;
    EXPECT_GT(changed_pixels(box / "plain.png", box / "other.png"), 50) << what;
  }
}

TEST_F(TrajectoriesVerb, FormatsOfAPicture) {
  ASSERT_EQ(draw({"in.png", "--format", "svg", "--style", "paths,quiver"}).code, 0);
  const std::string svg = slurp(box / "in.trajectories.paths.svg");
  EXPECT_EQ(svg.find("<svg"), 0U);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  EXPECT_TRUE(fs::exists(box / "in.trajectories.quiver.svg"));
  EXPECT_EQ(draw({"in.png", "--format", "svg", "--style", "paths,quiver"}).code, 2) << "it exists";
  EXPECT_EQ(draw({"in.png", "-y", "--format", "svg", "--style", "paths,quiver"}).code, 0);
  ASSERT_EQ(draw({"in.png", "-o", "out/"}).code, 0);
  EXPECT_EQ(changed_pixels(box / "out/in.png", box / "in.png") > 300, true);
  ASSERT_EQ(draw({"in.png", "-o", "look.jpg"}).code, 0);
  EXPECT_TRUE(fs::exists(box / "look.jpg"));
}

TEST_F(TrajectoriesVerb, MistakesEndWithTheirCode) {
  std::ofstream(box / "in.txt") << "no picture";
  const std::vector<std::pair<std::vector<std::string>, std::string>> usage{
      {{"in.png", "--style", "pahts"}, "pahts"},
      {{"in.png", "--style", "paths,paths"}, "twice"},
      {{"in.png", "--grid", "1"}, "--grid"},
      {{"in.png", "--max-length", "long"}, "long"},
      {{"in.png", "--background", "pink"}, "pink"},
      {{"in.png", "--format", "bmp"}, "bmp"},
      {{"in.png", "--format", "svg", "-o", "out.png"}, "out.png"},
      {{"in.png", "--extract", "0"}, "--extract"},
      {{"in.png", "--extract", "5", "--style", "hsv"}, "--style"},
      {{"in.png", "--extract", "5", "--format", "svg"}, "png, mp4 or gif"},
      {{"in.png", "--sharp", "none", "--background", "sharp"}, "--sharp none"},
      {{"in.png", "--sharp", "fake.safetensors"}, "--extract"},
      {{"in.png", "-o", "in.png", "-y"}, "is the input"},
      {{"in.png", "--resume"}, "video"},
      {{"in.png", "--extract", "4", "-o", "one.png"}, "one picture"},
      {{"-", "--numbers", "-o", "-"}, "-o FILE"}};
  for (const auto& [words, expected] : usage) {
    const Outcome o = draw(words);
    EXPECT_EQ(o.code, 2) << expected << ": " << o.err;
    EXPECT_NE(o.err.find(expected), std::string::npos) << o.err;
  }
  EXPECT_EQ(draw({"absent.png"}).code, 4);
  EXPECT_EQ(draw({"in.png", "-m", "absent"}).code, 5);
  EXPECT_EQ(draw({"in.png", "-m", "fake.safetensors"}).code, 5) << "a deblurring model";
  EXPECT_EQ(draw({"in.png", "--extract", "3", "--sharp", "directed.safetensors"}).code, 5)
      << "a trajectory model";
  EXPECT_EQ(draw({"in.png"}, "none").code, 3);
  EXPECT_EQ(draw({"in.png"}, "fail=0").code, 1);
  EXPECT_FALSE(fs::exists(box / "in.trajectories.png"));
}

TEST_F(TrajectoriesVerb, JsonTellsBlurAndDirection) {
  const Outcome o = draw({"in.png", "--json", "--style", "length"});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto file = nlohmann::json::parse(o.out).at("files").at(0);
  const double length = std::hypot(24.0, 6.0);
  EXPECT_NEAR(file.at("blur").at("median_px").get<double>(), length, 0.1);
  EXPECT_NEAR(file.at("blur").at("p95_px").get<double>(), length, 0.1);
  EXPECT_EQ(file.at("blur").at("share_above_2_px"), 1.0);
  EXPECT_NEAR(file.at("blur").at("main_direction_degrees").get<double>(), 14.04, 0.1);
  EXPECT_EQ(file.at("blur").at("directed"), true);
  EXPECT_EQ(file.at("max_length_px"), 30.0) << "auto: the next round number";
  EXPECT_EQ(file.at("outputs").at(0), "in.trajectories.png");
  const Outcome still = draw({"in.png", "--json", "--null", "-m", "undirected.safetensors"}, "dx=-24 dy=0");
  const auto blur = nlohmann::json::parse(still.out).at("files").at(0).at("blur");
  EXPECT_EQ(blur.at("directed"), false);
  EXPECT_NEAR(blur.at("main_direction_degrees").get<double>(), 0, 0.1) << "an axis";
}

TEST_F(TrajectoriesVerb, APictureThatIsItsOwnPredecessorHasNoDirection) {
  make_clip("in.mkv");
  for (const auto& [input, directed] : {std::pair{"in.png", false}, std::pair{"in.mkv", true}}) {
    const Outcome o = draw({input, "--json", "--null", "-m", "recurrent.safetensors"});
    ASSERT_EQ(o.code, 0) << o.err;
    EXPECT_EQ(nlohmann::json::parse(o.out).at("files").at(0).at("blur").at("directed"), directed) << input;
  }
}

TEST_F(TrajectoriesVerb, NumbersAreContentMotion) {
  ASSERT_EQ(draw({"in.png", "--numbers"}).code, 0);
  const SafeTensors numbers = read_safetensors(box / "in.trajectories.safetensors");
  const Tensor& t = numbers.tensors.at("trajectory");
  ASSERT_EQ(t.dims, (Dims{15, 2, 120, 160}));
  const auto plane = static_cast<std::size_t>(120 * 160);
  EXPECT_NEAR(t.f32()[0], -12, 1e-4);
  EXPECT_NEAR(t.f32()[28 * plane], 12, 1e-4);
  EXPECT_NEAR(t.f32()[29 * plane], 3, 1e-4);
  EXPECT_EQ(numbers.tensors.at("control").dims, (Dims{1, 4, 120, 160}));
  EXPECT_NEAR(numbers.tensors.at("time").f32()[13], 6.0 / 7, 1e-6);
  EXPECT_EQ(fs::file_size(box / "in.trajectories.00.flo"), 12 + 8 * plane);
  EXPECT_TRUE(fs::exists(box / "in.trajectories.14.flo"));
  EXPECT_EQ(draw({"in.png", "--numbers", "--null"}).code, 2) << "it exists";
}

TEST_F(TrajectoriesVerb, ExtractsTheExposure) {
  ASSERT_EQ(draw({"in.png", "--extract", "5", "--sharp", "none", "-o", "frames/"}).code, 0);
  ASSERT_TRUE(fs::exists(box / "frames/in-04.png"));
  EXPECT_FALSE(fs::exists(box / "frames/in-05.png"));
  EXPECT_EQ(changed_pixels(box / "frames/in-02.png", box / "in.png"), 0) << "the middle is the picture";
  // Content moved right and down by (12, 3) at the end: so much is black at the left and top.
  const Frame end = read_image(box / "frames/in-04.png").frame;
  const auto value = [&](int x, int y) {
    return static_cast<int>(end.data[static_cast<std::size_t>(3 * (y * 160 + x))]);
  };
  EXPECT_EQ(value(11, 60), 0);
  EXPECT_EQ(value(12, 60), 128);
  EXPECT_EQ(value(80, 2), 0);
  EXPECT_EQ(value(80, 3), 128);
  EXPECT_EQ(value(159, 119), 128);
  // The default warps what --sharp makes of it: the fake adds 9 to red, green and blue.
  ASSERT_EQ(draw({"in.png", "--extract", "1", "-o", "sharp/"}, "dx=24 add=9").code, 0);
  EXPECT_EQ(static_cast<int>(read_image(box / "sharp/in-00.png").frame.data[0]), 137);
}

TEST_F(TrajectoriesVerb, VideoKeepsSoundAndTime) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  make_clip("in.mkv");
  const Outcome o = draw({"in.mkv"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(packets(box, "in.mkv", "v:0", false), packets(box, "in.trajectories.mkv", "v:0", false));
  EXPECT_EQ(packets(box, "in.mkv", "a", true), packets(box, "in.trajectories.mkv", "a", true));
  EXPECT_EQ(properties(box, "in.mkv"), properties(box, "in.trajectories.mkv"));
  EXPECT_LT(psnr(box, "in.mkv", "in.trajectories.mkv"), 30);
  ASSERT_EQ(draw({"in.mkv", "--format", "mp4", "--style", "hsv,length", "--max-length", "auto"}).code, 0);
  EXPECT_EQ(frame_count(box, "in.trajectories.hsv.mp4"), 10);
  EXPECT_EQ(frame_count(box, "in.trajectories.length.mp4"), 10);
  ASSERT_EQ(draw({"in.mkv", "--format", "png", "--frames", "3"}).code, 0);
  EXPECT_TRUE(fs::exists(box / "in.trajectories/000002.png"));
  EXPECT_FALSE(fs::exists(box / "in.trajectories/000003.png"));
  ASSERT_EQ(draw({"in.mkv", "-o", "one.svg", "--start", "4", "--frames", "1"}).code, 0);
  EXPECT_EQ(draw({"in.mkv", "-o", "many.svg"}).code, 2);
}

TEST_F(TrajectoriesVerb, GifHasEveryFrameAndItsColours) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  make_clip("in.mkv");
  ASSERT_EQ(draw({"in.mkv", "--format", "gif"}).code, 0);
  EXPECT_EQ(frame_count(box, "in.trajectories.gif"), 10);
  ASSERT_EQ(draw({"in.mkv", "-o", "reference.mkv", "--codec", "ffv1"}).code, 0);
  EXPECT_GT(psnr(box, "reference.mkv", "in.trajectories.gif"), 30);
  EXPECT_EQ(packets(box, "in.mkv", "v:0", false), packets(box, "in.trajectories.gif", "v:0", false));
  EXPECT_EQ(draw({"in.png", "--extract", "8", "--format", "gif"}).code, 2) << "it exists";
  ASSERT_EQ(draw({"in.png", "--extract", "8", "-o", "exposure.gif"}).code, 0);
  EXPECT_EQ(frame_count(box, "exposure.gif"), 8);
  EXPECT_EQ(draw({"in.mkv", "-o", "x.gif", "--resume"}).code, 2);
}

TEST_F(TrajectoriesVerb, ExtractedVideoHasNTimesTheFrames) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  make_clip("in.mkv");
  ASSERT_EQ(draw({"in.mkv", "--extract", "4", "-o", "slow.mp4"}).code, 0);
  EXPECT_EQ(frame_count(box, "slow.mp4"), 40);
  const Outcome o = draw({"in.png", "--extract", "6"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(frame_count(box, "in.trajectories.mp4"), 6);
  EXPECT_NE(properties(box, "in.trajectories.mp4").find("pix_fmt=yuv420p|"), std::string::npos)
      << properties(box, "in.trajectories.mp4");
}

TEST_F(TrajectoriesVerb, RotatedVideoHasAnUprightLegend) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  make_clip("plain.mkv");
  ffmpeg(box, "-i plain.mkv -c:v libx264 -an base.mkv");
  ffmpeg(box, "-i base.mkv -c copy -metadata:s:v rotate=90 turned.mp4");
  ASSERT_EQ(draw({"turned.mp4", "-o", "turned.png", "--frames", "1"}).code, 0);
  EXPECT_EQ(read_image(box / "turned.png").frame.format.width, 96);
  ASSERT_EQ(draw({"turned.mp4", "-o", "out.mp4"}).code, 0);
  EXPECT_EQ(properties(box, "turned.mp4"), properties(box, "out.mp4"));
}

TEST_F(TrajectoriesVerb, GoesOnAfterAKill) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  ffmpeg(box, "-f lavfi -i testsrc=s=96x64:r=25:d=8 -c:v ffv1 in.mkv");
  const Process::Environment env{{"UNBLUR_FAKE", "dx=9 delay=5"},
                                 {"UNBLUR_TRAJECTORY_MODEL", (box / "directed.safetensors").string()}};
  const std::vector<std::string> words{"trajectories", "in.mkv", "-o", "out.mkv", "--style", "quiver"};
  ASSERT_EQ(box.unblur({"trajectories", "in.mkv", "-o", "whole.mkv", "--style", "quiver"}, env).code, 0);
  Process process(box.folder(), box.unblur_command(words), box.environment(env));
  for (int i = 0; i < 6000 && slurp(box / "out.mkv.part.json").find("\"frames\": 96") == std::string::npos;
       ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  process.signal(SIGINT);
  EXPECT_EQ(process.wait().code, 130);
  EXPECT_GT(frame_count(box, "out.mkv.part"), 0);
  std::vector<std::string> again = words;
  again.emplace_back("--resume");
  const Outcome o = box.unblur(again, env);
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.err.find("going on after frame"), std::string::npos) << o.err;
  EXPECT_EQ(frame_hashes(box, "whole.mkv"), frame_hashes(box, "out.mkv"));
}

TEST_F(TrajectoriesVerb, PipesKeepTheirFormat) {
  if (!have_ffmpeg()) GTEST_SKIP() << "the ffmpeg tool is not installed";
  ffmpeg(box, "-f lavfi -i testsrc=s=128x96:r=25:d=0.2 -pix_fmt yuv420p in.y4m");
  const Outcome o = draw({"-", "-o", "-", "-q", "--style", "length"}, "dx=10", "in.y4m");
  ASSERT_EQ(o.code, 0) << o.err;
  const Outcome plain = box.unblur({"deblur", "-", "-o", "-", "-q"}, {}, "in.y4m");
  EXPECT_EQ(o.out.size(), plain.out.size());
  EXPECT_NE(o.out, plain.out);
}

}  // namespace
}  // namespace unblur::test
