// SPDX-License-Identifier: MIT
// unblur-compare as a person runs it: exit codes, messages, table and JSON, on a network that does something.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "networks/networks.h"

namespace unblur {
namespace {

constexpr int kWidth = 75, kHeight = 53, kFrames = 3;  // no multiples of 16

void write_clip(const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << "YUV4MPEG2 W" << kWidth << " H" << kHeight << " F30:1 Ip A1:1 C444 XCOLORRANGE=FULL\n";
  for (int t = 0; t < kFrames; ++t) {
    file << "FRAME\n";
    for (int plane = 0; plane < 3; ++plane) {
      for (int y = 0; y < kHeight; ++y) {
        for (int x = 0; x < kWidth; ++x) {
          const int code = 128 + (((x + 2 * t) / 7 + y / 5) % 2 == 0 ? 50 : -50) / (plane == 0 ? 1 : 3);
          file << static_cast<char>(static_cast<unsigned char>(code));
        }
      }
    }
  }
}

/// `rt` at its start would return its input; this one corrects by some hundredths.
void write_network(const std::string& path, const std::string& name) {
  Model model = build_network(name);
  model.parameters = initial_parameters(model.graph, 5);
  const TensorMap other = initial_parameters(model.graph, 6);
  const auto source = other.at("b8.0.join.weight").f32();
  const auto out = model.parameters.at("out.weight").f32();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = 0.2F * source[i];
  write_model(path, model);
}

class CompareProgram : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = testing::TempDir() + "compare-XXXXXX";
    folder() = mkdtemp(pattern.data());
    write_clip(file("clip.y4m"));
    write_network(file("rt.safetensors"), "rt");
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder()); }
  static std::string& folder() {
    static std::string path;
    return path;
  }
  static std::string file(const std::string& name) { return folder() + "/" + name; }

  int run(const std::string& arguments) {
    const std::string command =
        std::string(UNBLUR_COMPARE_PROGRAM) + " " + arguments + " >" + file("out") + " 2>" + file("err");
    const int status = std::system(command.c_str());
    out = content("out"), err = content("err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int compare(const std::string& backends, const std::string& more = "", const std::string& network = "rt") {
    return run(file(network + ".safetensors") + " " + file("clip.y4m") + " --backends " + backends + " " +
               more);
  }
  static std::string content(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(file(name)).rdbuf();
    return text.str();
  }
  std::string out, err;
};

TEST_F(CompareProgram, HelpAndVersion) {
  EXPECT_EQ(run("--help"), 0);
  EXPECT_NE(out.find("Examples:"), std::string::npos);
  EXPECT_EQ(run("--version"), 0);
  EXPECT_TRUE(err.empty()) << err;
}

TEST_F(CompareProgram, MistakesHaveTheirCodes) {
  EXPECT_EQ(run("--nonsense"), 2);
  EXPECT_EQ(compare("torch:cpu"), 2);
  EXPECT_EQ(compare("torch:cpu,opencl:0"), 2);
  EXPECT_EQ(compare("torch:cpu,torch:tpu"), 2) << err;
  EXPECT_EQ(run("/nowhere.safetensors " + file("clip.y4m") + " --backends torch:cpu,torch:cpu"), 5) << err;
  EXPECT_EQ(run(file("rt.safetensors") + " /nowhere.y4m --backends torch:cpu,torch:cpu"), 4) << err;
  EXPECT_TRUE(err.starts_with("unblur: error: ")) << err;
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
}

TEST_F(CompareProgram, OneBackendEqualsItself) {
  EXPECT_EQ(compare("torch:cpu,torch:cpu", "--tolerance 0"), 0) << err;
  EXPECT_NE(out.find("equal"), std::string::npos) << out;
}

TEST_F(CompareProgram, JsonIsOneObject) {
  ASSERT_EQ(compare("torch:cpu,torch:cpu", "--json --frames 2"), 0) << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  EXPECT_EQ(report.at("schema"), 1);
  EXPECT_EQ(report.at("ok"), true);
  EXPECT_EQ(report.at("frames").size(), 2U);
  EXPECT_EQ(report.at("frames")[0].at("outputs")[0].at("name"), "frame");
}

}  // namespace
}  // namespace unblur
