// SPDX-License-Identifier: MIT
// The verb `trajectories`.
#include "pipeline/trajectories.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <filesystem>

#include "pipeline/paired.h"
#include "program/context.h"
#include "program/files.h"
#include "program/log.h"
#include "program/pause_key.h"
#include "program/progress.h"
#include "program/reports.h"
#include "program/signals.h"
#include "program/trajectory_outputs.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

constexpr float kLiveScale = 32;  ///< px; where frames cannot be looked at beforehand

nlohmann::json blur_json(const BlurStatistics& s, bool directed) {
  const std::optional<double> direction = s.main_direction();
  return {{"median_px", s.percentile(0.5)},
          {"p95_px", s.percentile(0.95)},
          {"share_above_2_px", s.share_above(2)},
          {"main_direction_degrees", direction ? nlohmann::json(*direction) : nlohmann::json()},
          {"directed", directed}};
}

std::string blur_text(const BlurStatistics& s, bool directed) {
  std::string text =
      fmt::format("blur: median {:.1f} px, 95 % of the pixels below {:.1f} px, {:.0f} % above 2 px",
                  s.percentile(0.5), s.percentile(0.95), 100 * s.share_above(2));
  if (const auto degrees = s.main_direction())
    text += fmt::format(", mostly {} {:.0f} degrees (0 right, 90 down)", directed ? "towards" : "along",
                        *degrees);
  return text;
}

class Trajectories {
 public:
  Trajectories(Context& context, const TrajectoryArguments& arguments)
      : context_(context),
        arguments_(arguments),
        settings_(context.settings()),
        inputs_(expand_inputs(arguments.selection.inputs)),
        request_(arguments) {
    options_.precision = settings_.precision();
    options_.memory_limit = settings_.bytes("memory-limit");
    options_.scene_cuts = settings_.flag("scene-cut");
    options_.named_outputs = {"control"};
    apply_range(arguments.selection, options_);
    (void)settings_.integer("crf", -1, 63);
    mode_ = Progress::parse(settings_.text("progress"), context.verbosity < 0);
    camera_ = camera_options(arguments.selection, inputs_);
    if (arguments.output == "-" && context.json)
      throw UsageError("--json and -o - both want standard output");
  }

  ExitCode run() {
    const std::atomic<int>& stop = catch_signals();
    const fs::path model_file = find_model(settings_.text("trajectory-model"));
    model_id_ = fingerprint(model_file);
    model_ = read_model_for(model_file, "trajectory");
    if (!model_->info.trajectory || !model_->graph.has_output("control"))
      throw ModelError(fmt::format("{}: a trajectory model without trajectories", model_file.string()));
    context_.report["model"] = model_file.string();
    backend_ = open_backend(context_, settings_);
    if (request_.needs_sharp()) {
      const fs::path file = find_model(settings_.text("model"));
      model_id_ += " " + fingerprint(file);
      paired_ = pair_with(*backend_, read_model_for(file, "deblur"));
      context_.report["sharp_model"] = file.string();
    }
    context_.report["files"] = nlohmann::json::array();
    for (const std::string& input : inputs_) {
      if (stop != 0) interrupted_ = true;
      if (interrupted_) break;
      process(input, stop);
    }
    if (!interrupted_) return ExitCode::kDone;
    return stop == SIGINT ? ExitCode::kInterrupted : ExitCode::kTerminated;
  }

