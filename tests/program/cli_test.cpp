// SPDX-License-Identifier: MIT
// What a person meets at the command line: help, mistakes, settings, pipes, pictures, JSON.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "process.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

/// A y4m of a diagonal gradient that moves.
void write_y4m(const fs::path& path, int frames, int width = 32, int height = 24) {
  std::ofstream out(path, std::ios::binary);
  out << "YUV4MPEG2 W" << width << " H" << height << " F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n";
  for (int f = 0; f < frames; ++f) {
    out << "FRAME\n";
    for (int i = 0; i < width * height; ++i)
      out.put(static_cast<char>(16 + (i % width * 5 + i / width * 3 + 2 * f) % 200));
    for (int i = 0; i < width * height / 2; ++i) out.put(static_cast<char>(128));
  }
}

TEST(Help, EveryVerbExplainsItselfOnStandardOutput) {
  const Sandbox box;
  for (const char* verb : {"", "deblur", "trajectories", "info", "devices", "doctor", "selftest", "benchmark",
                           "tune", "config"}) {
    std::vector<std::string> words;
    if (*verb != '\0') words.emplace_back(verb);
    words.emplace_back("--help");
    const Outcome o = box.unblur(words);
    EXPECT_EQ(o.code, 0) << verb;
    EXPECT_TRUE(o.err.empty()) << o.err;
    EXPECT_NE(o.out.find("Examples:"), std::string::npos) << verb;
    EXPECT_NE(o.out.find("Usage: unblur"), std::string::npos) << verb;
  }
  const Outcome version = box.unblur({"--version"});
  EXPECT_EQ(version.code, 0);
  EXPECT_EQ(version.out.find("unblur "), 0U);
}

TEST(Mistakes, EndWithCodeTwoAndSayWhat) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 2);
  const bool trainer_is_built = fs::exists(fs::path(UNBLUR_PROGRAM).parent_path() / "unblur-train");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases{
      {{}, "verb"},
      {{"deblr"}, "deblr"},
      {{"deblur"}, "input"},
      {{"deblur", "in.y4m", "--no-such-flag"}, "--no-such-flag"},
      {{"deblur", "in.y4m", "--strength", "2"}, "--strength"},
      {{"deblur", "in.y4m", "--frames", "0"}, "--frames"},
      {{"deblur", "in.y4m", "--start", "soon"}, "soon"},
      {{"deblur", "in.y4m", "--memory-limit", "much"}, "--memory-limit"},
      {{"deblur", "in.y4m", "-o", "in.y4m", "-y"}, "is the input"},
      {{"deblur", "in.y4m", "-o", "out.png"}, "one picture"},
      {{"deblur", "in.y4m", "-o", "-", "--json"}, "--json"},
      // Handed over where the trainer is built beside the program, which then says what it misses.
      {{"train"}, trainer_is_built ? "subcommand" : "unblur-train is not installed"}};
  for (const auto& [words, expected] : cases) {
    const Outcome o = box.unblur(words, {{"PATH", "/nowhere"}});
    EXPECT_EQ(o.code, 2) << o.err;
    EXPECT_NE(o.err.find("unblur: error: "), std::string::npos) << o.err;
    EXPECT_NE(o.err.find(expected), std::string::npos) << o.err;
  }
}

TEST(Mistakes, OverwritingNeedsConsent) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 2);
  std::ofstream(box / "out.y4m") << "precious";
  EXPECT_EQ(box.unblur({"deblur", "in.y4m", "-o", "out.y4m"}).code, 2);
  EXPECT_EQ(slurp(box / "out.y4m"), "precious");
  EXPECT_EQ(box.unblur({"deblur", "in.y4m", "-o", "out.y4m", "--skip-existing"}).code, 0);
  EXPECT_EQ(slurp(box / "out.y4m"), "precious");
  EXPECT_EQ(box.unblur({"deblur", "in.y4m", "-o", "out.y4m", "-y"}).code, 0);
  EXPECT_EQ(slurp(box / "out.y4m"), slurp(box / "in.y4m"));
}

