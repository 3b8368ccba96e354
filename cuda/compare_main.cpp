// SPDX-License-Identifier: MIT
// unblur-compare: parse, compare, report (docs/product: conventions, exit codes).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compare.h"
#include "graph/error.h"
#include "program/endpoints.h"
#include "program/log.h"

namespace unblur {
namespace {

constexpr int kDefaultFrames = 3;
constexpr const char* kExamples =
    R"(Backends: torch:cpu, torch:cuda[:N], vulkan[:N or part of the device's name], each with +fp32 (default) or +fp16.
The first one is the reference. Exit code 6 means that the frames differ by more than the tolerance.

Examples:
  unblur-compare models/unblur-rt.safetensors clip.mp4 --backends torch:cpu,vulkan:0
  unblur-compare model.safetensors frames/ --backends vulkan:0+fp32,vulkan:0+fp16 --frames 30 --json)";

struct Options {
  std::string model, input;
  std::vector<std::string> backends;
  int frames = kDefaultFrames;
  std::optional<double> tolerance;
  bool json = false;
};

std::vector<Frame> read_frames(const std::string& input, std::size_t count) {
  const std::unique_ptr<FrameSource> source = open_source(input);
  std::vector<Frame> frames;
  TimedFrame next;
  while (frames.size() < count && source->read(next)) {
    if (!frames.empty() && next.frame.format != frames[0].format) {
      throw InputError(
          fmt::format("'{}': frame {} has another size or format than the first", input, next.index));
    }
    frames.push_back(std::move(next.frame));
  }
  return frames;
}

int look_ahead(const Graph& graph) {
  int frames = 0;
  for (const Value v : graph.inputs()) {
    frames = std::max(frames, std::get<op::Input>(graph.node(v).op).frame_offset);
  }
  return frames;
}

std::string decibels(double db) { return std::isinf(db) ? "equal" : fmt::format("{:.1f} dB", db); }

void print_table(const std::vector<FrameDifference>& all, const std::vector<BackendChoice>& choices) {
  std::string text =
      fmt::format("{:>5}  {:<12} {:>11} {:>11} {:>11} {:>10} {:>22}\n", "frame", "output", "largest", "mean",
                  "relative", "PSNR", fmt::format("{} / {} ms", choices[0].text, choices[1].text));
  for (const FrameDifference& f : all) {
    for (const OutputDifference& o : f.outputs) {
      const bool picture = o.name == "frame", first = &o == &f.outputs.front();
      text += fmt::format("{:>5}  {:<12} {:>11.3e} {:>11.3e} {:>11.3e} {:>10} {:>22}\n", f.index, o.name,
                          o.largest, o.mean, o.relative(), picture ? decibels(o.psnr_db) : "",
                          first ? fmt::format("{:.1f} / {:.1f}", f.ms[0], f.ms[1]) : "");
    }
  }
  std::fputs(text.c_str(), stdout);
}

/// JSON has no infinity: null stands for "equal" and for "not a finite number".
nlohmann::json finite(double v) { return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json(nullptr); }

nlohmann::json to_json(const FrameDifference& f) {
  nlohmann::json outputs = nlohmann::json::array();
  for (const OutputDifference& o : f.outputs) {
    outputs.push_back({{"name", o.name},
                       {"largest", finite(o.largest)},
                       {"mean", finite(o.mean)},
                       {"relative", finite(o.relative())},
                       {"psnr_db", o.name == "frame" ? finite(o.psnr_db) : nlohmann::json(nullptr)}});
  }
  return {{"frame", f.index}, {"outputs", outputs}, {"ms", {f.ms[0], f.ms[1]}}};
}

void run(const Options& options, nlohmann::json& report) {
  if (options.backends.size() != 2) throw UsageError("--backends wants two of them: torch:cpu,vulkan:0");
  const std::vector<BackendChoice> choices{parse_backend(options.backends[0]),
                                           parse_backend(options.backends[1])};
  const auto model = std::make_shared<const Model>(read_model(options.model));
  Tolerance tolerance = default_tolerance(model->graph, choices);
  if (options.tolerance) tolerance = {.relative = *options.tolerance, .reason = "--tolerance"};
  const std::vector<Frame> frames =
      read_frames(options.input, static_cast<std::size_t>(options.frames + look_ahead(model->graph)));
  if (frames.empty()) throw InputError(fmt::format("'{}' holds no frame", options.input));

  const std::unique_ptr<Backend> first = open_backend(choices[0]), second = open_backend(choices[1]);
  for (const Backend* backend : {first.get(), second.get()}) {
    report["backends"].push_back({{"name", backend->device().name}, {"driver", backend->device().driver}});
    if (!options.json) fmt::print("{}, {}\n", backend->device().name, backend->device().driver);
  }
  report["device"] = second->device().name;
  const std::vector<FrameDifference> all =
      compare_backends(model, frames, static_cast<std::size_t>(options.frames), *first, choices[0].precision,
                       *second, choices[1].precision);
  if (!options.json) print_table(all, choices);
  for (const FrameDifference& f : all) report["frames"].push_back(to_json(f));
  report["tolerance"] = tolerance.text();
  for (const FrameDifference& f : all) {
    const OutputDifference& d = f.outputs.at(0);
    if (!tolerance.holds(d)) {
      throw ToleranceError(
          fmt::format("frame {} differs by {:.3g} (relative {:.3g}, mean {:.3g}), allowed is {}", f.index,
                      d.largest, d.relative(), d.mean, tolerance.text()));
    }
  }
  if (!options.json) fmt::print("within tolerance: {}\n", tolerance.text());
}

int report_and_exit(const Options& options, nlohmann::json& report, int code, const std::string& error) {
  report["ok"] = code == 0;
  report["error"] = error.empty() ? nlohmann::json(nullptr) : nlohmann::json(error);
  if (options.json) fmt::print("{}\n", report.dump());
  if (!error.empty()) fmt::print(stderr, "unblur: error: {}\n", error);
  return code;
}

}  // namespace
}  // namespace unblur

