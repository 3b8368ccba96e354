// SPDX-License-Identifier: MIT
// The verb `tune`: measures which convolution kernels are fastest for the layers of a network on a device,
// and remembers it. Every later run on that device uses the result.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "program/context.h"
#include "program/files.h"

namespace unblur {
namespace {

struct Arguments {
  int width = 640, height = 360;
  bool reset = false;
};

ExitCode forget(Context& context, const std::filesystem::path& file) {
  const bool removed = std::filesystem::remove(file);
  print_data(context, fmt::format("{} {}\n", file.string(), removed ? "removed" : "does not exist"));
  return ExitCode::kDone;
}

ExitCode tune(Context& context, const Arguments& arguments) {
  const Settings settings = context.settings();
  announce_device(context, settings);
  const std::filesystem::path file = context.services.tuning_file(settings.text("device"));
  if (file.empty()) throw UsageError("no folder for the result: set HOME or XDG_CACHE_HOME");
  context.report["file"] = file.string();
  if (arguments.reset) return forget(context, file);

  const Model model = read_model(find_model(settings.text("model")));
  const TuneRequest request{
      settings.text("device"), &model,
      arguments.width,         arguments.height,
      settings.precision(),    [](int done, int total) { spdlog::info("layer {} of {}", done, total); }};
  const std::vector<TunedRow> rows = context.services.tune(request);

  std::string text = "  nodes                           before                      after\n";
  double before = 0, after = 0;
  context.report["layers"] = nlohmann::json::array();
  for (const TunedRow& r : rows) {
    before += r.count * r.before_ms;
    after += r.count * r.after_ms;
    const std::string more = r.count > 1 ? fmt::format(" and {} more", r.count - 1) : "";
    text += fmt::format("  {:<28} {:>9.2f} ms {:<12}", r.node + more, r.before_ms, r.before);
    if (r.after != r.before) text += fmt::format(" {:>9.2f} ms {}", r.after_ms, r.after);
    text += '\n';
    context.report["layers"].push_back({{"node", r.node},
                                        {"count", r.count},
                                        {"before", r.before},
                                        {"before_ms", r.before_ms},
                                        {"after", r.after},
                                        {"after_ms", r.after_ms}});
  }
  text += fmt::format("convolutions of a frame: {:.1f} ms before, {:.1f} ms after; stored in {}\n", before,
                      after, file.string());
  print_data(context, text);
  return ExitCode::kDone;
}

}  // namespace

void add_tune(CLI::App& app, Context& context) {
  CLI::App* verb =
      app.add_subcommand("tune", "measure which kernels are fastest on this device, and remember it");
  auto arguments = std::make_shared<Arguments>();
  verb->add_option("--width", arguments->width, "of the frames to measure with, px")
      ->capture_default_str()
      ->check(CLI::Range(64, 8192));
  verb->add_option("--height", arguments->height, "px")->capture_default_str()->check(CLI::Range(64, 8192));
  verb->add_flag("--reset", arguments->reset, "forget what was measured on this device");
  add_settings(*verb, context, {"model", "device", "precision"});
  add_common_options(*verb, context);
  verb->footer(
      "The result is stored per device below $XDG_CACHE_HOME/unblur and used from then on; UNBLUR_TUNING=0\n"
      "leaves it unused, UNBLUR_KERNEL goes before it.\n\n"
      "Examples:\n"
      "  unblur tune\n"
      "  unblur tune --width 1920 --height 1080 -d 0\n"
      "  unblur tune --reset");
  verb->callback(
      [&context, arguments] { context.verb = [&context, arguments] { return tune(context, *arguments); }; });
}

}  // namespace unblur
