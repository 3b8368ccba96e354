// SPDX-License-Identifier: MIT
// Checkpoints of Motion-ETR: every entry of state-dict.json, tensors under two names, both containers.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "checkpoint.h"
#include "graph/error.h"
#include "networks/motion_etr.h"
#include "networks/networks.h"
#include "torch_file.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string name, alias_of;
  Dims dims;
};

/// The authors' entries in file order: "net_offset" or "net_deblur".
std::vector<Entry> official_entries(const std::string& file) {
  std::ifstream stream(UNBLUR_STATE_DICT);
  const auto all = nlohmann::json::parse(stream);
  std::vector<Entry> entries;
  for (const auto& e : all.at(file + " (quad, bilin)"))
    entries.push_back({e.at("name"), e.value("alias_of", ""), e.at("shape").get<Dims>()});
  return entries;
}

class MotionEtrCheckpoint : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  void SetUp() override {
    entries_ = official_entries(GetParam().first);
    weights_ = initial_parameters(build_network(GetParam().second).graph, 5);
    path_ = fs::path(testing::TempDir()) / ("motion_etr_" + std::to_string(::getpid()) + ".pth");
  }
  void TearDown() override { fs::remove(path_); }

  /// The tensor that an entry holds.
  const Tensor* weight(const Entry& e) const {
    return &weights_.at(e.alias_of.empty() ? e.name : e.alias_of);
  }
  Converted read(const test::TorchEntries& entries, bool stream, const std::string& network = "") const {
    std::ofstream(path_, std::ios::binary) << test::torch_file(entries, stream);
    return read_checkpoint(path_, network);
  }
  std::string refusal(const test::TorchEntries& entries) const {
    try {
      (void)read(entries, false);
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  }
  void expect_weights(const Model& model) const {
    ASSERT_EQ(model.parameters.size(), weights_.size());
    for (const auto& [name, tensor] : weights_)
      EXPECT_EQ(model.parameters.at(name).bytes, tensor.bytes) << name;
  }

  std::vector<Entry> entries_;
  TensorMap weights_;
  fs::path path_;
};

TEST_P(MotionEtrCheckpoint, GraphsHaveTheOfficialNamesAndShapes) {
  std::map<std::string, Dims, std::less<>> official;
  for (const Entry& e : entries_) {
    EXPECT_EQ(motion_etr_parameter(e.name), e.alias_of.empty() ? e.name : e.alias_of);
    if (e.alias_of.empty()) official[e.name] = e.dims;
  }
  EXPECT_EQ(build_network(GetParam().second).graph.parameters(), official);
}

TEST_P(MotionEtrCheckpoint, BothContainersAndAnyPrefix) {
  for (const bool stream : {false, true}) {
    for (const std::string prefix : {"", "module.", "state_dict.module."}) {
      test::TorchEntries entries;
      for (const Entry& e : entries_) entries.emplace_back(prefix + e.name, weight(e));
      const Converted converted = read(entries, stream);
      EXPECT_EQ(converted.model.info.name, GetParam().second);
      EXPECT_TRUE(converted.unused.empty());
      // Seams of patches and deformable layers reach anywhere.
      EXPECT_EQ(converted.model.info.receptive_field.has_value(),
                GetParam().first == std::string("net_offset"));
      expect_weights(converted.model);
    }
  }
}

TEST_P(MotionEtrCheckpoint, EitherSpellingAloneIsEnough) {
  for (const bool second : {false, true}) {
    test::TorchEntries entries;
    for (const Entry& e : entries_) {
      const bool twice = std::ranges::any_of(entries_, [&](const Entry& o) { return o.alias_of == e.name; });
      if (second ? !twice : e.alias_of.empty()) entries.emplace_back(e.name, weight(e));
    }
    EXPECT_EQ(entries.size(), weights_.size());
    expect_weights(read(entries, false).model);
  }
}

TEST_P(MotionEtrCheckpoint, SpellingsThatDifferAreRefused) {
  Tensor other = weights_.begin()->second;
  test::TorchEntries entries;
  for (const Entry& e : entries_) {
    const bool spoiled = e.name.ends_with("bottleneck_2.model.2.bias");
    if (spoiled) {
      other = *weight(e);
      other.f32()[3] += 1;
    }
    entries.emplace_back(e.name, spoiled ? &other : weight(e));
  }
  const std::string message = refusal(entries);
  EXPECT_NE(message.find("1 tensors are wrong"), std::string::npos) << message;
  EXPECT_NE(message.find("bottleneck_2.conv2.bias"), std::string::npos) << message;
  EXPECT_NE(message.find("bottleneck_2.model.2.bias"), std::string::npos) << message;
}

TEST_P(MotionEtrCheckpoint, WhatIsMissingIsNamed) {
  test::TorchEntries entries;
  for (const Entry& e : entries_) {
    if (!e.name.ends_with("uconv_3.bias")) entries.emplace_back(e.name, weight(e));
  }
  const std::string message = refusal(entries);
  EXPECT_NE(message.find("uconv_3.bias [32] is missing"), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(All, MotionEtrCheckpoint,
                         testing::Values(std::pair{"net_offset", "motion-etr-quad"},
                                         std::pair{"net_deblur", "motion-etr-deblur"}),
                         [](const auto& tested) { return std::string(tested.param.first); });

TEST(MotionEtrImport, TheRatiosComeFromTheFile) {
  TensorMap weights = initial_parameters(build_network("motion-etr-deblur").graph, 5);
  EXPECT_EQ(weights.at("deblur_net.decoder_lv2.ratio_3").to_floats(), std::vector<float>{0.08F});
  weights.at("deblur_net.decoder_lv2.ratio_3").f32()[0] = 0.05F;
  const fs::path path = fs::path(testing::TempDir()) / ("ratio_" + std::to_string(::getpid()) + ".pth");
  std::ofstream(path, std::ios::binary) << test::torch_file(weights, "", true);
  const Model model = read_checkpoint(path).model;
  fs::remove(path);
  EXPECT_EQ(model.parameters.at("deblur_net.decoder_lv2.ratio_3").to_floats(), std::vector<float>{0.05F});
  EXPECT_EQ(model.parameters.at("deblur_net.decoder_lv2.ratio_3").dims, Dims{});
}

TEST(MotionEtrImport, NamesTellLinButNotQuadFromBilin) {
  const fs::path path = fs::path(testing::TempDir()) / ("modes_" + std::to_string(::getpid()) + ".pth");
  const auto imported = [&](const char* network, const std::string& asked) {
    const TensorMap weights = initial_parameters(build_network(network).graph, 5);
    std::ofstream(path, std::ios::binary) << test::torch_file(weights, "", false);
    return read_checkpoint(path, asked);
  };
  const Converted quad = imported("motion-etr-bilin", "");
  EXPECT_EQ(quad.model.info.name, "motion-etr-quad");
  EXPECT_NE(quad.kind.find("motion-etr-bilin fits as well"), std::string::npos) << quad.kind;
  EXPECT_EQ(imported("motion-etr-bilin", "motion-etr-bilin").model.info.trajectory->mode, "bilin");
  const Converted lin = imported("motion-etr-lin", "");
  EXPECT_EQ(lin.model.info.trajectory->mode, "lin");
  EXPECT_EQ(lin.kind.find("fits as well"), std::string::npos) << lin.kind;
  fs::remove(path);
}

}  // namespace
}  // namespace unblur
