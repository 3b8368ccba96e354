// SPDX-License-Identifier: MIT
// Frames per second of a whole network on a Vulkan device, with the share of each kernel:
//   bench_frames [rt|balanced|motion-etr-quad|MODEL.safetensors|...] [WIDTHxHEIGHT] [frames] [fp32|fp16]
//   [device]
// Several models with commas between take turns, and are held against the first. Frames are 8-bit 4:2:0.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <sstream>

#include "bench.h"
#include "graph/error.h"
#include "vulkan/backend.h"

namespace {

using namespace unblur;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

double processor_ms() { return 1e3 * bench::processor_seconds(); }

std::vector<Frame> noise_frames(const FrameFormat& format, int count) {
  std::vector<Frame> frames;
  std::mt19937 random(2);
  for (int i = 0; i < count; ++i) {
    Frame& frame = frames.emplace_back(format);
    for (std::byte& b : frame.data) b = static_cast<std::byte>(64 + random() % 128);
  }
  return frames;
}

/// Receives everything, keeping as many frames in flight as the session takes.
std::vector<Result> run(Session& session, const std::vector<Frame>& frames, int count) {
  std::vector<Result> results;
  const int window_size = session.max_offset() - session.min_offset() + 1;
  for (int sent = 0; static_cast<int>(results.size()) < count;) {
    if (sent < count && session.in_flight() < session.max_in_flight()) {
      std::vector<const Frame*> window;
      for (int k = 0; k < window_size; ++k) {
        window.push_back(&frames[static_cast<std::size_t>(sent + k) % frames.size()]);
      }
      session.submit(window);
      ++sent;
    } else {
      results.push_back(session.receive());
    }
  }
  return results;
}

void print_shares(const std::vector<Result>& results, std::int64_t multiply_adds) {
  std::map<std::string, double> by_kernel;
  std::map<std::string, double> by_node;
  double total = 0;
  for (const Result& r : results) {
    for (const NodeTime& t : r.times) {
      const double ms = t.ms / static_cast<double>(results.size());
      by_kernel[t.kernel] += ms;
      by_node[t.name + " (" + t.kernel + ")"] += ms;
      total += ms;
    }
  }
  const auto print = [&](const std::map<std::string, double>& rows, std::size_t most) {
    std::vector<std::pair<double, std::string>> sorted;
    for (const auto& [name, ms] : rows) sorted.emplace_back(ms, name);
    std::ranges::sort(sorted, std::greater<>());
    for (std::size_t i = 0; i < std::min(most, sorted.size()); ++i) {
      fmt::print("  {:8.2f} ms {:5.1f} %  {}\n", sorted[i].first, 100.0 * sorted[i].first / total,
                 sorted[i].second);
    }
  };
  fmt::print("per kernel, of {:.1f} ms per frame ({:.1f} G multiply-adds/s):\n", total,
             static_cast<double>(multiply_adds) / total / 1e6);
  print(by_kernel, 20);
  fmt::print("the slowest nodes:\n");
  print(by_node, 15);
}

/// Models in turns, so that whatever else the machine does meets all of them.
void take_turns(Backend& backend, const std::vector<std::string>& names, BindOptions options, int rounds) {
  constexpr int kFramesPerTurn = 2;
  const std::vector<Frame> frames = noise_frames(options.format, 8);
  struct Contender {
    std::unique_ptr<Session> session;
    std::vector<double> wall, work;  // ms per frame, a turn each
  };
  std::vector<Contender> contenders;
  for (const std::string& name : names) {
    const auto model = bench::load_model(name);
    options.named_outputs = bench::outputs_to_ask_for(model->graph);
    contenders.push_back({backend.bind(model, options), {}, {}});
    (void)run(*contenders.back().session, frames, 2);  // kernels are compiled here
  }
  for (int round = 0; round < rounds; ++round) {
    for (Contender& c : contenders) {
      const auto start = Clock::now();
      const double processor = processor_ms();
      (void)run(*c.session, frames, kFramesPerTurn);
      c.wall.push_back(ms_since(start) / kFramesPerTurn);
      c.work.push_back((processor_ms() - processor) / kFramesPerTurn);
    }
  }
  const auto median = [](std::vector<double> v) {
    std::ranges::sort(v);
    return v[v.size() / 2];
  };
  fmt::print("medians of {} turns of {} frames, ms per frame; in brackets over those of {}\n", rounds,
             kFramesPerTurn, names.front());
  for (std::size_t i = 0; i < names.size(); ++i) {
    const double wall = median(contenders[i].wall), work = median(contenders[i].work);
    fmt::print("  {:<40} wall {:8.1f} ({:.3f})  processor {:8.1f} ({:.3f})\n", names[i], wall,
               wall / median(contenders[0].wall), work, work / median(contenders[0].work));
  }
}

std::vector<std::string> split_names(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream in(list);
  for (std::string name; std::getline(in, name, ',');) names.push_back(name);
  return names;
}

int run_benchmark(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) {
    return std::string(argc > i ? argv[i] : otherwise);
  };
  const std::string size = argument(2, "640x360");
  const int count = std::stoi(argument(3, "20"));
  BindOptions options;
  options.format.layout = PixelLayout::kYuv420;
  options.format.width = std::stoi(size);
  options.format.height = std::stoi(size.substr(size.find('x') + 1));
  options.precision = argument(4, "fp32") == "fp16" ? Precision::kFp16 : Precision::kFp32;

  const auto backend = create_vulkan_backend({argument(5, "")});
  fmt::print("{}, {}\n", backend->device().name, backend->device().driver);
  if (const std::vector<std::string> names = split_names(argument(1, "rt")); names.size() > 1) {
    take_turns(*backend, names, options, count);
    return 0;
  }
  const auto model = bench::load_model(argument(1, "rt"));
  options.named_outputs = bench::outputs_to_ask_for(model->graph);
  const std::vector<Frame> frames = noise_frames(options.format, 8);

  auto start = Clock::now();
  auto session = backend->bind(model, options);
  const PlanReport report = session->report();
  fmt::print("{} {} {}: {:.2f} G multiply-adds, {} dispatches, {:.1f} MiB, bound in {:.0f} ms\n",
             argument(1, "rt"), size, report.precision, static_cast<double>(report.multiply_adds) / 1e9,
             report.dispatches, static_cast<double>(report.total_bytes()) / 1048576.0, ms_since(start));
  start = Clock::now();
  double processor = processor_ms();
  (void)run(*session, frames, 2);
  fmt::print("first two frames (compilation included): {:.0f} ms, processor {:.0f} ms\n", ms_since(start),
             processor_ms() - processor);

  start = Clock::now();
  processor = processor_ms();
  const std::vector<Result> plain = run(*session, frames, count);
  const double wall = ms_since(start) / count;
  const double work = (processor_ms() - processor) / count;
  std::vector<double> device;
  for (const Result& r : plain) device.push_back(r.gpu_ms);
  std::ranges::sort(device);
  fmt::print(
      "{:.2f} fps ({:.1f} ms per frame, processor {:.1f} ms, device {:.1f} ms median, {:.1f} ms least)\n",
      1000.0 / wall, wall, work, device[device.size() / 2], device.front());

  session.reset();
  options.time_nodes = true;
  session = backend->bind(model, options);
  (void)run(*session, frames, 2);
  print_shares(run(*session, frames, std::max(2, count / 4)), report.multiply_adds);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run_benchmark(argc, argv);
  } catch (const unblur::Error& error) {
    fmt::print(stderr, "bench_frames: error: {}\n", error.what());
    return error.exit_code();
  }
}