TEST(ExitCodes, DeviceAndModel) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 2);
  EXPECT_EQ(box.unblur({"deblur", "in.y4m"}, {{"UNBLUR_FAKE", "none"}}).code, 3);
  EXPECT_EQ(box.unblur({"devices"}, {{"UNBLUR_FAKE", "none"}}).code, 3);
  EXPECT_EQ(box.unblur({"doctor"}, {{"UNBLUR_FAKE", "none"}}).code, 3);
  EXPECT_EQ(box.unblur({"deblur", "in.y4m", "-m", "no-such-model"}).code, 5);
  std::ofstream(box / "bad.safetensors") << "not a model";
  EXPECT_EQ(box.unblur({"deblur", "in.y4m", "-m", "bad.safetensors"}).code, 5);
  EXPECT_EQ(box.unblur({"info", "bad.safetensors"}).code, 5);
}

TEST(Pipes, FramesPassThroughBitForBit) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 7);
  const Outcome o = box.unblur({"deblur", "-", "-o", "-", "-q"}, {}, "in.y4m");
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(o.err.empty()) << o.err;
  EXPECT_EQ(o.out, slurp(box / "in.y4m"));
}

TEST(Pictures, FolderPatternAndSidePicture) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 12);
  ASSERT_EQ(box.unblur({"deblur", "in.y4m", "-o", "frames/"}).code, 0);
  EXPECT_TRUE(fs::exists(box / "frames/000000.png"));
  EXPECT_TRUE(fs::exists(box / "frames/000011.png"));
  const Outcome o =
      box.unblur({"deblur", "frames", "-o", "again/f%03d.png", "--picture", "look.png", "--truth", "frames"},
                 {{"UNBLUR_FAKE", "add=1"}});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_TRUE(fs::exists(box / "again/f011.png"));
  EXPECT_TRUE(fs::exists(box / "look.png"));
  EXPECT_NE(o.err.find("PSNR against the truth: inf dB before, "), std::string::npos) << o.err;
  // A folder keeps its names and depth; the default output lies beside it.
  ASSERT_EQ(box.unblur({"deblur", "frames/"}).code, 0);
  EXPECT_EQ(slurp(box / "frames.deblur/000003.png"), slurp(box / "frames/000003.png"));
  ASSERT_EQ(box.unblur({"deblur", "frames/000003.png"}).code, 0);
  EXPECT_EQ(slurp(box / "frames/000003.deblur.png"), slurp(box / "frames/000003.png"));
}

TEST(Lists, SeveralInputsGoIntoAFolder) {
  const Sandbox box;
  write_y4m(box / "a.y4m", 2);
  write_y4m(box / "b.y4m", 3);
  std::ofstream(box / "list") << "a.y4m\nb.y4m\n";
  const Outcome o = box.unblur({"deblur", "@list", "-o", "out"});
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_EQ(slurp(box / "out/a.deblur.y4m"), slurp(box / "a.y4m"));
  EXPECT_EQ(slurp(box / "out/b.deblur.y4m"), slurp(box / "b.y4m"));
  // A pattern that no shell expanded means the same; one that matches nothing is an absent input.
  ASSERT_EQ(box.unblur({"deblur", "?.y4m", "-o", "again"}).code, 0);
  EXPECT_EQ(slurp(box / "again/b.deblur.y4m"), slurp(box / "b.y4m"));
  EXPECT_EQ(box.unblur({"deblur", "none*.y4m", "-o", "again"}).code, 4);
}

TEST(Json, OneObjectAlsoOnFailure) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 5);
  const Outcome good = box.unblur({"deblur", "in.y4m", "--null", "--json"});
  const auto j = nlohmann::json::parse(good.out);
  EXPECT_EQ(j.at("schema"), 1);
  EXPECT_EQ(j.at("tool"), "unblur");
  EXPECT_EQ(j.at("ok"), true);
  EXPECT_EQ(j.at("error"), nullptr);
  EXPECT_EQ(j.at("device").at("name"), "fake");
  EXPECT_EQ(j.at("files").at(0).at("frames"), 5);
  const Outcome bad = box.unblur({"deblur", "absent.y4m", "--json"});
  EXPECT_EQ(bad.code, 4);
  EXPECT_EQ(nlohmann::json::parse(bad.out).at("ok"), false);
  for (const char* verb : {"devices", "doctor", "info", "benchmark", "selftest", "tune"}) {
    std::vector<std::string> words{verb, "--json"};
    if (words[0] == "benchmark") words.insert(words.end(), {"--frames", "3", "--size", "64x48"});
    const Outcome o = box.unblur(words);
    EXPECT_TRUE(nlohmann::json::accept(o.out)) << verb << o.out << o.err;
  }
}

