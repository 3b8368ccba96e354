// SPDX-License-Identifier: MIT
// unblur-compare: parse, compare, report (docs/compare.md; exit codes: docs/exit-codes.md).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "bundle.h"
#include "compare_html.h"
#include "compare_text.h"
#include "compare_video.h"
#include "comparison.h"
#include "graph/error.h"
#include "graph/file.h"
#include "networks/fill.h"
#include "networks/networks.h"
#include "program/endpoints.h"
#include "program/files.h"
#include "program/log.h"

namespace unblur {
namespace {

constexpr int kDefaultFrames = 3;
constexpr std::size_t kWorstFrames = 3;  // saved by --video
constexpr const char* kExamples =
    R"(Backends: torch:cpu, torch:cuda[:N], vulkan[:N, UUID or part of the device's name]; the first one is the reference.
Suffixes: +fp32 (default) +fp16; +bf16 (torch), +tf32 (torch:cuda); +nofuse: a kernel per node, with --layers;
+ssbo: storage buffers in place of addresses; +OPERATOR=KERNEL: +conv2d=conv_tile (vulkan).
Exit code 6 means that something differs by more than the tolerance.

Examples:
  unblur-compare models/unblur-rt.safetensors clip.mp4 --backends torch:cpu,vulkan:0
  unblur-compare model.safetensors clip.mp4 --backends torch:cpu,vulkan:0 --layers --html report.html
  unblur-compare --network pvdnet --fill 1.05,1.5 clip.mp4 --backends torch:cpu,vulkan:0 --frames 30
  unblur-compare model.safetensors clip.mp4 --backends vulkan:0,vulkan:0+conv2d=conv_tile,vulkan:1 --json
  unblur-compare model.safetensors clip.mp4 --backends vulkan:0 --against cuda.safetensors
  unblur-compare --replay report/first-offender --backends vulkan:1
  unblur-compare --video before.mp4 after.mp4 --min-psnr 50 --dump worst)";

struct Options {
  std::string model, input, network, against, save, dump, html, markdown, replay;
  std::vector<std::string> backends, videos;
  std::vector<double> fill;
  int frames = kDefaultFrames, repeat = 0;
  std::optional<double> tolerance, min_psnr;
  bool layers = false, json = false;
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

std::shared_ptr<const Model> model_of(const Options& options) {
  if (options.network.empty()) return std::make_shared<const Model>(read_model(find_model(options.model)));
  if (options.fill.size() > 2) throw UsageError("--fill wants one gain or two: --fill 1.05,1.5");
  auto model = std::make_shared<Model>(build_network(options.network));
  const double gain = options.fill.empty() ? 1.0 : options.fill.front();
  model->parameters = filled_parameters(model->graph, gain, options.fill.empty() ? 1.0 : options.fill.back());
  return model;
}

CompareRequest request_of(const Options& options) {
  CompareRequest request{.model = model_of(options),
                         .model_name = options.network.empty() ? options.model : "network " + options.network,
                         .input_name = options.input,
                         .frames = {},
                         .count = static_cast<std::size_t>(options.frames),
                         .backends = {},
                         .against = options.against,
                         .save = options.save,
                         .dump = options.dump,
                         .layers = options.layers,
                         .repeat = options.repeat,
                         .tolerance = options.tolerance,
                         .min_psnr_db = options.min_psnr};
  for (const std::string& text : options.backends) request.backends.push_back(parse_backend(text));
  request.frames =
      read_frames(options.input, request.count + static_cast<std::size_t>(look_ahead(request.model->graph)));
  return request;
}

void write_text(const std::string& path, const std::string& text) {
  const std::array parts{std::as_bytes(std::span(text))};
  write_file(path, parts);
}

void run_comparison(Options options, nlohmann::json& report) {
  if (!options.network.empty() && options.input.empty()) std::swap(options.input, options.model);
  if (options.network.empty() == options.model.empty() || options.input.empty()) {
    throw UsageError("a model file and an input are wanted, or --network NAME and an input");
  }
  const Comparison result = compare(request_of(options));
  report.update(comparison_json(result));
  if (!options.json) std::fputs(comparison_table(result).c_str(), stdout);
  if (!options.html.empty()) write_text(options.html, comparison_html(result));
  if (!options.markdown.empty()) write_text(options.markdown, comparison_markdown(result));
  if (const std::string verdict = result.verdict(); !verdict.empty()) throw ToleranceError(verdict);
}

void run_replay(const Options& options, nlohmann::json& report) {
  if (options.backends.size() > 1) throw UsageError("--replay runs on one backend");
  const Replay replay =
      replay_bundle(options.replay, options.backends.empty() ? std::string() : options.backends[0]);
  const auto finite = [](double v) { return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json(nullptr); };
  report["replay"] = {{"layer", replay.layer},
                      {"backend", replay.backend},
                      {"bound", replay.bound},
                      {"then", finite(replay.then.largest)},
                      {"now", finite(replay.now.largest)}};
  const std::string text =
      fmt::format("layer '{}' on {}: adds {:.3g}, when it was found {:.3g}, allowed is {:.3g}", replay.layer,
                  replay.backend, replay.now.largest, replay.then.largest, replay.bound);
  if (!replay.holds()) throw ToleranceError(text);
  if (!options.json) fmt::print("{}\n", text);
}

void run_videos(const Options& options, nlohmann::json& report) {
  const auto a = open_source(options.videos[0]), b = open_source(options.videos[1]);
  const VideoReport result = compare_videos(*a, *b, kWorstFrames, options.dump);
  const auto score = [](const VideoFrameScore& s) {
    return nlohmann::json{{"frame", s.index},
                          {"psnr_db", std::isfinite(s.psnr_db) ? nlohmann::json(s.psnr_db) : nullptr},
                          {"ssim", s.ssim}};
  };
  nlohmann::json frames = nlohmann::json::array(), worst = nlohmann::json::array();
  for (const VideoFrameScore& s : result.frames) frames.push_back(score(s));
  for (const VideoFrameScore& s : result.worst) worst.push_back(score(s));
  report["video"] = {{"frames", frames},
                     {"worst", worst},
                     {"psnr_db", std::isfinite(result.psnr_db) ? nlohmann::json(result.psnr_db) : nullptr},
                     {"ssim", result.ssim}};
  if (!options.json) {
    fmt::print("{:>6} {:>10} {:>7}\n", "frame", "PSNR", "SSIM");
    for (const VideoFrameScore& s : result.frames)
      fmt::print("{:>6} {:>10} {:>7.4f}\n", s.index, decibels(s.psnr_db), s.ssim);
    fmt::print("{} frames, pooled {}, mean SSIM {:.4f}\n", result.frames.size(), decibels(result.psnr_db),
               result.ssim);
    for (const auto& path : result.saved) fmt::print("{}\n", path.string());
  }
  const VideoFrameScore& lowest = result.worst.front();
  if (options.min_psnr && lowest.psnr_db < *options.min_psnr) {
    throw ToleranceError(fmt::format("frame {} has {:.2f} dB, asked for are {:g}", lowest.index,
                                     lowest.psnr_db, *options.min_psnr));
  }
}

void run(const Options& options, nlohmann::json& report) {
  if (!options.videos.empty()) return run_videos(options, report);
  if (!options.replay.empty()) return run_replay(options, report);
  run_comparison(options, report);
}

void declare(CLI::App& app, Options& options) {
  app.set_version_flag("-V,--version", "unblur-compare " UNBLUR_VERSION);
  app.add_option("model", options.model, "model file (.safetensors) or the name of an installed one");
  app.add_option("input,-i,--input", options.input, "picture, folder of frames or video");
  app.add_option("--network", options.network, "in place of a model: a network by name, with --fill");
  app.add_option("--fill", options.fill,
                 "gain of the filled weights, and that of a motion branch with names of its own (default 1)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(0.0, 100.0))
      ->needs("--network");
  app.add_option("--backends", options.backends, "two or more, separated by commas, the reference first")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--frames", options.frames, "frames to compare, states carried along")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  app.add_option(
         "--tolerance", options.tolerance,
         "largest allowed difference over largest value, and of layers over their range (default: the model "
         "file's bound, else 1e-4; 2e-2 with half precision; with a pixel volume mean 1e-3 and maximum 0.05)")
      ->check(CLI::Range(0.0, 1e9));
  app.add_option("--min-psnr", options.min_psnr, "dB that every frame must reach besides")
      ->check(CLI::Range(0.0, 1000.0));
  app.add_flag("--layers", options.layers,
               "every kernel of the plan: what it adds fed the reference's values, and what it inherits");
  app.add_option("--repeat", options.repeat,
                 "run every backend N times more on scratch memory full of NaN: the bits must stay the same")
      ->check(CLI::Range(1, 1000));
  app.add_option("--html", options.html, "write a report with heat maps and plots, one self-contained page");
  app.add_option("--markdown", options.markdown, "write the tables as Markdown");
  app.add_option(
      "--dump", options.dump,
      "folder for outputs as .npy and, with --layers, the first layer beyond tolerance; with --video for the "
      "worst frames");
  app.add_option("--save", options.save,
                 "write the reference's results as safetensors; with --layers all nodes");
  app.add_option("--against", options.against,
                 "such a file, from here or anywhere, in place of the reference");
  app.add_option("--replay", options.replay, "run a layer that --dump stored again, and nothing else");
  app.add_option("--video", options.videos, "two videos: PSNR and SSIM per frame, and nothing else")
      ->expected(2);
  app.add_flag("--json", options.json, "one JSON object on standard output");
  app.footer(kExamples);
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
  CLI::App app{"Runs one model on one input with several backends and reports how far apart they are."};
  declare(app, options);
  nlohmann::json report{
      {"schema", 2}, {"tool", "unblur-compare"}, {"version", UNBLUR_VERSION}, {"device", nullptr}};
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
