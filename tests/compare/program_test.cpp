// SPDX-License-Identifier: MIT
// unblur-compare as a person runs it: exit codes, messages, table and JSON, on a network that does something;
// and unblur-convert with the real unblur-compare beside it. The *Vulkan suites want a device.
#include <gtest/gtest.h>

#include <sys/wait.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fill.h"
#include "networks/networks.h"
#include "tiny.h"

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
TensorMap lively_parameters(const Graph& graph) {
  TensorMap parameters = initial_parameters(graph, 5);
  const TensorMap other = initial_parameters(graph, 6);
  const auto source = other.at("b8.0.join.weight").f32();
  const auto out = parameters.at("out.weight").f32();
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = 0.2F * source[i];
  return parameters;
}

void write_network(const std::string& path, const std::string& name) {
  Model model = build_network(name);
  model.parameters = lively_parameters(model.graph);
  write_model(path, model);
}

/// As unblur-train leaves it.
void write_checkpoint(const std::string& path) {
  SafeTensors content;
  content.metadata = {{"format", "unblur-checkpoint-1"}, {"network", "rt"}, {"iteration", "12"}};
  for (auto& [name, tensor] : lively_parameters(build_network("rt", true).graph))
    content.tensors["ema." + name] = tensor;
  write_safetensors(path, content);
}

class CompareProgram : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern = testing::TempDir() + "compare-XXXXXX";
    folder() = mkdtemp(pattern.data());
    write_clip(file("clip.y4m"));
    write_network(file("rt.safetensors"), "rt");
    write_model(file("tiny.safetensors"), *tiny_network());
  }
  static void TearDownTestSuite() { std::filesystem::remove_all(folder()); }
  static std::string& folder() {
    static std::string path;
    return path;
  }
  static std::string file(const std::string& name) { return folder() + "/" + name; }

  int run(const std::string& arguments, const std::string& program = UNBLUR_COMPARE_PROGRAM) {
    const std::string command =
        environment + " " + program + " " + arguments + " >" + file("out") + " 2>" + file("err");
    const int status = std::system(command.c_str());
    out = content("out"), err = content("err");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  int compare(const std::string& backends, const std::string& more = "", const std::string& network = "rt") {
    return run(file(network + ".safetensors") + " " + file("clip.y4m") + " --backends " + backends + " " +
               more);
  }
  static const nlohmann::json& frames_of(const nlohmann::json& report) {
    return report.at("examined").at(0).at("frames");
  }
  static std::string content(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(file(name)).rdbuf();
    return text.str();
  }
  std::string environment;  ///< "NAME=VALUE ..." for the next programs
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
  EXPECT_EQ(run(file("clip.y4m") + " --backends torch:cpu,torch:cpu"), 2) << err;
  EXPECT_EQ(run("--network nonsense " + file("clip.y4m") + " --backends torch:cpu,torch:cpu"), 2) << err;
  EXPECT_EQ(compare("torch:cpu,torch:cpu", "--fill 1"), 2) << err;
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
  EXPECT_EQ(report.at("schema"), 2);
  EXPECT_EQ(report.at("ok"), true);
  EXPECT_EQ(report.at("examined").size(), 1U);
  EXPECT_EQ(frames_of(report).size(), 2U);
  const nlohmann::json& picture = frames_of(report)[0].at("outputs")[0];
  EXPECT_EQ(picture.at("name"), "frame");
  EXPECT_EQ(picture.at("ssim"), 1.0);
  EXPECT_EQ(picture.at("quantiles").at("0.999"), 0.0);
}

// FFmpeg's reader has something to say about this one, and says it on stderr.
TEST_F(CompareProgram, MessagesDoNotMixWithJson) {
  ASSERT_EQ(
      run(file("rt.safetensors") + " " + UNBLUR_CLIP + " --backends torch:cpu,torch:cpu --frames 1 --json"),
      0)
      << err;
  EXPECT_EQ(nlohmann::json::parse(out).at("ok"), true);
  EXPECT_NE(err.find("colour matrix"), std::string::npos) << err;
}

TEST_F(CompareProgram, WithoutADeviceItIsExitThree) {
  environment = "VK_DRIVER_FILES=/nowhere.json VK_ICD_FILENAMES=/nowhere.json";
  EXPECT_EQ(compare("torch:cpu,vulkan:0", "--json"), 3) << err;
  EXPECT_EQ(nlohmann::json::parse(out).at("ok"), false);
  EXPECT_TRUE(err.starts_with("unblur: error: ")) << err;
}

