// SPDX-License-Identifier: MIT
// The verb `deblur`.
#include "pipeline/deblur.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <filesystem>

#include "media/image_sequence.h"
#include "pipeline/picture.h"
#include "program/context.h"
#include "program/endpoints.h"
#include "program/files.h"
#include "program/log.h"
#include "program/pause_key.h"
#include "program/progress.h"
#include "program/reports.h"
#include "program/selection.h"
#include "program/signals.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  Selection selection;
  std::string output, picture, truth;
  bool yes = false, resume = false, skip_existing = false, dry_run = false, null_output = false;
};

class Deblur {
 public:
  Deblur(Context& context, const Arguments& arguments)
      : context_(context),
        arguments_(arguments),
        settings_(context.settings()),
        inputs_(expand_inputs(arguments.selection.inputs)) {
    options_.precision = settings_.precision();
    options_.memory_limit = settings_.bytes("memory-limit");
    options_.strength = static_cast<float>(settings_.number("strength", 0, 1));
    options_.scene_cuts = settings_.flag("scene-cut");
    options_.keep_most_motion = !arguments.picture.empty();
    apply_range(arguments.selection, options_);
    (void)settings_.integer("crf", -1, 63);
    mode_ = Progress::parse(settings_.text("progress"), context.verbosity < 0);
    camera_ = camera_options(arguments.selection, inputs_);
    check();
  }

  ExitCode run() {
    const std::atomic<int>& stop = catch_signals();
    const fs::path model_file = find_model(settings_.text("model"));
    model_id_ = fingerprint(model_file);
    model_ = read_model_for(model_file, "deblur");
    context_.report["model"] = model_file.string();
    backend_ = open_backend(context_, settings_);
    context_.report["files"] = nlohmann::json::array();
    for (const std::string& input : inputs_) {
      if (stop != 0) interrupted_ = true;
      if (interrupted_) break;
      process(input, stop);
    }
    if (!interrupted_) return ExitCode::kDone;  // a signal after the last frame changes nothing
    return stop == SIGINT ? ExitCode::kInterrupted : ExitCode::kTerminated;
  }

 private:
  void check() const {
    const bool several = inputs_.size() > 1;
    if (several && !arguments_.picture.empty()) throw UsageError("--picture takes one input at a time");
    if (several && !arguments_.truth.empty()) throw UsageError("--truth takes one input at a time");
    if (several && arguments_.output == "-") throw UsageError("-o - takes one input at a time");
    if (arguments_.output == "-" && context_.json)
      throw UsageError("--json and -o - both want standard output");
    if (arguments_.resume && arguments_.yes) throw UsageError("--resume goes on, -y starts over; choose one");
  }

  /// With several inputs -o is a folder that takes the default names.
  [[nodiscard]] std::string output_for(const std::string& input) const {
    if (arguments_.output.empty()) return default_output(input, "deblur");
    if (inputs_.size() == 1) return arguments_.output;
    return (fs::path(arguments_.output) / fs::path(default_output(input, "deblur")).filename()).string();
  }

  void process(const std::string& input, const std::atomic<int>& stop) {
    const std::string output = arguments_.null_output ? "" : output_for(input);
    const std::unique_ptr<FrameSource> source = open_source(input, camera_);
    if (arguments_.skip_existing && fs::is_regular_file(output)) {
      spdlog::info("{} exists, skipped", output);
      return;
    }
    if (arguments_.dry_run) {
      dry_run(*source);
      return;
    }
    if (inputs_.size() > 1 && !arguments_.output.empty()) fs::create_directories(arguments_.output);
    const std::unique_ptr<FrameSource> truth =
        arguments_.truth.empty() ? nullptr : open_source(arguments_.truth);
    options_.truth = truth.get();
    const std::unique_ptr<FrameSink> sink =
        arguments_.null_output ? create_null_sink() : create_sink(output, *source, output_options(input));
    if (const auto resumed = sink->resume_point().frames; resumed > 0)
      spdlog::info("going on after frame {}", resumed);

    MotionPicture picture;
    DeblurReport report;
    {
      Progress progress(mode_, fs::path(input).filename().string());
      const PauseKey key;
      const DeblurHooks hooks{[&](const DeblurProgress& p) { progress.update(p); }, &stop, &key.paused()};
      report = deblur(*source, *sink, *backend_, model_, options_, hooks, &picture);
    }
    conclude(input, output, *source, report, picture);
  }

  [[nodiscard]] OutputOptions output_options(const std::string& input) const {
    OutputOptions o = common_options(settings_, arguments_.selection, input);
    o.overwrite = arguments_.yes;
    o.resume = arguments_.resume;
    o.skip_existing = arguments_.skip_existing;
    o.settings["model"] = model_id_;
    o.settings["device"] = backend_->device().name;
    o.settings["strength"] = settings_.text("strength");
    return o;
  }