 private:
  void process(const std::string& input, const std::atomic<int>& stop) {
    const std::unique_ptr<FrameSource> source = open_source(input, camera_);
    const std::string output = arguments_.null_output && !arguments_.numbers
                                   ? ""
                                   : request_.output_for(input, source->info(), inputs_.size() > 1);
    const float scale = find_scale(input, source->info(), stop);
    if (stop != 0) {
      interrupted_ = true;
      print_line("unblur: interrupted before anything was drawn");
      return;
    }
    TrajectoryInfo info = *model_->info.trajectory;
    // A lone picture is its own previous frame, which says nothing about what came first.
    if (source->info().kind == "picture" && !model_->graph.states().empty()) info.directed = false;
    TrajectorySink sink(info, paired_ != nullptr);
    const std::vector<std::string> names =
        request_.add_outputs(sink, output, *source, scale, output_options(input, scale));
    if (const auto resumed = sink.resume_point().frames; resumed > 0)
      spdlog::info("going on after frame {}", resumed);
    DeblurReport report;
    {
      Progress progress(mode_, fs::path(input).filename().string());
      const PauseKey key;
      DeblurHooks hooks{[&](const DeblurProgress& p) { progress.update(p); }, &stop, &key.paused(), {}};
      hooks.outputs = [&](const TimedFrame& frame, const std::vector<NamedOutput>& outputs) {
        sink.take(frame, outputs);
      };
      report = deblur(*source, sink, paired_ ? *paired_ : *backend_, model_, options_, hooks);
    }
    conclude(input, names, scale, sink, info.directed, report);
  }

  /// The full scale of a clip is one number: colours mean the same in every frame.
  float find_scale(const std::string& input, const StreamInfo& info, const std::atomic<int>& stop) {
    if (!request_.draws_to_scale() || request_.scale()) return request_.scale().value_or(kLiveScale);
    if (input == "-" || info.live) {
      spdlog::info("--max-length auto: a stream cannot be looked at beforehand; {} px it is", kLiveScale);
      return kLiveScale;
    }
    Progress progress(mode_, fs::path(input).filename().string() + " (longest blur)");
    const DeblurHooks hooks{[&](const DeblurProgress& p) { progress.update(p); }, &stop, nullptr, {}};
    const std::unique_ptr<FrameSource> again = open_source(input);
    return measure_full_scale(*again, *backend_, model_, options_, hooks);
  }

  [[nodiscard]] OutputOptions output_options(const std::string& input, float scale) const {
    OutputOptions o = common_options(settings_, arguments_.selection, input);
    o.overwrite = arguments_.yes;
    o.resume = arguments_.resume;
    o.settings["model"] = model_id_;
    o.settings["device"] = backend_->device().name;
    o.settings["style"] = arguments_.style;
    o.settings["grid"] = std::to_string(arguments_.grid);
    o.settings["background"] = arguments_.background;
    o.settings["max-length"] = std::to_string(scale);
    return o;
  }

  void conclude(const std::string& input, const std::vector<std::string>& names, float scale,
                const TrajectorySink& sink, bool directed, const DeblurReport& report) {
    const BlurStatistics& blur = sink.statistics();
    nlohmann::json file = report_json(report);
    file["input"] = input;
    file["outputs"] = names;
    file["max_length_px"] = request_.draws_to_scale() ? nlohmann::json(scale) : nlohmann::json();
    file["blur"] = blur_json(blur, directed);
    context_.report["files"].push_back(file);
    const std::string name = names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", "));
    if (report.damage) {
      context_.report["ok"] = false;
      throw InputError(fmt::format("{}; {} frames were drawn ({}.part)", *report.damage,
                                   report.frames + report.resumed_frames, name));
    }
    if (report.interrupted_by != 0) {
      context_.report["ok"] = false;
      interrupted_ = true;
      print_line(fmt::format("unblur: interrupted after {} frames ({}.part){}",
                             report.frames + report.resumed_frames, name,
                             sink.checkpoint_interval() > 0 ? "; --resume goes on" : ""));
      return;
    }
    for (const std::string& line : summary_lines(input, name, report)) spdlog::info("{}", line);
    spdlog::info("{}", blur_text(blur, directed));
  }

  Context& context_;
  const TrajectoryArguments& arguments_;
  Settings settings_;
  std::vector<std::string> inputs_;
  TrajectoryRequest request_;
  DeblurOptions options_;
  CameraOptions camera_;
  Progress::Mode mode_ = Progress::Mode::kNone;
  std::string model_id_;
  bool interrupted_ = false;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Backend> backend_, paired_;
};

