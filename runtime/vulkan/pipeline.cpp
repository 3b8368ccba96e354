// SPDX-License-Identifier: MIT
// Cache file: magic, format, device UUID, driver version, payload size and FNV-1a digest, then the driver's
// bytes. Written beside its final name and renamed, so that a reader never sees half a file.
#include "vulkan/pipeline.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <fstream>
#include <thread>

#include "graph/error.h"
#include "shader_table.h"
#include "vulkan/check.h"
#include "vulkan/environment.h"

namespace unblur::vk {
namespace {

struct CacheHeader {
  std::array<char, 8> magic{'u', 'n', 'b', 'l', 'u', 'r', 'p', 'c'};
  std::uint32_t format = 1;
  std::uint32_t driver_version = 0;
  std::array<std::uint8_t, VK_UUID_SIZE> uuid{};
  std::uint64_t payload_bytes = 0;
  std::uint64_t digest = 0;
};
static_assert(sizeof(CacheHeader) == 48);

std::uint64_t fnv1a(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const std::byte b : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(b)) * 0x100000001b3U;
  return hash;
}

CacheHeader header_for(const PhysicalDevice& device, std::span<const std::byte> payload) {
  CacheHeader header;
  header.driver_version = device.driver_version;
  header.uuid = device.uuid;
  header.payload_bytes = payload.size();
  header.digest = fnv1a(payload);
  return header;
}

std::vector<std::byte> read_cache(const std::filesystem::path& path, const PhysicalDevice& device) {
  std::ifstream file(path, std::ios::binary);
  CacheHeader found;
  if (!file.read(reinterpret_cast<char*>(&found), sizeof found)) return {};
  std::error_code error;
  if (std::filesystem::file_size(path, error) != sizeof found + found.payload_bytes || error) return {};
  std::vector<std::byte> payload(found.payload_bytes);
  if (!file.read(reinterpret_cast<char*>(payload.data()), static_cast<std::streamsize>(payload.size()))) {
    return {};
  }
  const CacheHeader expected = header_for(device, payload);
  return std::memcmp(&found, &expected, sizeof found) == 0 ? payload : std::vector<std::byte>();
}

}  // namespace

Pipelines::Pipelines(std::shared_ptr<Device> device) : device_(std::move(device)) {
  VkPushConstantRange push{VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof(PushConstants)};
  VkPipelineLayoutCreateInfo layout_info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
  layout_info.pushConstantRangeCount = 1;
  layout_info.pPushConstantRanges = &push;
  VkDescriptorSetLayout set_layout = VK_NULL_HANDLE;
  if (device_->storage_buffers()) {
    std::array<VkDescriptorSetLayoutBinding, kMaxBuffers> bindings{};
    for (std::uint32_t i = 0; i < bindings.size(); ++i) {
      bindings[i] = {i, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr};
    }
    VkDescriptorSetLayoutCreateInfo set_info{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    set_info.bindingCount = static_cast<std::uint32_t>(bindings.size());
    set_info.pBindings = bindings.data();
    UNBLUR_VK(vkCreateDescriptorSetLayout(device_->get(), &set_info, nullptr, &set_layout));
    set_layout_ = SetLayoutHandle(device_->get(), set_layout);
    layout_info.setLayoutCount = 1;
    layout_info.pSetLayouts = &set_layout;
  }
  VkPipelineLayout layout = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreatePipelineLayout(device_->get(), &layout_info, nullptr, &layout));
  layout_ = PipelineLayoutHandle(device_->get(), layout);

  std::vector<std::byte> stored;
  if (const auto folder = cache_folder(); !folder.empty()) {
    cache_file_ = folder / fmt::format("pipelines-{}.bin", device_->physical().info.uuid);
    stored = read_cache(cache_file_, device_->physical());
  }
  cache_was_read_ = !stored.empty();
  VkPipelineCacheCreateInfo cache_info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
  cache_info.initialDataSize = stored.size();
  cache_info.pInitialData = stored.data();
  VkPipelineCache cache = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreatePipelineCache(device_->get(), &cache_info, nullptr, &cache));
  cache_ = PipelineCacheHandle(device_->get(), cache);
}