// What --save writes takes the reference's place where there is no such backend; a changed value is found.
TEST_F(CompareProgram, SavedResultsAreComparedElsewhere) {
  for (const std::string layers : {"", " --layers"}) {
    ASSERT_EQ(compare("torch:cpu,torch:cpu", "--frames 2 --save " + file("saved") + layers), 0) << err;
    // LibTorch alone with a layer may choose another memory layout, and with it another order of sums.
    const std::string exact = layers.empty() ? "--tolerance 0 " : "";
    EXPECT_EQ(compare("torch:cpu", exact + "--frames 2 --against " + file("saved") + layers), 0) << err;
    SafeTensors saved = read_safetensors(file("saved"));
    const bool nodes = !layers.empty();
    saved.tensors.at(nodes ? "frame.1.node.b8.0.join" : "frame.1.frame").f32()[7] += 0.25F;
    write_safetensors(file("changed"), saved);
    EXPECT_EQ(compare("torch:cpu", "--frames 2 --json --against " + file("changed") + layers), 6) << err;
    const nlohmann::json report = nlohmann::json::parse(out);
    if (nodes) {
      EXPECT_EQ(report.at("examined")[0].at("layers").at("first_beyond"), "b8.0.join");
    } else {
      EXPECT_NE(report.at("error").get<std::string>().find("frame 1 differs by 0.25"), std::string::npos)
          << err;
    }
    EXPECT_EQ(compare("torch:cpu", "--frames 3 --against " + file("saved") + layers), 4) << err;
  }
}

TEST_F(CompareProgram, NetworksRunWithFilledParameters) {
  ASSERT_EQ(run("--network bimnet --fill 1,1.2 " + file("clip.y4m") +
                " --backends torch:cpu,torch:cpu --frames 1 --repeat 1 --markdown " + file("report.md")),
            0)
      << err;
  EXPECT_NE(out.find("torch:cpu: 1 more run on poisoned memory, the same bits"), std::string::npos) << out;
  EXPECT_NE(content("report.md").find("## network bimnet"), std::string::npos);
}

TEST_F(CompareProgram, VideosAreScoredFrameByFrame) {
  std::ofstream(file("other.y4m")) << [&] {
    std::string bytes = content("clip.y4m");
    const std::size_t frame = static_cast<std::size_t>(kWidth * kHeight * 3) + 6;
    char& sample = bytes[bytes.size() - frame + 6 + 500];  // of the last frame
    sample = static_cast<char>(sample ^ 0x40);
    return bytes;
  }();
  const std::string both = "--video " + file("clip.y4m") + " " + file("other.y4m");
  ASSERT_EQ(run(both + " --json --dump " + file("worst")), 0) << err;
  const nlohmann::json video = nlohmann::json::parse(out).at("video");
  ASSERT_EQ(video.at("frames").size(), 3U);
  EXPECT_EQ(video.at("frames")[1].at("psnr_db"), nullptr);  // equal
  EXPECT_EQ(video.at("worst")[0].at("frame"), 2);
  const double psnr = video.at("worst")[0].at("psnr_db").get<double>();
  EXPECT_GT(psnr, 30);
  EXPECT_LT(psnr, 60);
  for (const char* side : {"a", "b", "difference"})
    EXPECT_TRUE(std::filesystem::exists(file("worst/frame.2." + std::string(side) + ".png"))) << side;
  EXPECT_EQ(run(both + " --min-psnr 60"), 6) << err;
  EXPECT_EQ(run(both + " --min-psnr 30"), 0) << err;
}

class CompareVulkan : public CompareProgram {
 protected:
  /// Worst `what` of the picture over all frames of a JSON report.
  [[nodiscard]] double worst(const char* what) const {
    double value = 0;
    const nlohmann::json report = nlohmann::json::parse(out);
    for (const auto& frame : frames_of(report))
      value = std::max(value, frame.at("outputs").at(0).at(what).get<double>());
    return value;
  }
};

TEST_F(CompareVulkan, EqualsLibTorchInFp32) {
  ASSERT_EQ(compare("torch:cpu,vulkan:0", "--json"), 0) << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  EXPECT_EQ(frames_of(report).size(), 3U);
  EXPECT_EQ(report.at("backends").size(), 2U);
  EXPECT_EQ(report.at("device"), report.at("backends")[1].at("name"));
  EXPECT_LT(worst("largest"), 1e-4);
  EXPECT_GT(worst("largest"), 0);  // two implementations, not one compared with itself
  EXPECT_EQ(err.find("validation:"), std::string::npos) << err;
}

TEST_F(CompareVulkan, HalfPrecisionStaysAboveFiftyDecibels) {
  ASSERT_EQ(compare("vulkan:0+fp32,vulkan:0+fp16", "--json"), 0) << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  for (const auto& frame : frames_of(report))
    EXPECT_GT(frame.at("outputs").at(0).at("psnr_db").get<double>(), 50);
  EXPECT_GT(worst("largest"), 1e-5);  // fp16 was really used
}