constexpr const char* kExamples =
    "Motion is the displacement of what is seen, in px, right and down positive, forward in time, from the\n"
    "middle of the exposure. Where a model does not tell start from end, no start is marked and the legend\n"
    "says so. INPUT and OUTPUT are as in `unblur deblur`; OUTPUT may also be .svg and .gif. With several\n"
    "styles each has a file of its own: OUT.paths.png, OUT.quiver.png.\n\n"
    "Examples:\n"
    "  unblur trajectories shaken.jpg                          writes shaken.trajectories.png\n"
    "  unblur trajectories clip.mp4                            paths over the video, sound kept\n"
    "  unblur trajectories clip.mp4 --style middlebury,length --max-length 20\n"
    "  unblur trajectories shaken.png --format svg --background grey --grid 24\n"
    "  unblur trajectories shaken.png --extract 15 --format gif   the exposure as a small film\n"
    "  unblur trajectories shaken.png --numbers --null --json     numbers only";

void add_drawing_options(CLI::App& verb, TrajectoryArguments& a) {
  verb.add_option_function<std::string>(
          "--style",
          [&a](const std::string& v) {
            a.style = v;
            a.style_given = true;
          },
          "paths (default), quiver, middlebury, hsv, length, authors; several with commas")
      ->type_name("LIST");
  verb.add_option("--grid", a.grid, "px between paths or arrows; default 1/32 of the longer side")
      ->type_name("PX")
      ->check(CLI::Range(2, 4096));
  verb.add_option("--max-length", a.max_length,
                  "px of the full scale of maps and arrows; auto (default) is found once per clip")
      ->type_name("PX|auto");
  verb.add_option("--background", a.background, "input, grey, sharp or none; default input, for maps none")
      ->type_name("NAME");
  verb.add_option("--extract", a.extract, "instead: N frames from the start of each exposure to its end")
      ->type_name("N")
      ->check(CLI::Range(1, 255));
  verb.add_option("--format", a.format, "png, svg, mp4 or gif; default by -o, else as the input")
      ->type_name("NAME")
      ->check(CLI::IsMember({"png", "svg", "mp4", "gif"}));
  verb.add_flag("--numbers", a.numbers, "also write trajectories as .safetensors and .NN.flo");
}

}  // namespace

void add_trajectories(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("trajectories", "show the motion that caused the blur");
  auto arguments = std::make_shared<TrajectoryArguments>();
  add_selection(*verb, arguments->selection, "what to look at");
  verb->add_option("-o,--output", arguments->output,
                   "where to write; default <stem>.trajectories.<ext> beside the input")
      ->type_name("OUTPUT");
  verb->add_flag("-y,--yes", arguments->yes, "overwrite the output if it exists");
  verb->add_option_function<std::string>(
          "-m,--model", [&context](const std::string& v) { context.flags["trajectory-model"] = v; },
          fmt::format("trajectory model: a file, or the name of an installed one [{}]",
                      environment_name("trajectory-model")))
      ->type_name("MODEL");
  verb->add_option_function<std::string>(
          "--sharp",
          [&context, arguments](const std::string& v) {
            arguments->sharp = v;
            if (v != "none") context.flags["model"] = v;
          },
          fmt::format("model whose output --extract and --background sharp show, or none [{}]",
                      environment_name("model")))
      ->type_name("MODEL|none");
  add_drawing_options(*verb, *arguments);
  add_settings(*verb, context,
               {"device", "precision", "memory-limit", "codec", "crf", "pix-fmt", "scene-cut", "progress"});
  verb->add_flag("--resume", arguments->resume, "go on with an interrupted video");
  verb->add_flag("--null", arguments->null_output, "draw nothing (--json, --numbers)");
  add_common_options(*verb, context);
  verb->footer(kExamples);
  verb->callback([&context, arguments] {
    context.verb = [&context, arguments] { return Trajectories(context, *arguments).run(); };
  });
}

}  // namespace unblur
