// SPDX-License-Identifier: MIT
// Where the time of a frame goes in PVDNet and Motion-ETR, on a Vulkan device and on the LibTorch executor,
// in one run:
//   bench_stages [pvdnet|motion-etr-quad|MODEL.safetensors|...] [WIDTHxHEIGHT] [rounds] [fp32|fp16] [device]
// Stages of PVDNet: flow (BIMNet), volume (pixel volume), network; of the offset network: features (conv_1 to
// conv_3), offsets (the way back up), paths (their expansion); of the motion-aware network: paths (offset
// network), encoders, decoders, deformed (deformable layers and their taps); frames: colour and copies. Both
// executors have the same weights and frames; they, and a loop of nothing but multiply-adds (the floor), take
// turns. On a busy machine only ratios mean something.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <random>
#include <thread>

#include "bench.h"
#include "graph/error.h"
#include "vulkan/backend.h"
#include "vulkan_bench.h"

namespace {

using namespace unblur;

/// The parts of a network, told apart by the names of nodes.
struct Stages {
  std::vector<const char*> names;  ///< the last one: colour and copies
  std::size_t (*of)(std::string_view node);
};
using PerStage = std::vector<double>;

bool is_copy(std::string_view node) {
  return node == "colour" || node == "upload" || node == "download" || node == "frame.kept";
}

std::size_t pvdnet_stage(std::string_view node) {
  if (is_copy(node)) return 3;
  if (node == "volume") return 1;
  return node.starts_with("PVDNet.") ? 2 : 0;
}

std::size_t offset_stage(std::string_view node) {
  if (is_copy(node)) return 3;
  if (node == "offsets") return 2;
  const bool back = node.starts_with("bottleneck_") || node.starts_with("uconv_") ||
                    node.starts_with("concat_") || node.starts_with("conv_out_");
  return back ? 1 : 0;
}

std::size_t motion_aware_stage(std::string_view node) {
  if (is_copy(node)) return 4;
  if (node.starts_with("offset_net.")) return 0;
  if (node.find("dcn_") != std::string_view::npos || node.find("taps") != std::string_view::npos) return 3;
  return node.find("decoder_lv") != std::string_view::npos ? 2 : 1;
}

Stages stages_of(const ModelInfo& info) {
  if (!info.trajectory) return {{"flow", "volume", "network", "frames"}, pvdnet_stage};
  if (info.task == "trajectory") return {{"features", "offsets", "paths", "frames"}, offset_stage};
  return {{"paths", "encoders", "decoders", "deformed", "frames"}, motion_aware_stage};
}

double processor_ms() { return 1e3 * bench::processor_seconds(); }

/// Multiply-adds of each stage at the size that the model computes.
PerStage multiply_adds_of(const Model& model, const Stages& stages, const FrameFormat& format) {
  const auto padded = [&](int size) {
    const int multiple = model.info.size_multiple;
    return (std::max(size, model.info.min_size) + multiple - 1) / multiple * multiple;
  };
  const std::vector<Shape> shapes = infer_shapes(model.graph, padded(format.height), padded(format.width));
  const std::vector<std::int64_t> counts = node_multiply_adds(model.graph, shapes);
  PerStage sums(stages.names.size());
  for (std::size_t i = 0; i < counts.size(); ++i) {
    sums[stages.of(model.graph.nodes()[i].name)] += static_cast<double>(counts[i]);
  }
  return sums;
}

/// One executor and what its frames took. The first frame, which compiles, does not count.
struct Contestant {
  std::string name;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Session> session;
  Stages stages;
  std::vector<std::vector<double>> ms = std::vector<std::vector<double>>(stages.names.size());
  std::vector<double> total_ms, work_ms;