TEST(Tune, ReportsLayersAndForgetsThem) {
  const Sandbox box;
  const Outcome o = box.unblur({"tune"});
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_NE(o.out.find("8.0 ms before, 2.0 ms after"), std::string::npos)
      << "two layers of 4 and 1 ms: " << o.out;
  EXPECT_NE(o.out.find("fast"), std::string::npos);
  std::ofstream(box / "tuning.json") << "{}";
  EXPECT_EQ(box.unblur({"tune", "--reset"}).code, 0);
  EXPECT_FALSE(std::filesystem::exists(box / "tuning.json"));
}

TEST(Progress, JsonLinesOnStandardError) {
  const Sandbox box;
  write_y4m(box / "in.y4m", 5);
  const Outcome o = box.unblur({"deblur", "in.y4m", "--null", "--progress", "json", "-q"});
  const auto line = o.err.substr(0, o.err.find('\n'));
  EXPECT_EQ(nlohmann::json::parse(line).at("done"), 1) << o.err;
}

TEST(Config, FlagsThenEnvironmentThenFilesThenBuiltIn) {
  const Sandbox box;
  fs::create_directories(box / "config/unblur");
  fs::create_directories(box / "system/unblur");
  std::ofstream(box / "system/unblur/config.toml")
      << "strength = 0.1\ncrf = 30\ncodec = 'hevc'\nprogress = 'none'\n";
  std::ofstream(box / "config/unblur/config.toml") << "strength = 0.2\ncrf = 29\ncodec = 'vp9'\n";
  std::ofstream(box / "mine.toml") << "strength = 0.3\ncrf = 28\n";
  const Outcome o = box.unblur({"config", "show", "--origin", "--config", "mine.toml", "--strength", "0.5"},
                               {{"UNBLUR_CRF", "27"}});
  ASSERT_EQ(o.code, 0) << o.err;
  const auto has = [&](const std::string& value, const std::string& origin) {
    for (std::size_t at = o.out.find(value); at != std::string::npos; at = o.out.find(value, at + 1)) {
      if (o.out.substr(at, o.out.find('\n', at) - at).find(origin) != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(has("strength = \"0.5\"", "--strength")) << o.out;
  EXPECT_TRUE(has("crf = \"27\"", "UNBLUR_CRF")) << o.out;
  EXPECT_TRUE(has("codec = \"vp9\"", "config/unblur/config.toml:3")) << o.out;
  EXPECT_TRUE(has("progress = \"none\"", "system/unblur/config.toml:4")) << o.out;
  EXPECT_TRUE(has("device = \"\"", "built in")) << o.out;
  std::ofstream(box / "wrong.toml") << "strenght = 1\n";
  const Outcome wrong = box.unblur({"config", "show", "--config", "wrong.toml"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("wrong.toml:1"), std::string::npos) << wrong.err;
}

// A kilobyte per frame at most; the sanitizer's own allocator takes most of that in the first thousands.
TEST(Memory, StaysBoundedOverSixThousandFrames) {
  const Sandbox box;
  const auto peak = [&](const char* frames) {
    // AddressSanitizer would keep what is freed.
    const Outcome o =
        box.unblur({"benchmark", "--size", "320x180", "--frames", frames, "--json"},
                   {{"ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}});
    return nlohmann::json::parse(o.out).at("benchmark").at("peak_memory_bytes").get<double>();
  };
  const double few = peak("2000"), many = peak("6000");
  EXPECT_LT(many - few, 4e6) << few << " bytes after 2000 frames, " << many << " after 6000";
}

}  // namespace
}  // namespace unblur::test