// Only setting the options up could throw, and only for want of memory.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  using namespace unblur;
  set_up_log(0);
  Options options;
  CLI::App app{"Runs one model on one input with two backends and reports how far apart they are."};
  app.set_version_flag("-V,--version", "unblur-compare " UNBLUR_VERSION);
  app.add_option("model", options.model, "model file (.safetensors)")->required();
  app.add_option("input,-i,--input", options.input, "picture, folder of frames or video")->required();
  app.add_option("--backends", options.backends, "two backends, separated by a comma")
      ->required()
      ->delimiter(',');
  app.add_option("--frames", options.frames, "frames to compare, states carried along")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option(
         "--tolerance", options.tolerance,
         "largest allowed difference over largest value (default 1e-4; 2e-2 with fp16; with a pixel volume "
         "mean 1e-3 and maximum 0.05)")
      ->check(CLI::Range(0.0, 1e9));
  app.add_flag("--json", options.json, "one JSON object on standard output");
  app.footer(kExamples);
  nlohmann::json report{
      {"schema", 1}, {"tool", "unblur-compare"}, {"version", UNBLUR_VERSION}, {"device", nullptr}};
  try {
    app.parse(argc, argv);
    run(options, report);
    return report_and_exit(options, report, 0, "");
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // --help, --version
    return report_and_exit(options, report, static_cast<int>(ExitCode::kUsage), e.what());
  } catch (const Error& e) {
    return report_and_exit(options, report, e.exit_code(), e.what());
  } catch (const std::bad_alloc&) {
    return report_and_exit(options, report, static_cast<int>(ExitCode::kOutOfMemory), "out of memory");
  } catch (const std::exception& e) {
    return report_and_exit(options, report, static_cast<int>(ExitCode::kProcessingFailed), e.what());
  }
}
