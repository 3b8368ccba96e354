// SPDX-License-Identifier: MIT
// Deformable convolution 3x3, 32 -> 32 channels (the decoders of Motion-ETR), on a Vulkan device, against the
// LibTorch form on the CPU and against the same layer with fixed taps, in one run:
//   bench_deform [rounds] [fp32|fp16] [device] [kernel]
// The floor is all multiply-adds, those of the sampling among them, at the ceiling of the same rounds. All
// take turns; processor time is what counts on a busy machine.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <chrono>
#include <string>

#include "bench.h"
#include "graph/error.h"
#include "graph/trial.h"
#include "torch_ops.h"
#include "vulkan/layout.h"
#include "vulkan/single_op.h"
#include "vulkan_bench.h"

namespace {

using namespace unblur;

constexpr int kChannels = 32, kTaps = 9;

double wall_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// Medians of what a contestant took.
struct Times {
  std::vector<double> wall_ms, work_ms;
  [[nodiscard]] double wall() const { return bench::summarize(wall_ms).median; }
  [[nodiscard]] double work() const { return bench::summarize(work_ms).median; }
};

Trial trial_of(const Op& op, const std::vector<Shape>& shapes, bool half) {
  const std::vector<ValueRange> ranges{{-1, 1}, {-3, 3}};  // moves of a few pixels, each pixel its own
  Trial trial;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto count = static_cast<std::size_t>(shapes[i].c) * shapes[i].h * shapes[i].w;
    std::vector<float>& values = trial.inputs.emplace_back(count);
    std::uint32_t state = 1;
    for (float& v : values) {
      state = state * 1664525U + 1013904223U;
      v = ranges[i].low + static_cast<float>(state >> 8U) * 0x1p-24F * (ranges[i].high - ranges[i].low);
    }
  }
  trial.truth.shape = {kChannels, shapes[0].h, shapes[0].w};
  // Parameters as the operator tests make them, from a picture of one pixel.
  std::vector<Shape> small = shapes;
  for (Shape& s : small) s.h = s.w = 1;
  trial.parameters = make_trial(op, small, {}, half).parameters;
  return trial;
}

struct VulkanLayer {
  std::string kernel;
  std::unique_ptr<bench::Workload> work;
  Times times;

  VulkanLayer(const std::shared_ptr<vk::Device>& device, vk::Pipelines& pipelines, const Op& op,
              const std::vector<Shape>& shapes, const Trial& trial, vk::Storage storage,
              const std::string& forced) {
    const vk::Step step = vk::single_step(std::string(op_name(op)), op, shapes, trial, storage);
    const vk::Kernel made = make_kernel(step, device->caps(), forced);
    kernel = made.shader + ", " + made.reason;
    std::vector<std::uint64_t> bytes;
    for (const vk::TensorView& v : step.inputs) bytes.push_back(vk::row_bytes(v) * v.h);
    bytes.push_back(vk::row_bytes(step.output) * step.output.h);
    work = std::make_unique<bench::Workload>(device, pipelines, step.name, made, bytes, step.output.h);
    for (std::size_t i = 0; i < step.inputs.size(); ++i) work->write(i, trial.inputs[i], step.inputs[i]);
  }
  void run(bool counts) {
    const bench::Sample sample = work->run();
    if (!counts) return;
    times.wall_ms.push_back(1e3 * sample.device_s), times.work_ms.push_back(1e3 * sample.cpu_s);
  }
};

struct TorchLayer {
  Op op;
  std::vector<at::Tensor> operands;
  TorchTensors parameters;
  Times times;

