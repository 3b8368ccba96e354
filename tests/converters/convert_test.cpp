// SPDX-License-Identifier: MIT
// unblur-convert as a person runs it: exit codes, messages and files. `unblur-compare` is stood in for by a
// script beside a copy of the program, so that every end of a comparison can be had on any machine.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "graph/model.h"
#include "import.h"
#include "networks/networks.h"
#include "torch_file.h"
#include "verify.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Ran {
  int code = -1;
  std::string out, err;
};

class Convert : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("convert_{}_{}", info->name(), ::getpid());
    fs::create_directories(folder_);
    fs::copy_file(UNBLUR_CONVERT, folder_ / "unblur-convert");
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] fs::path file(const std::string& name) const { return folder_ / name; }

  /// Runs a shell command line in the test's folder.
  Ran shell(const std::string& command) const {
    const std::string line =
        fmt::format("cd '{}' && ({}) >out.txt 2>err.txt </dev/null", folder_.string(), command);
    const int status = std::system(line.c_str());  // NOLINT: the shell is what is tested against
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_text(file("out.txt")),
            read_text(file("err.txt"))};
  }
  Ran convert(const std::string& arguments) const { return shell("./unblur-convert " + arguments); }

  /// A program that stands in for unblur-compare beside the converter.
  void stand_in(const std::string& script) const {
    std::ofstream(file("unblur-compare")) << "#!/bin/sh\n" << script << '\n';
    fs::permissions(file("unblur-compare"), fs::perms::owner_all);
  }

  /// A checkpoint as unblur-train writes it; `change` may spoil it.
  template <typename Change>
  void write_checkpoint(Change&& change) const {
    SafeTensors content;
    content.metadata = {
        {"format", "unblur-checkpoint-1"}, {"network", "rt"}, {"iteration", "12"}, {"card.licence", "MIT"}};
    const Model training = build_network("rt", true);
    for (auto& [name, tensor] : initial_parameters(training.graph, 1)) {
      content.tensors["optim.momentum." + name] = Tensor(DType::kF32, tensor.dims);
      content.tensors["model." + name] = Tensor(DType::kF32, tensor.dims);
      content.tensors["ema." + name] = tensor;
    }
    change(content);
    write_safetensors(file("checkpoint.safetensors"), content);
  }
  void write_checkpoint() const {
    write_checkpoint([](SafeTensors&) {});
  }

  fs::path folder_;
};

TEST_F(Convert, WritesTheAveragedWeights) {
  write_checkpoint();
  const Ran run = convert("checkpoint.safetensors -o m.safetensors");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("not verified: unblur-compare is not installed"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("conv2d"), std::string::npos) << run.out;
  const Model model = read_model(file("m.safetensors"));
  const TensorMap expected = initial_parameters(build_network("rt", true).graph, 1);
  EXPECT_EQ(model.info.card.at("licence"), "MIT");
  for (const auto& [name, tensor] : model.parameters)
    EXPECT_EQ(tensor.bytes, expected.at(name).bytes) << name;
  EXPECT_FALSE(model.graph.has_output("aux4"));
  EXPECT_FALSE(fs::exists(file("m.safetensors.part")));
}

TEST_F(Convert, BytesAreTheSameEveryTime) {
  write_checkpoint();
  ASSERT_EQ(convert("checkpoint.safetensors -o a").code, 0);
  ASSERT_EQ(convert("checkpoint.safetensors -o b").code, 0);
  EXPECT_EQ(read_text(file("a")), read_text(file("b")));
  ASSERT_EQ(convert("a -o c").code, 0);  // a model file is a source too
  EXPECT_EQ(read_text(file("a")), read_text(file("c")));
}

TEST_F(Convert, HalfPrecisionHalvesTheFile) {
  write_checkpoint();
  ASSERT_EQ(convert("checkpoint.safetensors -o full").code, 0);
  const Ran run = convert("checkpoint.safetensors -o half --fp16");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("largest rounding"), std::string::npos);
  for (const auto& [name, tensor] : read_model(file("half")).parameters)
    EXPECT_EQ(tensor.type, DType::kF16) << name;
  EXPECT_LT(fs::file_size(file("half")), fs::file_size(file("full")) * 6 / 10);
}

