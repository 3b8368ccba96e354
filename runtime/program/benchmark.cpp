// SPDX-License-Identifier: MIT
// The verb `benchmark`: a moving test pattern, or a file, through the whole pipeline; the output is dropped.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "pipeline/deblur.h"
#include "program/context.h"
#include "program/endpoints.h"
#include "program/files.h"
#include "program/progress.h"
#include "program/reports.h"
#include "program/signals.h"

namespace unblur {
namespace {

/// Moving stripes of many widths, 8-bit 4:2:0: cheap to make, and nothing in it is flat.
class PatternSource : public FrameSource {
 public:
  PatternSource(int width, int height, std::int64_t frames) {
    info_.name = fmt::format("test pattern {}x{}", width, height);
    info_.kind = "pattern";
    info_.format.layout = PixelLayout::kYuv420;
    info_.format.width = width;
    info_.format.height = height;
    info_.format.colour = {ColourRange::kLimited, ColourMatrix::kBt709, ChromaLocation::kLeft};
    info_.frames = frames;
  }
  [[nodiscard]] const StreamInfo& info() const override { return info_; }
  bool read(TimedFrame& out) override {
    if (next_ >= info_.frames) return false;
    out.frame = Frame(info_.format);
    for (int p = 0; p < 3; ++p) fill(out.frame, p, static_cast<double>(next_));
    out.index = out.pts = next_++;
    out.duration = 1;
    return true;
  }

 private:
  void fill(Frame& frame, int plane, double t) const {
    const int w = info_.format.plane_width(plane), h = info_.format.plane_height(plane);
    std::vector<double> row(static_cast<std::size_t>(w)), column(static_cast<std::size_t>(h));
    for (int x = 0; x < w; ++x)
      row[static_cast<std::size_t>(x)] = std::sin((x + 5 * t) * 0.05 * (1 + x / 200.0));
    for (int y = 0; y < h; ++y)
      column[static_cast<std::size_t>(y)] = std::cos((y - 3 * t) * 0.07 * (1 + y / 150.0));
    std::byte* out = frame.plane(plane);
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        *out++ = static_cast<std::byte>(
            128 + std::lround(50 * (row[static_cast<std::size_t>(x)] + column[static_cast<std::size_t>(y)])));
      }
    }
  }
  StreamInfo info_;
  std::int64_t next_ = 0;
};

struct Arguments {
  std::string input, size = "640x360";
  std::int64_t frames = 60;
};

std::unique_ptr<FrameSource> open_benchmark_source(const Arguments& a) {
  if (!a.input.empty()) return open_source(a.input);
  int width = 0, height = 0;
  const char* end = a.size.data() + a.size.size();
  const auto first = std::from_chars(a.size.data(), end, width);
  const bool has_x = first.ptr != end && *first.ptr == 'x';
  const auto second = has_x ? std::from_chars(first.ptr + 1, end, height) : first;
  if (!has_x || second.ptr != end || width < 16 || height < 16 || width > 16384 || height > 16384) {
    throw UsageError(fmt::format("--size '{}': expected WIDTHxHEIGHT, as in 1280x720", a.size));
  }
  return std::make_unique<PatternSource>(width, height, a.frames);
}

/// Time by operator over a few frames, in a session of its own: timing every node costs a little.
std::vector<NodeTime> time_nodes(Backend& backend, const std::shared_ptr<const Model>& model,
                                 const Arguments& a, const DeblurOptions& options) {
  Arguments few = a;
  few.frames = 4;
  const std::unique_ptr<FrameSource> source = open_benchmark_source(few);
  BindOptions bind;
  bind.format = source->info().format;
  bind.precision = options.precision;
  bind.memory_limit = options.memory_limit;
  bind.time_nodes = true;
  const std::unique_ptr<Session> session = backend.bind(model, bind);
  const auto window = static_cast<std::size_t>(session->max_offset() - session->min_offset() + 1);
  std::vector<NodeTime> times;
  TimedFrame frame;
  for (int i = 0; i < 4 && source->read(frame); ++i) {
    const std::vector<const Frame*> frames(window, &frame.frame);
    session->submit(frames);
    times = session->receive().times;
  }
  std::sort(times.begin(), times.end(), [](const NodeTime& x, const NodeTime& y) { return x.ms > y.ms; });
  return times;
}