  /// Frame `at`, with the neighbours that the model asks for.
  void run(const std::vector<Frame>& frames, std::size_t at, bool counts) {
    std::vector<const Frame*> window;
    for (int k = session->min_offset(); k <= session->max_offset(); ++k)
      window.push_back(&frames[(at + frames.size() + static_cast<std::size_t>(k)) % frames.size()]);
    const double before = processor_ms();
    session->submit(window);
    const Result result = session->receive();
    const double work = processor_ms() - before;
    if (!counts) return;
    PerStage sums(stages.names.size());
    double total = 0;
    for (const NodeTime& t : result.times) {
      sums[stages.of(t.name)] += t.ms;
      total += t.ms;
    }
    for (std::size_t i = 0; i < sums.size(); ++i) ms[i].push_back(sums[i]);
    total_ms.push_back(total);
    work_ms.push_back(work);
  }
};

double median(const std::vector<double>& values) { return bench::summarize(values).median; }

void print(const Contestant& a, const Contestant& b, const PerStage& adds, double ceiling_per_thread) {
  fmt::print("{:8} {:>8} | {:>10} {:>6} {:>8} | {:>10} {:>6} | {:>12}\n", "stage", "G MAC", a.name + " ms",
             "share", "of peak", b.name + " ms", "share", a.name + "/" + b.name);
  const double total_a = median(a.total_ms), total_b = median(b.total_ms);
  // Time of a stage as processor time: its share of what the frame took.
  const auto work = [&](double ms) { return ms / total_a * median(a.work_ms); };
  double all = 0;
  for (std::size_t i = 0; i < adds.size(); ++i) {
    const double x = median(a.ms[i]), y = median(b.ms[i]);
    all += adds[i];
    // LibTorch's times are of nodes: it converts colours outside of them.
    const std::string ratio = y > 0 ? fmt::format("{:.2f}", x / y) : "-";
    fmt::print("{:8} {:8.2f} | {:10.1f} {:5.1f}% {:8.3f} | {:10.1f} {:5.1f}% | {:>12}\n", a.stages.names[i],
               adds[i] / 1e9, x, 100 * x / total_a, 2e-6 * adds[i] / ceiling_per_thread / work(x), y,
               100 * y / total_b, ratio);
  }
  const double floor = 2e-6 * all / ceiling_per_thread;
  fmt::print("{:8} {:8.2f} | {:10.1f} {:>6} {:8.3f} | {:10.1f} {:>6} | {:12.2f}\n", "frame", all / 1e9,
             total_a, "", floor / median(a.work_ms), total_b, "", total_a / total_b);
  fmt::print("processor time per frame: {} {:.0f} ms, {} {:.0f} ms, ratio {:.2f}\n", a.name,
             median(a.work_ms), b.name, median(b.work_ms), median(a.work_ms) / median(b.work_ms));
  fmt::print(
      "floor: {:.0f} ms of processor time, all multiply-adds at the ceiling ({:.1f} GFLOP/s per thread)\n",
      floor, ceiling_per_thread);
}

int run_benchmark(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) {
    return std::string(argc > i ? argv[i] : otherwise);
  };
  const std::string size = argument(2, "640x360");
  const int rounds = std::stoi(argument(3, "5"));
  BindOptions options;
  options.format = {PixelLayout::kYuv420, 8, std::stoi(size), std::stoi(size.substr(size.find('x') + 1)), {}};
  options.precision = argument(4, "fp32") == "fp16" ? Precision::kFp16 : Precision::kFp32;
  options.time_nodes = true;
  const auto model = bench::load_model(argument(1, "pvdnet"));

  options.named_outputs = bench::outputs_to_ask_for(model->graph);

  const Stages stages = stages_of(model->info);
  Contestant vulkan{.name = "Vulkan", .backend = create_vulkan_backend({argument(5, "")}), .stages = stages};
  Contestant torch{.name = "LibTorch", .backend = load_torch_backend("cpu"), .stages = stages};
  vulkan.session = vulkan.backend->bind(model, options);
  options.precision = Precision::kFp32;
  torch.session = torch.backend->bind(model, options);
  const std::shared_ptr<vk::Device> device = vk::Device::open(argument(5, ""));
  vk::Pipelines pipelines(device);
  const auto ceiling = bench::make_ceiling(device, pipelines);
  fmt::print("{}, {} | {} | {} {} {}\n", vulkan.backend->device().name, vulkan.backend->device().driver,
             torch.backend->device().api, model->info.name, size, vulkan.session->report().precision);

  std::mt19937 random(2);
  std::vector<Frame> frames(static_cast<std::size_t>(rounds) + 2, Frame(options.format));
  for (Frame& frame : frames) {
    for (std::byte& b : frame.data) b = static_cast<std::byte>(64 + random() % 128);
  }
  std::vector<double> peak;
  for (std::size_t i = 0; i + 1 < frames.size(); ++i) {
    for (int k = 0; k < 3; ++k) {
      const bench::Sample sample = ceiling->run();
      const double seconds = device->caps().cpu_device ? sample.cpu_s : sample.device_s;
      if (i > 0) peak.push_back(bench::Ceiling::kFlop / seconds * 1e-9);
    }
    for (Contestant* c : {&vulkan, &torch}) c->run(frames, i, i > 0);
  }
  print(vulkan, torch, multiply_adds_of(*model, stages, options.format), median(peak));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_benchmark(argc, argv);
  } catch (const unblur::Error& error) {
    fmt::print(stderr, "bench_stages: error: {}\n", error.what());
    return error.exit_code();
  }
}