TEST_F(Convert, CheckReportsAndWritesNothing) {
  write_checkpoint();
  const Ran run = convert("checkpoint.safetensors --check --json");
  ASSERT_EQ(run.code, 0) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["ok"], true);
  EXPECT_EQ(json["tool"], "unblur-convert");
  EXPECT_GT(json["report"]["multiply_adds"].get<std::int64_t>(), 1'000'000'000);
  EXPECT_FALSE(json["unused"].empty());  // auxiliary outputs are for training
  EXPECT_FALSE(json.contains("output"));
}

TEST_F(Convert, ImportsPyTorchCheckpointsByNamesAndShapes) {
  const TensorMap weights = initial_parameters(build_network("pvdnet-slim").graph, 3);
  for (const bool stream : {false, true}) {
    std::ofstream(file("w.pytorch"), std::ios::binary) << test::torch_file(weights, "module.", stream);
    const Ran run = convert("w.pytorch -o m -y");
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_NE(run.out.find("of pvdnet-slim, prefix 'module.'"), std::string::npos) << run.out;
    const Model model = read_model(file("m"));
    for (const auto& [name, tensor] : weights)
      EXPECT_EQ(model.parameters.at(name).bytes, tensor.bytes) << name;
    const Ran seen = convert("inspect w.pytorch");
    EXPECT_NE(seen.out.find(stream ? "PyTorch stream" : "PyTorch zip"), std::string::npos) << seen.out;
    EXPECT_NE(seen.out.find("module.PVDNet.end.bias"), std::string::npos) << seen.out;
  }
  ASSERT_EQ(convert("tensors w.pytorch -o plain.safetensors").code, 0);
  ASSERT_EQ(convert("plain.safetensors -o n").code, 0);
  const TensorMap again = read_model(file("n")).parameters;
  for (const auto& [name, tensor] : weights) EXPECT_EQ(again.at(name).bytes, tensor.bytes) << name;
}

TEST_F(Convert, ImportsTheFourPublishedFiles) {
  struct Published {
    const char *file, *network, *prefix;
    bool stream;
  };
  constexpr Published kFiles[] = {{"BIMNet", "bimnet", "", true},
                                  {"PVDNet_DVD", "pvdnet", "module.", false},
                                  {"PVDNet_nah", "pvdnet", "module.", true},
                                  {"PVDNet_large_nah", "pvdnet-large", "module.", false}};
  for (const Published& p : kFiles) {
    const TensorMap weights = initial_parameters(build_network(p.network).graph, 3);
    TensorMap named;
    const std::size_t cut = *p.prefix == '\0' ? std::string_view("BIMNet.").size() : 0;
    for (const auto& [name, tensor] : weights) named[name.substr(cut)] = tensor;
    const std::string name = fmt::format("{}.pytorch", p.file);
    std::ofstream(file(name), std::ios::binary) << test::torch_file(named, p.prefix, p.stream);
    const Ran run = convert(fmt::format("{} -o m -y", name));
    ASSERT_EQ(run.code, 0) << run.err;
    EXPECT_NE(run.out.find(fmt::format("of {}, prefix '{}'", p.network, p.prefix)), std::string::npos);
    const TensorMap read = read_model(file("m")).parameters;
    ASSERT_EQ(read.size(), weights.size());
    for (const auto& [weight, tensor] : weights) EXPECT_EQ(read.at(weight).bytes, tensor.bytes) << weight;
    // One tensor less, one of another shape: both are named and nothing is written.
    const std::string first = named.begin()->first, last = named.rbegin()->first;
    named.erase(first);
    named[last] = Tensor(DType::kF32, {1, 2, 3});
    std::ofstream(file(name), std::ios::binary) << test::torch_file(named, p.prefix, p.stream);
    const Ran refused = convert(fmt::format("{} -o n", name));
    EXPECT_EQ(refused.code, 5);
    EXPECT_NE(refused.err.find("2 tensors are wrong"), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find(first), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find(last + " is [1, 2, 3]"), std::string::npos) << refused.err;
    EXPECT_FALSE(fs::exists(file("n")) || fs::exists(file("n.part")));
    fs::remove(file(name));
  }
}