Pipelines::~Pipelines() { save(); }

PipelineHandle Pipelines::compile(const PipelineKey& key) const {
  const std::string name = device_->storage_buffers() ? key.shader + "_ssbo" : key.shader;
  const std::optional<std::span<const std::uint32_t>> code = find_shader(name);
  if (!code) throw ProcessingError("there is no shader \"" + name + "\" in this build");

  VkShaderModuleCreateInfo module_info{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
  module_info.codeSize = code->size_bytes();
  module_info.pCode = code->data();
  VkShaderModule module = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateShaderModule(device_->get(), &module_info, nullptr, &module));
  const ShaderHandle owner(device_->get(), module);

  std::vector<VkSpecializationMapEntry> entries(key.specialization.size());
  for (std::uint32_t i = 0; i < entries.size(); ++i) entries[i] = {i, i * 4, 4};
  const VkSpecializationInfo constants{static_cast<std::uint32_t>(entries.size()), entries.data(),
                                       key.specialization.size() * 4, key.specialization.data()};
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup{
      VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO};
  subgroup.requiredSubgroupSize = key.subgroup_size;
  VkComputePipelineCreateInfo info{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
  info.layout = layout_.get();
  info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
  info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
  info.stage.module = module;
  info.stage.pName = "main";
  info.stage.pSpecializationInfo = &constants;
  if (key.subgroup_size != 0 && device_->caps().subgroup_size_control) {
    info.stage.pNext = &subgroup;
    info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
  }
  VkPipeline pipeline = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateComputePipelines(device_->get(), cache_.get(), 1, &info, nullptr, &pipeline));
  device_->set_name(VK_OBJECT_TYPE_PIPELINE, reinterpret_cast<std::uint64_t>(pipeline), name);
  return {device_->get(), pipeline};
}

std::vector<VkPipeline> Pipelines::get(std::span<const PipelineKey> keys) {
  const std::scoped_lock lock(mutex_);
  std::vector<PipelineKey> missing;
  for (const PipelineKey& key : keys) {
    if (!made_.contains(key) && std::ranges::find(missing, key) == missing.end()) missing.push_back(key);
  }
  std::vector<PipelineHandle> compiled(missing.size());
  std::vector<std::exception_ptr> errors(missing.size());
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < missing.size(); i = next++) {
      try {
        compiled[i] = compile(missing[i]);
      } catch (...) {
        errors[i] = std::current_exception();
      }
    }
  };
  {
    const std::size_t count = std::min<std::size_t>(missing.size(), std::thread::hardware_concurrency());
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < count; ++i) threads.emplace_back(work);
    work();
  }
  for (const auto& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  for (std::size_t i = 0; i < missing.size(); ++i) made_.emplace(missing[i], std::move(compiled[i]));
  dirty_ = dirty_ || !missing.empty();

  std::vector<VkPipeline> result;
  for (const PipelineKey& key : keys) result.push_back(made_.at(key).get());
  return result;
}

void Pipelines::save() noexcept {
  try {
    const std::scoped_lock lock(mutex_);
    if (!dirty_ || cache_file_.empty()) return;
    std::size_t size = 0;
    UNBLUR_VK(vkGetPipelineCacheData(device_->get(), cache_.get(), &size, nullptr));
    std::vector<std::byte> payload(size);
    UNBLUR_VK(vkGetPipelineCacheData(device_->get(), cache_.get(), &size, payload.data()));
    payload.resize(size);
    std::filesystem::create_directories(cache_file_.parent_path());
    const CacheHeader header = header_for(device_->physical(), payload);
    const std::filesystem::path part = fmt::format("{}.{}.part", cache_file_.string(), ::getpid());
    {
      std::ofstream file(part, std::ios::binary);
      file.write(reinterpret_cast<const char*>(&header), sizeof header);
      file.write(reinterpret_cast<const char*>(payload.data()), static_cast<std::streamsize>(size));
      if (!file.flush()) throw std::runtime_error("write failed");
    }
    std::filesystem::rename(part, cache_file_);
    dirty_ = false;
  } catch (const std::exception& error) {
    spdlog::debug("pipeline cache not written: {}", error.what());
  }
}

}  // namespace unblur::vk