// A pixel volume truncates positions: where a flow lies within rounding of a whole pixel the two backends may
// take neighbouring ones. Prints what docs/measurements/parity.md records.
TEST_F(CompareVulkan, BalancedStaysWithinItsToleranceOnRealFrames) {
  write_network(file("balanced.safetensors"), "balanced");
  ASSERT_EQ(run(file("balanced.safetensors") + " " + UNBLUR_CLIP + " --backends torch:cpu,vulkan:0 --json"),
            0)
      << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  EXPECT_EQ(frames_of(report).size(), 3U);
  EXPECT_NE(report.at("examined").at(0).at("tolerance").get<std::string>().find("mean 0.001, maximum 0.05"),
            std::string::npos);
  std::printf("balanced, 3 frames: largest %.3g, mean %.3g\n", worst("largest"), worst("mean"));
  EXPECT_LT(worst("mean"), 1e-3);
  EXPECT_LT(worst("largest"), 0.05);
  EXPECT_GT(worst("largest"), 0);
}

// Parameters of the golden cases: flows of several pixels. Frames of 75 x 53 are padded to 76 x 64.
TEST_F(CompareVulkan, PvdnetStaysWithinItsTolerance) {
  Model model = build_network("pvdnet-slim");
  for (const auto& [name, dims] : model.graph.parameters()) {
    model.parameters[name] = golden::fill(name, dims, name.starts_with("BIMNet.") ? 1.5 : 1.05);
  }
  write_model(file("pvdnet.safetensors"), model);
  ASSERT_EQ(compare("torch:cpu,vulkan:0", "--json", "pvdnet"), 0) << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  EXPECT_EQ(frames_of(report).size(), 3U);
  EXPECT_NE(report.at("examined").at(0).at("tolerance").get<std::string>().find("mean 0.001, maximum 0.05"),
            std::string::npos);
  std::printf("pvdnet-slim, 3 frames: largest %.3g, mean %.3g\n", worst("largest"), worst("mean"));
  EXPECT_GT(worst("largest"), 0);
  for (const auto& frame : frames_of(report)) {
    EXPECT_EQ(frame.at("outputs").at(1).at("name"), "flow");
    EXPECT_LT(frame.at("outputs").at(1).at("largest").get<double>(), 2e-3);  // px
  }
}

// Parameters of the golden cases: offsets of several pixels. A model without a picture is compared too.
TEST_F(CompareVulkan, MotionEtrStaysWithinItsTolerance) {
  for (const auto& [name, first] :
       {std::pair{"motion-etr-deblur", "frame"}, std::pair{"motion-etr-bilin", "control"}}) {
    Model model = build_network(name);
    model.parameters = initial_parameters(model.graph, 1);  // for the fixed ratios
    for (const auto& [parameter, dims] : model.graph.parameters()) {
      if (!dims.empty())
        model.parameters[parameter] =
            golden::fill(parameter, dims, parameter.starts_with("deblur_net.") ? 0.8 : 1.3);
    }
    write_model(file(std::string(name) + ".safetensors"), model);
    ASSERT_EQ(compare("torch:cpu,vulkan:0", "--json --frames 1", name), 0) << err;
    const nlohmann::json report = nlohmann::json::parse(out);
    EXPECT_EQ(frames_of(report)[0].at("outputs")[0].at("name"), first);
    std::printf("%s: largest %.3g, mean %.3g\n", name, worst("largest"), worst("mean"));
    EXPECT_GT(worst("largest"), 0);
  }
}

TEST_F(CompareVulkan, OutsideToleranceIsExitSix) {
  EXPECT_EQ(compare("torch:cpu,vulkan:0", "--frames 1 --json --tolerance 0"), 6) << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  EXPECT_EQ(report.at("ok"), false);
  EXPECT_EQ(frames_of(report).size(), 1U);
  EXPECT_NE(report.at("error").get<std::string>().find("allowed is"), std::string::npos);
}

TEST_F(CompareVulkan, AnUnknownDeviceIsExitThree) {
  EXPECT_EQ(compare("torch:cpu,vulkan:99"), 3) << err;
  EXPECT_EQ(compare("torch:cpu,vulkan:0+fp64"), 2) << err;
}