TEST_F(Convert, ListsEveryTensorThatDoesNotFit) {
  TensorMap weights = initial_parameters(build_network("pvdnet-slim").graph, 3);
  weights.erase("PVDNet.d0.bias");
  weights.erase("BIMNet.moduleMatching.4.moduleMain.2.weight");
  weights["PVDNet.end.bias"] = Tensor(DType::kF32, {4});
  weights["PVDNet.stray"] = Tensor(DType::kF32, {1});
  std::ofstream(file("w.pytorch"), std::ios::binary) << test::torch_file(weights, "module.", false);
  const Ran run = convert("w.pytorch -o m");
  EXPECT_EQ(run.code, 5);
  for (const char* what :
       {"4 tensors are wrong", "PVDNet.d0.bias [16] is missing",
        "BIMNet.moduleMatching.4.moduleMain.2.weight [16, 32, 3, 3] is missing",
        "PVDNet.end.bias is [4], [3] is needed", "'module.PVDNet.stray' [1] is unexpected"}) {
    EXPECT_NE(run.err.find(what), std::string::npos) << what << " in " << run.err;
  }
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  EXPECT_FALSE(fs::exists(file("m")));
  EXPECT_FALSE(fs::exists(file("m.part")));
}

TEST_F(Convert, HostilePicklesAreRefusedAndRunNothing) {
  using namespace test::pickled;
  const std::string code = call(global("os", "system"), tuple({text("touch owned")}));
  std::ofstream(file("w.pytorch"), std::ios::binary) << test::zip({{"a/data.pkl", whole(code)}});
  for (const char* verb :
       {"w.pytorch -o m", "inspect w.pytorch", "tensors w.pytorch -o m", "diff w.pytorch w.pytorch"}) {
    const Ran run = convert(verb);
    EXPECT_EQ(run.code, 5) << verb;
    EXPECT_NE(run.err.find("'os.system'"), std::string::npos) << run.err;
  }
  EXPECT_FALSE(fs::exists(file("owned")));
  EXPECT_FALSE(fs::exists(file("m")));
}

TEST(MatchNetwork, KnowsTheOfficialFilesApart) {
  const auto weights = [](const char* network, const std::string& prefix, std::size_t cut) {
    TensorMap tensors;
    const Graph graph = build_network(network).graph;
    for (const auto& [name, dims] : graph.parameters()) {
      tensors[prefix + name.substr(cut)] = Tensor(DType::kF32, dims);
    }
    return tensors;
  };
  const NetworkMatch flow = match_network(weights("bimnet", "", std::string_view("BIMNet.").size()));
  EXPECT_EQ(flow.network, "bimnet");  // BIMNet.pytorch: no prefix at all
  EXPECT_EQ(flow.fitting, 212U);
  EXPECT_TRUE(flow.wrong.empty());
  for (const auto& [network, count] : {std::pair{"pvdnet", 290U}, std::pair{"pvdnet-large", 338U}}) {
    TensorMap tensors = weights(network, "state_dict.module.", 0);
    tensors["optimizer.state.0"] = Tensor(DType::kF32, {1});
    const NetworkMatch match = match_network(tensors);
    EXPECT_EQ(match.network, network);
    EXPECT_EQ(match.fitting, count);
    EXPECT_EQ(match.prefix, "state_dict.module.");
    EXPECT_EQ(match.beside, std::vector<std::string>{"optimizer.state.0"});
    EXPECT_TRUE(match.wrong.empty());
  }
  EXPECT_EQ(match_network({{"nothing", Tensor(DType::kF32, {1})}}).network, "");
}

TEST_F(Convert, RefusesToOverwrite) {
  write_checkpoint();
  std::ofstream(file("m")) << "precious";
  const Ran refused = convert("checkpoint.safetensors -o m");
  EXPECT_EQ(refused.code, 2);
  EXPECT_NE(refused.err.find("-y overwrites"), std::string::npos) << refused.err;
  EXPECT_EQ(read_text(file("m")), "precious");
  EXPECT_EQ(convert("checkpoint.safetensors -o m -y").code, 0);
  EXPECT_EQ(convert("checkpoint.safetensors -o checkpoint.safetensors -y").code, 2);
}

TEST_F(Convert, UsageErrorsAreOneLineAndExitTwo) {
  for (const char* arguments : {"", "--no-such-flag", "x", "x --verify=maybe -o y", "inspect", "diff one"}) {
    const Ran run = convert(arguments);
    EXPECT_EQ(run.code, 2) << arguments;
    EXPECT_TRUE(run.err.starts_with("unblur: error: ")) << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_EQ(run.out, "");
  }
}

TEST_F(Convert, HelpAndVersionGoToStdout) {
  const Ran help = convert("--help");
  EXPECT_EQ(help.code, 0);
  EXPECT_NE(help.out.find("Examples:"), std::string::npos);
  const Ran version = convert("-V");
  EXPECT_EQ(version.code, 0);
  EXPECT_TRUE(version.out.starts_with("unblur-convert ")) << version.out;
}

