// SPDX-License-Identifier: MIT
#include "vulkan/single_op.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>

#include "vulkan/check.h"
#include "vulkan/layout.h"
#include "vulkan/recorder.h"

namespace unblur::vk {
namespace {

constexpr std::byte kPoison{0xff};  // NaN in both storages

Binding whole(const Buffer& buffer, std::uint64_t element) { return {&buffer, 0, 0, buffer.size(), element}; }

QueryPoolHandle make_queries(VkDevice device, std::uint32_t count) {
  VkQueryPoolCreateInfo info{VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO};
  info.queryType = VK_QUERY_TYPE_TIMESTAMP;
  info.queryCount = count;
  VkQueryPool pool = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateQueryPool(device, &info, nullptr, &pool));
  return {device, pool};
}

double fastest_ms(const Device& device, VkQueryPool queries, std::uint32_t count) {
  std::vector<std::uint64_t> ticks(count);
  UNBLUR_VK(vkGetQueryPoolResults(device.get(), queries, 0, count, count * 8, ticks.data(), 8,
                                  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
  double best = std::numeric_limits<double>::infinity();
  for (std::uint32_t i = 1; i < count; ++i) {
    best = std::min(best, static_cast<double>(ticks[i] - ticks[i - 1]));
  }
  return best * device.physical().limits.timestamp_ns * 1e-6;
}

void inspect_output(const Buffer& buffer, const TensorView& view, SingleOpResult& result) {
  const std::span<const std::byte> memory = buffer.mapped();
  result.values = unpack_nhwc(memory, view);
  const std::size_t bytes = element_bytes(view.storage);
  const int used_end = view.channel_offset + view.c;
  const int padded_end = view.channel_offset + (view.c + 7) / 8 * 8;
  for (std::size_t pixel = 0; pixel < static_cast<std::size_t>(view.w) * view.h; ++pixel) {
    for (int c = 0; c < view.pixel_stride; ++c) {
      const std::byte* at = memory.data() + (pixel * view.pixel_stride + c) * bytes;
      const auto all = [&](std::byte b) {
        return std::all_of(at, at + bytes, [&](std::byte x) { return x == b; });
      };
      if (c >= used_end && c < padded_end) {
        // Negative zero is a zero, too.
        result.padding_is_zero =
            result.padding_is_zero &&
            (all(std::byte{0}) || (at[bytes - 1] == std::byte{0x80} && at[0] == std::byte{0}));
      } else if (c < view.channel_offset || c >= padded_end) {
        result.outside_untouched = result.outside_untouched && all(kPoison);
      }
    }
  }
}

}  // namespace

Step single_step(const std::string& name, const Op& op, std::span<const Shape> shapes, const Trial& trial,
                 Storage storage) {
  Step step;
  step.name = name;
  step.op = op;
  for (const Shape& shape : shapes) step.inputs.push_back(whole_view(shape, storage));
  step.output = whole_view(trial.truth.shape, storage);
  step.parameters = &trial.parameters;
  step.weights = storage;
  return step;
}

SingleOpResult run_kernel(const std::shared_ptr<Device>& device, Pipelines& pipelines, const Step& step,
                          const Kernel& kernel, std::span<const std::vector<float>> inputs,
                          const SingleOpOptions& options) {
  assert(inputs.size() == step.inputs.size());
  // Mapped memory everywhere: this is for tests, and host-visible memory exists on every device.
  std::vector<Buffer> buffers;
  std::vector<Binding> bindings;
  buffers.reserve(inputs.size() + 2);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const TensorView& view = step.inputs[i];
    const Buffer& b = buffers.emplace_back(device, row_bytes(view) * view.h, MemoryUse::kUpload, "input");
    std::ranges::fill(b.mapped(), kPoison);
    pack_nhwc(inputs[i], view, b.mapped());
    b.flush();
    bindings.push_back(whole(b, element_bytes(view.storage)));
  }
  const Buffer& output =
      buffers.emplace_back(device, row_bytes(step.output) * step.output.h, MemoryUse::kReadback, "output");
  std::ranges::fill(output.mapped(), kPoison);
  output.flush();
  bindings.push_back(whole(output, element_bytes(step.output.storage)));
  if (!kernel.weights.empty()) {
    const Buffer& b = buffers.emplace_back(device, kernel.weights.size(), MemoryUse::kUpload, "weights");
    std::memcpy(b.mapped().data(), kernel.weights.data(), kernel.weights.size());
    b.flush();
    bindings.push_back(whole(b, 4));
  }

  const PipelineKey key{kernel.shader, kernel.specialization, kernel.required_subgroup_size};
  const VkPipeline pipeline = pipelines.get({&key, 1}).front();
  const int step_rows = options.row_step > 0 ? options.row_step : step.output.h;
  const auto per_repeat = static_cast<std::uint32_t>((step.output.h + step_rows - 1) / step_rows);
  const auto repeats = static_cast<std::uint32_t>(options.repeats);
  Recorder recorder(device, pipelines, device->physical().compute_family, per_repeat * repeats);
  const QueryPoolHandle queries = options.time ? make_queries(device->get(), repeats + 1) : QueryPoolHandle();
  const VkCommandBuffer commands = recorder.begin(step.name);
  if (options.time) {
    vkCmdResetQueryPool(commands, queries.get(), 0, repeats + 1);
    vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries.get(), 0);
  }
  for (std::uint32_t r = 0; r < repeats; ++r) {
    for (int y = 0; y < step.output.h; y += step_rows) {
      recorder.dispatch(commands, pipeline, bindings,
                        kernel.dispatch(y, std::min(y + step_rows, step.output.h)));
      recorder.barrier(commands);
    }
    if (options.time) {
      vkCmdWriteTimestamp(commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, queries.get(), r + 1);
    }
  }
  recorder.barrier_to_host(commands);
  recorder.end(commands);
  submit_and_wait(*device, commands);

  SingleOpResult result;
  output.invalidate();
  inspect_output(output, step.output, result);
  if (options.time) result.ms = fastest_ms(*device, queries.get(), repeats + 1);
  return result;
}

}  // namespace unblur::vk