  void dry_run(const FrameSource& source) {
    BindOptions bind;
    bind.format = source.info().format;
    bind.precision = options_.precision;
    bind.memory_limit = options_.memory_limit;
    const PlanReport plan = backend_->plan(*model_, bind);
    context_.report["files"].push_back({{"input", source.info().name}, {"plan", plan_json(plan)}});
    print_data(context_, plan_text(source.info(), plan, context_.verbosity > 0));
  }

  void conclude(const std::string& input, const std::string& output, const FrameSource& source,
                const DeblurReport& report, const MotionPicture& picture) {
    nlohmann::json file = report_json(report);
    file["input"] = input;
    file["output"] = arguments_.null_output ? nlohmann::json() : nlohmann::json(output);
    context_.report["files"].push_back(file);
    const std::string name = arguments_.null_output ? "nothing" : output;
    if (report.damage) {
      context_.report["ok"] = false;
      throw InputError(fmt::format("{}; {} frames are in {}.part", *report.damage,
                                   report.frames + report.resumed_frames, name));
    }
    if (report.interrupted_by != 0) {
      context_.report["ok"] = false;
      interrupted_ = true;
      print_line(fmt::format("unblur: interrupted: {} frames are in {}.part{}",
                             report.frames + report.resumed_frames, name,
                             source.info().live ? "" : "; --resume goes on"));
      return;
    }
    for (const std::string& line : summary_lines(input, name, report)) spdlog::info("{}", line);
    if (arguments_.picture.empty() || picture.index < 0) return;
    const std::string frame = fmt::format("frame {}", picture.index);
    write_picture(arguments_.picture,
                  side_by_side(picture.before, picture.after, "before", "after", source.info().rotation));
    spdlog::info("{}: before and after of {}, the one with most motion", arguments_.picture, frame);
    context_.report["picture"] = {{"file", arguments_.picture}, {"frame", picture.index}};
  }

  Context& context_;
  const Arguments& arguments_;
  Settings settings_;
  std::vector<std::string> inputs_;
  DeblurOptions options_;
  CameraOptions camera_;
  Progress::Mode mode_ = Progress::Mode::kNone;
  std::string model_id_;
  bool interrupted_ = false;
  std::shared_ptr<const Model> model_;
  std::unique_ptr<Backend> backend_;
};

constexpr const char* kExamples =
    "INPUT is a video, a picture, a folder of pictures, - (y4m on standard input), a camera (camera:0 or\n"
    "/dev/video0), a pattern ('clips/*.mp4') or @LIST (a file with one input per line). OUTPUT is a video,\n"
    "picture, folder, pattern (out/%06d.png) or - (y4m). Time stamps, audio, subtitles, chapters,\n"
    "colour and rotation are kept.\n"
    "At a terminal the space bar pauses and goes on; so do Ctrl-Z and fg.\n\n"
    "Examples:\n"
    "  unblur deblur holiday.mp4                          writes holiday.deblur.mp4\n"
    "  unblur deblur clip.mkv -o sharp.mkv --crf 18       HEVC stays HEVC, H.264 stays H.264\n"
    "  unblur deblur clip.mp4 --start 0:10 --frames 100 --picture look.png --null\n"
    "  unblur deblur photos/ -o sharper/                  a folder of pictures\n"
    "  ffmpeg -i in.mov -f yuv4mpegpipe - | unblur deblur - -o - | mpv -\n"
    "  unblur deblur camera:0 -o me.mp4 --frames 300      a camera; frames that come too fast are dropped\n"
    "  unblur deblur long.mp4 --resume                    after an interruption";

}  // namespace

void add_deblur(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("deblur", "remove motion blur from a video, pictures, a pipe or a camera");
  auto arguments = std::make_shared<Arguments>();
  add_selection(*verb, arguments->selection, "what to deblur");
  verb->add_option("-o,--output", arguments->output,
                   "where to write; default <stem>.deblur.<ext> beside the input")
      ->type_name("OUTPUT");
  verb->add_flag("-y,--yes", arguments->yes, "overwrite the output if it exists");
  add_settings(*verb, context,
               {"model", "device", "precision", "memory-limit", "strength", "codec", "crf", "pix-fmt",
                "scene-cut", "progress"});
  verb->add_option("--picture", arguments->picture,
                   "before and after of the frame with most motion, side by side")
      ->type_name("FILE.png");
  verb->add_option("--truth", arguments->truth,
                   "the sharp version of the input: prints PSNR before and after")
      ->type_name("FILE");
  verb->add_flag("--resume", arguments->resume, "go on with an interrupted video");
  verb->add_flag("--skip-existing", arguments->skip_existing, "leave out what is written already");
  verb->add_flag("--dry-run", arguments->dry_run,
                 "print the plan (memory, strips, kernels with -v) and stop");
  verb->add_flag("--null", arguments->null_output, "throw the result away");
  add_common_options(*verb, context);
  verb->footer(kExamples);
  verb->callback([&context, arguments] {
    context.verb = [&context, arguments] { return Deblur(context, *arguments).run(); };
  });
}

}  // namespace unblur