TEST_F(Convert, SaysWhatIsWrongWithACheckpoint) {
  struct Case {
    int code;
    const char* message;
    void (*change)(SafeTensors&);
  };
  const Case cases[] = {
      {5, "network 'nobody'; this version knows", [](SafeTensors& s) { s.metadata["network"] = "nobody"; }},
      {5, "without the name", [](SafeTensors& s) { s.metadata.erase("network"); }},
      {5, "4 tensors are wrong: 'ema.aux2.bias' [3] is unexpected",
       [](SafeTensors& s) { s.metadata.erase("format"); }},
      {5, "'out.weight' [12, 16, 3, 3] is missing",
       [](SafeTensors& s) { s.tensors.erase("ema.out.weight"); }},
      {5, "'out.bias' is [3], the graph needs [12]",
       [](SafeTensors& s) { s.tensors["ema.out.bias"] = Tensor(DType::kF32, {3}); }},
      {5, "belongs to no layer", [](SafeTensors& s) { s.tensors["ema.stray"] = Tensor(DType::kF32, {3}); }},
      {5, "'out.bias' holds NaN or infinity",
       [](SafeTensors& s) { s.tensors["ema.out.bias"].f32()[3] = std::numeric_limits<float>::quiet_NaN(); }},
      {5, "without averaged weights",
       [](SafeTensors& s) {
         std::erase_if(s.tensors, [](const auto& t) { return t.first.starts_with("ema."); });
       }},
  };
  for (const Case& c : cases) {
    write_checkpoint(c.change);
    const Ran run = convert("checkpoint.safetensors -o m");
    EXPECT_EQ(run.code, c.code) << run.err;
    EXPECT_NE(run.err.find(c.message), std::string::npos) << run.err;
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
    EXPECT_FALSE(fs::exists(file("m")));
  }
}

TEST_F(Convert, WeightsBeyondHalfPrecisionAreNamed) {
  write_checkpoint([](SafeTensors& s) { s.tensors["ema.out.bias"].f32()[0] = 1e6F; });
  const Ran run = convert("checkpoint.safetensors -o m --fp16");
  EXPECT_EQ(run.code, 5);
  EXPECT_NE(run.err.find("'out.bias' holds 1000000"), std::string::npos) << run.err;
}

TEST_F(Convert, AbsentTruncatedAndForeignFiles) {
  EXPECT_EQ(convert("absent -o m").code, 4);
  EXPECT_EQ(convert("inspect absent").code, 4);
  std::ofstream(file("foreign")) << "PK\x03\x04 this is a zip archive";
  EXPECT_EQ(convert("foreign -o m").code, 5);
  write_checkpoint();
  fs::resize_file(file("checkpoint.safetensors"), fs::file_size(file("checkpoint.safetensors")) - 1);
  const Ran run = convert("checkpoint.safetensors -o m --json");
  EXPECT_EQ(run.code, 5);
  EXPECT_NE(run.err.find("truncated"), std::string::npos) << run.err;
  const auto json = nlohmann::json::parse(run.out);
  EXPECT_EQ(json["ok"], false);
  EXPECT_NE(json["error"].get<std::string>().find("truncated"), std::string::npos);
}

TEST_F(Convert, AFullDiskLeavesNoFile) {
  write_checkpoint();
  const Ran run = shell("trap '' XFSZ; ulimit -f 64; exec ./unblur-convert checkpoint.safetensors -o m");
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("cannot write the file"), std::string::npos) << run.err;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("m")) << entry.path();
  }
}

TEST_F(Convert, VerifiesBeforeTheFileGetsItsName) {
  write_checkpoint();
  stand_in(
      "test ! -e m && test \"$3 $4\" = '--backends torch:cpu,vulkan:0' && head -c 9 \"$2\" && echo ' 1e-6'");
  const Ran run = convert("checkpoint.safetensors -o m --verify=require");
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("YUV4MPEG2 1e-6\nverified: "), std::string::npos) << run.out;
  EXPECT_EQ(run.out.find("not verified"), std::string::npos) << run.out;
  EXPECT_TRUE(fs::exists(file("m")));
}

TEST_F(Convert, VerifiesOnAGivenFrame) {
  write_checkpoint();
  stand_in("echo \"$2\"");
  EXPECT_NE(convert("checkpoint.safetensors -o m --input frame.png").out.find("frame.png\nverified: "),
            std::string::npos);
}