/// A convolution in the middle of the network, wrong in one way or the other.
TEST_F(CompareVulkan, PlantedFaultsAreNamedByNode) {
  for (const std::string fault : {"wrong-kernel", "wrong-weight"}) {
    const std::string node = "body";
    environment = "UNBLUR_FAULT=" + fault + "@" + node;
    ASSERT_EQ(compare("torch:cpu,vulkan:0",
                      "--layers --frames 1 --json --html " + file("report.html") + " --dump " +
                          file("dump-" + fault),
                      "tiny"),
              6)
        << err;
    const nlohmann::json report = nlohmann::json::parse(out);
    const nlohmann::json& layers = report.at("examined").at(0).at("layers");
    EXPECT_EQ(layers.at("first_beyond"), node);
    int beyond = 0;
    for (const auto& layer : layers.at("layers")) beyond += layer.at("ok") == true ? 0 : 1;
    EXPECT_EQ(beyond, 1);  // what follows inherits the error and adds none
    EXPECT_NE(report.at("error").get<std::string>().find("layer '" + node + "'"), std::string::npos);
    EXPECT_NE(content("report.html").find("<tr class=\"first\"><td class=\"l w\">" + node),
              std::string::npos);
    // The bundle tells the same, and that all is well without the fault.
    EXPECT_EQ(run("--replay " + file("dump-" + fault + "/first-offender")), 6) << err;
    environment.clear();
    EXPECT_EQ(run("--replay " + file("dump-" + fault + "/first-offender")), 0) << err;
    EXPECT_EQ(run("--replay " + file("dump-" + fault + "/first-offender") + " --backends torch:cpu"), 0)
        << err;
  }
}

TEST_F(CompareVulkan, SeveralBackendsRepeatAndDump) {
  ASSERT_EQ(compare("torch:cpu,vulkan:0,vulkan:0+conv2d=conv_direct",
                    "--frames 2 --json --repeat 1 --html " + file("report.html") + " --dump " + file("dump")),
            0)
      << err;
  const nlohmann::json report = nlohmann::json::parse(out);
  EXPECT_EQ(report.at("examined").size(), 2U);
  EXPECT_EQ(report.at("repeats").size(), 3U);
  for (const auto& repeat : report.at("repeats")) EXPECT_EQ(repeat.at("ok"), true) << repeat;
  EXPECT_TRUE(std::filesystem::exists(file("dump/frame.1.frame.examined1.npy")));
  EXPECT_TRUE(std::filesystem::exists(file("dump/frame.0.frame.reference.npy")));
  const std::string html = content("report.html");
  EXPECT_NE(html.find("<svg"), std::string::npos);  // over the frames
  EXPECT_NE(html.find("vulkan:0+conv2d=conv_direct"), std::string::npos);
}

class ConvertVulkan : public CompareProgram {
 protected:
  void SetUp() override { write_checkpoint(file("checkpoint.safetensors")); }
  int convert(const std::string& output, const std::string& more = "--verify=require") {
    return run(file("checkpoint.safetensors") + " -o " + file(output) + " " + more, UNBLUR_CONVERT_PROGRAM);
  }
  static bool exists(const std::string& name) {
    return std::filesystem::exists(file(name)) || std::filesystem::exists(file(name) + ".part");
  }
};

TEST_F(ConvertVulkan, VerifiedFilesHaveTheSameBytesEveryTime) {
  for (const std::string name : {"once", "again"}) {
    ASSERT_EQ(convert(name), 0) << err;
    EXPECT_NE(out.find("verified: Vulkan computes what LibTorch computes"), std::string::npos) << out;
    EXPECT_EQ(out.find("not verified"), std::string::npos) << out;
  }
  EXPECT_EQ(content("once"), content("again"));
}

TEST_F(ConvertVulkan, HalfWeightsAreVerifiedToo) {
  ASSERT_EQ(convert("half", "--fp16 --verify=require --json"), 0) << err;
  EXPECT_EQ(nlohmann::json::parse(out).at("verified"), true);
  EXPECT_LT(std::filesystem::file_size(file("half")), 2'000'000U);
}

TEST_F(ConvertVulkan, AWrongWeightLeavesNoFile) {
  environment = "UNBLUR_FAULT=wrong-weight@" + [] {
    const Graph graph = build_network("rt").graph;
    for (const Node& node : graph.nodes()) {
      const auto* conv = std::get_if<op::Conv2d>(&node.op);
      if (conv != nullptr && conv->weight == "out.weight") return node.name;
    }
    return std::string();
  }();
  EXPECT_EQ(convert("wrong"), 6) << err;
  EXPECT_NE(err.find("no file is written"), std::string::npos) << err;
  EXPECT_FALSE(exists("wrong"));
}

TEST_F(ConvertVulkan, WithoutADriverItSaysSo) {
  environment = "VK_DRIVER_FILES=/nowhere.json VK_ICD_FILENAMES=/nowhere.json";
  EXPECT_EQ(convert("required"), 3) << err;
  EXPECT_FALSE(exists("required"));
  EXPECT_EQ(convert("unverified", "--verify=auto"), 0) << err;
  EXPECT_NE(out.find("not verified: "), std::string::npos) << out;
  EXPECT_TRUE(exists("unverified"));
}

}  // namespace
}  // namespace unblur