  TorchLayer(const Op& o, const std::vector<Shape>& shapes, const Trial& trial) : op(o) {
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const Shape& s = shapes[i];
      operands.push_back(at::tensor(trial.inputs[i]).view({1, s.c, s.h, s.w}));
    }
    operands[0] = operands[0].contiguous(at::MemoryFormat::ChannelsLast);
    for (const auto& [name, tensor] : trial.parameters) parameters[name] = to_torch(tensor);
  }
  void run(bool counts) {
    const at::NoGradGuard no_gradients;
    const double wall = wall_ms(), work = bench::processor_seconds();
    const at::Tensor out = apply_op(op, operands, parameters);
    if (!counts) return;
    times.wall_ms.push_back(wall_ms() - wall);
    times.work_ms.push_back(1e3 * (bench::processor_seconds() - work));
  }
};

void measure(const Shape& picture, int rounds, vk::Storage storage, const std::string& device_name,
             const std::string& forced) {
  const std::shared_ptr<vk::Device> device = vk::Device::open(device_name);
  vk::Pipelines pipelines(device);
  const op::DeformConv2d moving{
      .weight = "weight", .bias = "bias", .out_channels = kChannels, .pad = Margins::all(1)};
  const op::Conv2d fixed{
      .weight = "weight", .bias = "bias", .out_channels = kChannels, .pad = Margins::all(1)};
  const std::vector<Shape> shapes{picture, {2 * kTaps, picture.h, picture.w}};
  const bool half = storage != vk::Storage::kF32;
  const Trial trial = trial_of(moving, shapes, half);
  VulkanLayer deform(device, pipelines, moving, shapes, trial, storage, forced);
  VulkanLayer plain(device, pipelines, fixed, {picture}, trial, storage, "");
  TorchLayer torch(moving, shapes, trial);
  const auto ceiling = bench::make_ceiling(device, pipelines);
  Times top;
  for (int round = 0; round <= rounds; ++round) {
    const bool counts = round > 0;  // the first warms up
    const bench::Sample sample = ceiling->run();
    top.wall_ms.push_back(1e3 * sample.device_s), top.work_ms.push_back(1e3 * sample.cpu_s);
    deform.run(counts);
    plain.run(counts);
    torch.run(counts);
  }
  const double pixels = static_cast<double>(picture.h) * picture.w;
  const double flop = 2 * pixels * kTaps * kChannels * (kChannels + 4);
  const bool cpu = device->caps().cpu_device;
  const double floor = flop / bench::Ceiling::kFlop * (cpu ? top.work() : top.wall());
  const double ours = cpu ? deform.times.work() : deform.times.wall();
  fmt::print("{}x{}: {:.2f} GFLOP, floor {:.1f} ms{}; {} (first use {:.2f} s)\n", picture.w, picture.h,
             1e-9 * flop, floor, cpu ? " of processor time" : "", deform.kernel, deform.work->first_use_s());
  fmt::print("  Vulkan deformable {:8.1f} ms, processor {:8.1f} ms, {:.3f} of the ceiling\n",
             deform.times.wall(), deform.times.work(), floor / ours);
  fmt::print("  Vulkan plain      {:8.1f} ms, processor {:8.1f} ms; deformable takes {:.2f} times that\n",
             plain.times.wall(), plain.times.work(), ours / (cpu ? plain.times.work() : plain.times.wall()));
  fmt::print("  LibTorch CPU      {:8.1f} ms, processor {:8.1f} ms; Vulkan takes {:.2f} times that\n",
             torch.times.wall(), torch.times.work(), ours / (cpu ? torch.times.work() : torch.times.wall()));
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) {
    return std::string(argc > i ? argv[i] : otherwise);
  };
  try {
    const vk::Storage storage = argument(2, "fp32") == "fp16" ? vk::Storage::kF16Packed : vk::Storage::kF32;
    for (const Shape& picture :
         {Shape{kChannels, 360, 640}, Shape{kChannels, 180, 320}, Shape{kChannels, 90, 160}}) {
      measure(picture, std::stoi(argument(1, "5")), storage, argument(3, ""), argument(4, ""));
    }
    fmt::print("LibTorch with {} threads\n", at::get_num_threads());
    return 0;
  } catch (const unblur::Error& error) {
    fmt::print(stderr, "bench_deform: error: {}\n", error.what());
    return error.exit_code();
  }
}