TEST_F(Convert, OutsideToleranceNoFileIsWritten) {
  write_checkpoint();
  stand_in("echo 'unblur: error: maximum error 0.2' >&2; exit 6");
  const Ran run = convert("checkpoint.safetensors -o m");
  EXPECT_EQ(run.code, 6);
  EXPECT_NE(run.err.find("maximum error 0.2"), std::string::npos) << run.err;
  EXPECT_FALSE(fs::exists(file("m")));
  EXPECT_FALSE(fs::exists(file("m.part")));
}

TEST_F(Convert, WithoutABackendItSaysNotVerified) {
  write_checkpoint();
  stand_in("echo 'unblur: error: no Vulkan driver' >&2; exit 3");
  const Ran run = convert("checkpoint.safetensors -o m");
  EXPECT_EQ(run.code, 0);
  EXPECT_NE(run.out.find("not verified: no Vulkan driver"), std::string::npos) << run.out;
  const Ran required = convert("checkpoint.safetensors -o n --verify=require");
  EXPECT_EQ(required.code, 3);
  EXPECT_FALSE(fs::exists(file("n")));
}

TEST_F(Convert, ABrokenComparisonIsAnError) {
  write_checkpoint();
  stand_in("kill -SEGV $$");
  const Ran run = convert("checkpoint.safetensors -o m");
  EXPECT_EQ(run.code, 1);
  EXPECT_FALSE(fs::exists(file("m")));
}

TEST_F(Convert, RequireWithoutTheProgramIsAnError) {
  write_checkpoint();
  EXPECT_EQ(convert("checkpoint.safetensors -o m --verify=require").code, 3);
  EXPECT_FALSE(fs::exists(file("m")));
}

TEST_F(Convert, InspectShowsTensorsAndOperators) {
  write_checkpoint();
  const Ran run = convert("inspect checkpoint.safetensors");
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.out.find("network = rt"), std::string::npos);
  EXPECT_NE(run.out.find("ema.out.bias"), std::string::npos);
  EXPECT_NE(run.out.find("conv2d"), std::string::npos);
}

TEST_F(Convert, DiffFindsWhatDiffers) {
  write_checkpoint();
  ASSERT_EQ(convert("checkpoint.safetensors -o a").code, 0);
  EXPECT_EQ(convert("diff a a").code, 0);
  write_checkpoint([](SafeTensors& s) {
    s.tensors["ema.out.bias"].f32()[2] += 0.5F;
    s.metadata["card.licence"] = "CC0";
  });
  ASSERT_EQ(convert("checkpoint.safetensors -o b").code, 0);
  const Ran run = convert("diff a b");
  EXPECT_EQ(run.code, 6);
  EXPECT_NE(run.out.find("out.bias: maximum difference 0.5"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("metadata differs: card.licence"), std::string::npos) << run.out;
}

TEST_F(Convert, StripKeepsWhatItsOutputsNeed) {
  write_checkpoint();
  ASSERT_EQ(convert("checkpoint.safetensors -o full").code, 0);
  const Ran run = convert("strip full --outputs flow -o flow");
  ASSERT_EQ(run.code, 0) << run.err;
  const Model full = read_model(file("full"));
  const Model flow = read_model(file("flow"));
  EXPECT_LT(flow.parameters.size(), full.parameters.size());
  EXPECT_FALSE(flow.graph.has_output("frame"));
  EXPECT_EQ(flow.info.card, full.info.card);
  const Ran unknown = convert("strip full --outputs nothing -o x");
  EXPECT_EQ(unknown.code, 5);
  EXPECT_NE(unknown.err.find("no output 'nothing'"), std::string::npos) << unknown.err;
}

TEST(TestClip, IsTheSameEveryTimeAndMoves) {
  const fs::path path = fs::path(testing::TempDir()) / fmt::format("clip_{}.y4m", ::getpid());
  write_test_clip(path, 16, 8, 2);
  const std::string once = read_text(path);
  write_test_clip(path, 16, 8, 2);
  EXPECT_EQ(read_text(path), once);
  fs::remove(path);
  const std::size_t header = once.find('\n') + 1;
  ASSERT_EQ(once.size(), header + 2 * (6 + 3 * 16 * 8));
  const std::string first = once.substr(header + 6, 128);
  const std::string second = once.substr(header + 6 + 384 + 6, 128);
  // Three to the right, one down: pixel (5, 3) of the second frame is (2, 2) of the first.
  EXPECT_EQ(second[3 * 16 + 5], first[2 * 16 + 2]);
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace unblur
