// SPDX-License-Identifier: MIT
// Device layer: choice, limits, buffers, pipeline cache, one kernel on its own.
#include "vulkan/device.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fixture.h"
#include "graph/error.h"
#include "vulkan/buffer.h"
#include "vulkan/physical.h"

namespace unblur::vk {
namespace {

PhysicalDevice pretend(std::string name, std::string type, std::string uuid) {
  PhysicalDevice device;
  device.info.name = std::move(name);
  device.info.type = std::move(type);
  device.info.uuid = std::move(uuid);
  return device;
}

std::vector<PhysicalDevice> four_devices() {
  std::vector<PhysicalDevice> all{pretend("llvmpipe", "cpu", "00"), pretend("Old GPU", "discrete", "01"),
                                  pretend("Graphics 770", "integrated", "02"),
                                  pretend("Radeon RX", "discrete", "0a0b")};
  all[1].unusable = "Vulkan below 1.2";
  return all;
}

TEST(ChooseDevice, PrefersUsableDiscreteOverIntegratedOverCpu) {
  std::vector<PhysicalDevice> all = four_devices();
  EXPECT_EQ(choose_device(all, ""), 3U);
  all.pop_back();
  EXPECT_EQ(choose_device(all, ""), 2U);
  all.pop_back();
  EXPECT_EQ(choose_device(all, ""), 0U);
}

TEST(ChooseDevice, TakesIndexNamePartAndUuid) {
  const std::vector<PhysicalDevice> all = four_devices();
  EXPECT_EQ(choose_device(all, "0"), 0U);
  EXPECT_EQ(choose_device(all, "radeon"), 3U);
  EXPECT_EQ(choose_device(all, "0A-0B"), 3U);
}

TEST(ChooseDevice, RefusesUnknownAndUnusableOnes) {
  const std::vector<PhysicalDevice> all = four_devices();
  EXPECT_THROW((void)choose_device(all, "7"), DeviceError);
  EXPECT_THROW((void)choose_device(all, "geforce"), DeviceError);
  EXPECT_THROW((void)choose_device(all, "old"), DeviceError);
  EXPECT_THROW((void)choose_device({}, ""), DeviceError);
}

TEST(Device, SaysWhatItIs) {
  const PhysicalDevice& physical = test::device()->physical();
  EXPECT_FALSE(physical.info.name.empty());
  EXPECT_EQ(physical.info.uuid.size(), 32U);
  EXPECT_TRUE(physical.info.api.starts_with("Vulkan 1."));
  EXPECT_GT(physical.available_bytes(), 1U << 20U);
  EXPECT_EQ(test::device()->storage_buffers(), std::getenv("UNBLUR_SSBO") != nullptr);
}

TEST(Device, ValidationIsOnInTests) { EXPECT_TRUE(test::device()->instance().validation()); }

TEST(Buffer, ReadbackMemoryIsMapped) {
  const Buffer upload(test::device(), 100, MemoryUse::kUpload, "upload");
  const Buffer readback(test::device(), 100, MemoryUse::kReadback, "readback");
  EXPECT_EQ(upload.mapped().size(), 100U);
  EXPECT_EQ(readback.mapped().size(), 100U);
  EXPECT_EQ(upload.address() != 0, !test::device()->storage_buffers());
}

class CacheFolder : public testing::Test {
 protected:
  void SetUp() override {
    const char* before = std::getenv("XDG_CACHE_HOME");
    before_ = before == nullptr ? "" : before;
    folder_ = std::filesystem::temp_directory_path() / ("unblur-cache-test-" + std::to_string(::getpid()));
    ::setenv("XDG_CACHE_HOME", folder_.c_str(), 1);
  }
  void TearDown() override {
    ::setenv("XDG_CACHE_HOME", before_.c_str(), 1);
    std::filesystem::remove_all(folder_);
  }
  /// One pipeline through a fresh store, which writes its file at the end.
  static std::filesystem::path fill_cache() {
    Pipelines pipelines(test::device());
    EXPECT_FALSE(pipelines.cache_was_read());
    const PipelineKey key{"elementwise", {}, 0};
    EXPECT_NE(pipelines.get({&key, 1}).front(), VkPipeline{});
    return pipelines.cache_file();
  }
  std::string before_;
  std::filesystem::path folder_;
};

TEST_F(CacheFolder, IsReadBack) {
  const auto file = fill_cache();
  EXPECT_TRUE(std::filesystem::exists(file));
  EXPECT_TRUE(Pipelines(test::device()).cache_was_read());
}

TEST_F(CacheFolder, AnyDamageIsAMiss) {
  const auto file = fill_cache();
  for (const std::streamoff at : {0, 8, 12, 20, 40, 60}) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(at);
    const int byte = stream.get();
    stream.seekp(at);
    stream.put(static_cast<char>(byte ^ 1));
    stream.close();
    EXPECT_FALSE(Pipelines(test::device()).cache_was_read()) << "byte " << at;
    std::fstream repair(file, std::ios::in | std::ios::out | std::ios::binary);
    repair.seekp(at);
    repair.put(static_cast<char>(byte));
  }
  EXPECT_TRUE(Pipelines(test::device()).cache_was_read());
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 1);
  EXPECT_FALSE(Pipelines(test::device()).cache_was_read());
}

TEST(Pipelines, NamesAnUnknownShader) {
  const PipelineKey key{"no_such_shader", {}, 0};
  EXPECT_THROW((void)test::pipelines().get({&key, 1}), ProcessingError);
}

}  // namespace
}  // namespace unblur::vk
