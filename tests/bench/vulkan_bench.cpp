// SPDX-License-Identifier: MIT
#include "vulkan_bench.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <random>

#include "bench.h"
#include "include/constants.h"
#include "vulkan/check.h"
#include "vulkan/layout.h"

namespace unblur::bench {
namespace {

double wall_time() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void fill_random(std::span<std::byte> memory) {
  std::minstd_rand random(1);
  for (std::size_t i = 0; i + 4 <= memory.size(); i += 4) {
    // Also two small halves where the storage is fp16.
    const float value = static_cast<float>(random() % 2048) / 4096.0F + 0.125F;
    std::memcpy(memory.data() + i, &value, 4);
  }
}

}  // namespace

Summary summarize(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {values[n / 2], values[n / 4], values[(3 * n) / 4]};
}

Workload::Workload(std::shared_ptr<vk::Device> device, vk::Pipelines& pipelines, const std::string& name,
                   const vk::Kernel& kernel, const std::vector<std::uint64_t>& buffer_bytes, int rows)
    : device_(std::move(device)) {
  std::vector<vk::Binding> bindings;
  buffers_.reserve(buffer_bytes.size() + 1);
  for (const std::uint64_t bytes : buffer_bytes) {
    vk::Buffer& b = buffers_.emplace_back(device_, bytes, vk::MemoryUse::kUpload, name);
    fill_random(b.mapped());
    b.flush();
    bindings.push_back({&b, 0, 0, b.size(), 4});
  }
  if (!kernel.weights.empty()) {
    vk::Buffer& b = buffers_.emplace_back(device_, kernel.weights.size(), vk::MemoryUse::kUpload, "weights");
    std::memcpy(b.mapped().data(), kernel.weights.data(), kernel.weights.size());
    b.flush();
    bindings.push_back({&b, 0, 0, b.size(), 4});
  }
  recorder_ = std::make_unique<vk::Recorder>(device_, pipelines, device_->physical().compute_family, 1);
  VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
  info.queryType = VK_QUERY_TYPE_TIMESTAMP;
  info.queryCount = 2;
  UNBLUR_VK(vkCreateQueryPool(device_->get(), &info, nullptr, &queries_));

  const double wall = wall_time();
  const double cpu = processor_seconds();
  const vk::PipelineKey key{kernel.shader, kernel.specialization, kernel.required_subgroup_size};
  const VkPipeline pipeline = pipelines.get({&key, 1}).front();
  commands_ = recorder_->begin(name);
  vkCmdResetQueryPool(commands_, queries_, 0, 2);
  vkCmdWriteTimestamp(commands_, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries_, 0);
  recorder_->dispatch(commands_, pipeline, bindings, kernel.dispatch(0, rows));
  recorder_->barrier(commands_);
  vkCmdWriteTimestamp(commands_, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries_, 1);
  recorder_->end(commands_);
  vk::submit_and_wait(*device_, commands_);
  first_use_s_ = wall_time() - wall;
  first_use_cpu_s_ = processor_seconds() - cpu;
}

Workload::~Workload() { vkDestroyQueryPool(device_->get(), queries_, nullptr); }

void Workload::write(std::size_t slot, std::span<const float> planar, const vk::TensorView& view) {
  vk::pack_nhwc(planar, view, buffers_[slot].mapped());
  buffers_[slot].flush();
}

Sample Workload::run() {
  const double cpu = processor_seconds();
  vk::submit_and_wait(*device_, commands_);
  Sample sample;
  sample.cpu_s = processor_seconds() - cpu;
  std::array<std::uint64_t, 2> ticks{};
  UNBLUR_VK(vkGetQueryPoolResults(device_->get(), queries_, 0, 2, sizeof ticks, ticks.data(), 8,
                                  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
  sample.device_s = static_cast<double>(ticks[1] - ticks[0]) * device_->physical().limits.timestamp_ns * 1e-9;
  return sample;
}

std::unique_ptr<Workload> make_ceiling(const std::shared_ptr<vk::Device>& device, vk::Pipelines& pipelines) {
  vk::Kernel kernel;
  kernel.shader = "multiply_add";
  kernel.specialization.assign(vk::shader::kSpecOwn, 0);
  kernel.specialization[vk::shader::kSpecGroupX] = 64;
  kernel.specialization[vk::shader::kSpecGroupY] = 1;
  kernel.dispatch = [](int, int) {
    vk::Dispatch d;
    d.groups = {Ceiling::kGroups, 1, 1};
    d.words[0] = Ceiling::kTurns;
    return d;
  };
  return std::make_unique<Workload>(device, pipelines, "ceiling", kernel,
                                    std::vector<std::uint64_t>{512, Ceiling::kGroups * 64 * 4}, 1);
}

}  // namespace unblur::bench
