// SPDX-License-Identifier: MIT
// unblur_bench: operators of the shipped networks one by one on a Vulkan device, with the share of a
// multiply-add ceiling that is measured in the same rounds. Prints a table, writes JSON.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "graph/error.h"
#include "graph/op_registry.h"
#include "networks/networks.h"
#include "vulkan/layout.h"
#include "vulkan_bench.h"

namespace unblur::bench {
namespace {

struct Options {
  std::string device, network = "rt", filter, json, kernel;
  int width = 640, height = 360, rounds = 9;
  bool half = false, convolutions_only = false;
};

struct Row {
  std::string what;
  vk::Step step;
  double flop = 0, bytes = 0;
  int count = 1;  ///< nodes of the network that look like this
  std::string kernel;
  std::unique_ptr<Workload> work;
  std::vector<double> device_s, cpu_s;
};

double bytes_of(const vk::TensorView& v) {
  return static_cast<double>(v.h) * v.w * v.c * static_cast<double>(vk::element_bytes(v.storage));
}

std::string shape_text(const vk::Step& step) {
  const vk::TensorView& in = step.inputs.front();
  return fmt::format("{} {}x{}x{} -> {}x{}x{}", describe(step.op), in.c, in.h, in.w, step.output.c,
                     step.output.h, step.output.w);
}

void measure_sizes(Row& row) {
  row.bytes = bytes_of(row.step.output);
  for (const vk::TensorView& view : row.step.inputs) row.bytes += bytes_of(view);
  if (const auto* conv = std::get_if<op::Conv2d>(&row.step.op)) {
    const double terms =
        static_cast<double>(row.step.inputs[0].c) / conv->groups * conv->kernel.h * conv->kernel.w;
    row.flop = 2.0 * terms * row.step.output.c * row.step.output.h * row.step.output.w;
  }
}

/// The two layers that the project's goal is stated for.
void add_goal_rows(const Options& options, TensorMap& parameters, std::vector<Row>& rows) {
  for (const int c : {32, 64}) {
    Row row;
    const std::string weight = fmt::format("goal{}", c);
    parameters[weight] = Tensor(DType::kF32, {c, c, 3, 3});
    for (float& w : parameters[weight].f32()) w = 0.01F;
    op::Conv2d conv;
    conv.weight = weight;
    conv.out_channels = c;
    conv.pad = Margins::all(1);
    const vk::Storage storage = options.half ? vk::Storage::kF16Packed : vk::Storage::kF32;
    row.step.name = weight;
    row.step.op = conv;
    row.step.epilogue.activation = op::Unary{};
    row.step.inputs = {vk::whole_view({c, 360, 640}, storage)};
    row.step.output = row.step.inputs[0];
    row.step.weights = storage;
    row.step.parameters = &parameters;
    row.what = fmt::format("goal: 3x3 {} -> {} + relu, 640x360", c, c);
    measure_sizes(row);
    rows.push_back(std::move(row));
  }
}

/// Distinct steps of the network, each operator alone (no fusion).
void add_network_rows(const Options& options, const Graph& graph, const TensorMap& parameters,
                      std::vector<Row>& rows) {
  const int multiple = 16;
  const int height = (options.height + multiple - 1) / multiple * multiple;
  const int width = (options.width + multiple - 1) / multiple * multiple;
  const std::vector<Shape> shapes = infer_shapes(graph, height, width);
  const vk::Storage storage = options.half ? vk::Storage::kF16Packed : vk::Storage::kF32;
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (node.inputs.empty()) continue;
    if (options.convolutions_only && !std::holds_alternative<op::Conv2d>(node.op)) continue;
    Row row;
    row.step.name = node.name;
    row.step.op = node.op;
    for (const Value v : node.inputs) {
      row.step.inputs.push_back(vk::whole_view(shapes[static_cast<std::size_t>(v.id)], storage));
    }
    row.step.output = vk::whole_view(shapes[i], storage);
    row.step.weights = storage;
    row.step.parameters = &parameters;
    row.what = shape_text(row.step);
    if (const auto found = seen.find(row.what); found != seen.end()) {
      ++rows[found->second].count;
      continue;
    }
    seen[row.what] = rows.size();
    measure_sizes(row);
    rows.push_back(std::move(row));
  }
}

void prepare(const std::shared_ptr<vk::Device>& device, vk::Pipelines& pipelines, const Options& options,
             Row& row) {
  const bool convolution = std::holds_alternative<op::Conv2d>(row.step.op);
  const vk::Kernel kernel = make_kernel(row.step, device->caps(), convolution ? options.kernel : "");
  std::vector<std::uint64_t> bytes;
  for (const vk::TensorView& v : row.step.inputs) bytes.push_back(vk::row_bytes(v) * v.h);
  bytes.push_back(vk::row_bytes(row.step.output) * row.step.output.h);
  row.kernel = kernel.shader;
  row.work = std::make_unique<Workload>(device, pipelines, row.step.name, kernel, bytes, row.step.output.h);
}

/// Rates come from CPU time where the device is the CPU: the time that the kernel took, not what it waited
/// for.
double seconds(const std::vector<double>& device_s, const std::vector<double>& cpu_s, bool cpu_device) {
  if (!cpu_device) return summarize(device_s).median;
  return summarize(cpu_s).median / std::max(1U, std::thread::hardware_concurrency());
}

nlohmann::json report(const Row& row, double ceiling, double ceiling_wall, bool cpu_device) {
  const double s = seconds(row.device_s, row.cpu_s, cpu_device);
  const Summary wall = summarize(row.device_s);
  const double gflops = row.flop / s * 1e-9;
  fmt::print("{:68} {:11} x{:<2} {:8.2f} ms ({:6.2f}-{:6.2f}) {:6.1f} GFLOP/s {:5.1f} GB/s", row.what,
             row.kernel, row.count, wall.median * 1e3, wall.low * 1e3, wall.high * 1e3, gflops,
             row.bytes / s * 1e-9);
  if (row.flop > 0) {
    fmt::print("  share {:.3f} (wall {:.3f})", gflops / ceiling,
               row.flop / wall.median * 1e-9 / ceiling_wall);
  }
  fmt::print("  first use {:.2f} s ({:.2f} s CPU)\n", row.work->first_use_s(), row.work->first_use_cpu_s());
  return {{"what", row.what},
          {"kernel", row.kernel},
          {"count", row.count},
          {"ms", wall.median * 1e3},
          {"ms_quartiles", {wall.low * 1e3, wall.high * 1e3}},
          {"seconds_for_rates", s},
          {"gflops", gflops},
          {"gb_per_s", row.bytes / s * 1e-9},
          {"share_of_ceiling", gflops / ceiling},
          {"first_use_s", row.work->first_use_s()},
          {"first_use_cpu_s", row.work->first_use_cpu_s()}};
}

void run(const Options& options) {
  const std::shared_ptr<vk::Device> device = vk::Device::open(options.device);
  const bool cpu_device = device->caps().cpu_device;
  vk::Pipelines pipelines(device);
  const Graph graph = build_network(options.network).graph;
  TensorMap parameters = initial_parameters(graph, 1);
  std::vector<Row> rows;
  add_goal_rows(options, parameters, rows);
  add_network_rows(options, graph, parameters, rows);
  if (!options.filter.empty()) {
    std::erase_if(rows, [&](const Row& r) { return r.what.find(options.filter) == std::string::npos; });
  }
  const std::string date = fmt::format("{:%Y-%m-%d %H:%M} UTC", fmt::gmtime(std::time(nullptr)));
  fmt::print("{} | {} | {} | {}\n", device->physical().info.name, device->physical().info.driver, date,
             options.half ? "fp16 packed" : "fp32");

  const std::unique_ptr<Workload> ceiling = make_ceiling(device, pipelines);
  for (Row& row : rows) prepare(device, pipelines, options, row);
  std::vector<double> ceiling_device;
  std::vector<double> ceiling_cpu;
  for (int round = 0; round <= options.rounds; ++round) {
    for (Row& row : rows) {
      // The ceiling before every row, so that both see the same neighbours; round 0 warms up.
      const Sample top = ceiling->run();
      const Sample sample = row.work->run();
      if (round == 0) continue;
      ceiling_device.push_back(top.device_s);
      ceiling_cpu.push_back(top.cpu_s);
      row.device_s.push_back(sample.device_s);
      row.cpu_s.push_back(sample.cpu_s);
    }
  }
  const double top = Ceiling::kFlop / seconds(ceiling_device, ceiling_cpu, cpu_device) * 1e-9;
  const double top_wall = Ceiling::kFlop / summarize(ceiling_device).median * 1e-9;
  fmt::print("multiply-add ceiling {:.1f} GFLOP/s{} (wall {:.1f})\n", top, cpu_device ? " of CPU time" : "",
             top_wall);
  nlohmann::json out{{"device", device->physical().info.name},
                     {"driver", device->physical().info.driver},
                     {"date", date},
                     {"storage", options.half ? "fp16 packed" : "fp32"},
                     {"rates_from", cpu_device ? "process CPU time / hardware threads" : "timestamps"},
                     {"ceiling_gflops", top},
                     {"rows", nlohmann::json::array()}};
  for (const Row& row : rows) out["rows"].push_back(report(row, top, top_wall, cpu_device));
  if (!options.json.empty()) std::ofstream(options.json) << out.dump(1) << '\n';
}

}  // namespace
}  // namespace unblur::bench

// Only setting the options up could throw, and only for want of memory.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  CLI::App app{"Operators of a network on a Vulkan device, against the multiply-add ceiling of the same run"};
  unblur::bench::Options options;
  app.add_option("-d,--device", options.device, "index, UUID or part of the name");
  app.add_option("--network", options.network, "whose layers are measured");
  app.add_option("--width", options.width)->check(CLI::Range(16, 16384));
  app.add_option("--height", options.height)->check(CLI::Range(16, 16384));
  app.add_option("--rounds", options.rounds)->check(CLI::Range(1, 1000));
  app.add_option("--filter", options.filter, "only rows whose text contains this");
  app.add_option("--kernel", options.kernel, "convolution kernel instead of the chosen one (conv_tile)");
  app.add_option("--json", options.json, "write all numbers to this file");
  app.add_flag("--half", options.half, "fp16 storage");
  app.add_flag("--convolutions", options.convolutions_only, "leave out the other operators");
  CLI11_PARSE(app, argc, argv);
  try {
    unblur::bench::run(options);
  } catch (const unblur::Error& e) {
    fmt::print(stderr, "unblur_bench: error: {}\n", e.what());
    return e.exit_code();
  }
  return 0;
}