std::string stage_line(const char* name, const StageTimes& t) {
  return t.count() == 0
             ? std::string{}
             : fmt::format("  {:<8} {:>9.2f} {:>9.2f}\n", name, t.percentile(0.5), t.percentile(0.95));
}

ExitCode benchmark(Context& context, const Arguments& a, bool nodes) {
  const Settings settings = context.settings();
  DeblurOptions options;
  options.precision = settings.precision();
  options.memory_limit = settings.bytes("memory-limit");
  options.max_frames = a.frames;
  const std::filesystem::path model_file = find_model(settings.text("model"));
  const auto model = std::make_shared<const Model>(read_model(model_file));
  const std::unique_ptr<Backend> backend = open_backend(context, settings);
  const std::unique_ptr<FrameSource> source = open_benchmark_source(a);
  const std::unique_ptr<FrameSink> sink = create_null_sink();
  const std::atomic<int>& stop = catch_signals();
  DeblurReport report;
  {
    Progress progress(Progress::parse(settings.text("progress"), context.verbosity < 0), source->info().name);
    const DeblurHooks hooks{[&](const DeblurProgress& p) { progress.update(p); }, &stop};
    report = deblur(*source, *sink, *backend, model, options, hooks);
  }
  context.report["benchmark"] = report_json(report);
  context.report["benchmark"]["input"] = source->info().name;
  context.report["benchmark"]["width"] = source->info().format.width;
  context.report["benchmark"]["height"] = source->info().format.height;
  std::string text = fmt::format("{}, model {}: {:.2f} fps over {} frames\n", source->info().name,
                                 model->info.name, report.fps(), report.frames);
  text += "  stage       p50 ms    p95 ms\n";
  text += stage_line("decode", report.decode) + stage_line("device", report.device) +
          stage_line("wait", report.wait) + stage_line("encode", report.encode);
  text += fmt::format("  device memory {}, process peak {}\n", format_bytes(report.plan.total_bytes()),
                      format_bytes(peak_memory()));
  if (nodes) {
    const std::vector<NodeTime> times = time_nodes(*backend, model, a, options);
    double sum = 0;
    for (const NodeTime& t : times) sum += t.ms;
    text += fmt::format("  operator                              ms   share  kernel\n");
    for (const NodeTime& t : times) {
      text += fmt::format("  {:<32} {:>7.3f} {:>6.1f}%  {}\n", t.name, t.ms, sum > 0 ? 100 * t.ms / sum : 0.0,
                          t.kernel);
      context.report["nodes"].push_back({{"name", t.name}, {"kernel", t.kernel}, {"ms", t.ms}});
    }
  }
  print_data(context, text);
  return stop == 0 ? ExitCode::kDone : ExitCode{128 + stop};
}

}  // namespace

void add_benchmark(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("benchmark", "speed and memory of the whole pipeline");
  auto a = std::make_shared<Arguments>();
  auto nodes = std::make_shared<bool>(false);
  verb->add_option("input,-i,--input", a->input, "a video instead of the test pattern")->type_name("INPUT");
  verb->add_option("--size", a->size, "size of the test pattern")->type_name("WxH")->capture_default_str();
  verb->add_option("--frames", a->frames, "how many frames")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  verb->add_flag("--nodes", *nodes, "time every operator as well");
  add_settings(*verb, context, {"model", "device", "precision", "memory-limit", "progress"});
  add_common_options(*verb, context);
  verb->footer(
      "Examples:\n"
      "  unblur benchmark\n"
      "  unblur benchmark --size 1280x720 --frames 30 --nodes\n"
      "  unblur benchmark clip.mp4 --json");
  verb->callback([&context, a, nodes] {
    context.verb = [&context, a, nodes] { return benchmark(context, *a, *nodes); };
  });
}

}  // namespace unblur
