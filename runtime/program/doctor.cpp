// SPDX-License-Identifier: MIT
// The verb `doctor`: what this machine lacks, and the Debian package that brings it.
#include <fmt/format.h>

#include "program/context.h"
#include "program/files.h"
#ifdef UNBLUR_WITH_FFMPEG
#include "media/ffmpeg/video.h"
#endif

namespace unblur {
namespace {

using Level = Finding::Level;

Finding examine_devices(Context& context) {
  try {
    for (const DeviceRow& r : context.services.list_devices("")) {
      if (!r.chosen) continue;
      context.report["device"] = r.info.name;
      const bool cpu = r.info.type == "cpu";
      if (!r.advice.empty())
        return {Level::kNote, fmt::format("device {} works, slowly", r.info.name), r.advice};
      return {cpu ? Level::kNote : Level::kGood, fmt::format("device {} ({})", r.info.name, r.info.driver),
              cpu ? "this is the CPU; if there is a GPU, install its Vulkan "
                    "driver"
                  : ""};
    }
    return {
        Level::kProblem, "no usable Vulkan device",
        "apt install mesa-vulkan-drivers (AMD, Intel, and a CPU device); NVIDIA: apt install nvidia-driver"};
  } catch (const DeviceError& e) {
    return {Level::kProblem, e.what(), "apt install libvulkan1 mesa-vulkan-drivers"};
  }
}

Finding examine_model() {
  try {
    const auto file = find_model("unblur-rt");
    (void)read_model(file);
    return {Level::kGood, fmt::format("model {}", file.string()), ""};
  } catch (const Error& e) {
    return {Level::kProblem, e.what(), "install the models, or name one with -m"};
  }
}

Finding examine_video() {
#ifdef UNBLUR_WITH_FFMPEG
  return {Level::kGood, fmt::format("FFmpeg {}", ffmpeg_version()), ""};
#else
  return {Level::kNote, "built without FFmpeg: y4m and pictures only",
          "configure with -DUNBLUR_WITH_FFMPEG=ON"};
#endif
}

ExitCode examine(Context& context) {
  std::vector<Finding> findings = context.services.examine();
  const Finding device = examine_devices(context);
  findings.push_back(device);
  findings.push_back(examine_model());
  findings.push_back(examine_video());
  nlohmann::json list = nlohmann::json::array();
  std::string text;
  for (const Finding& f : findings) {
    const char* level = f.level == Level::kGood ? "ok" : f.level == Level::kNote ? "note" : "problem";
    list.push_back({{"level", level}, {"what", f.what}, {"remedy", f.remedy}});
    text += fmt::format("{:<8} {}\n", level, f.what);
    if (!f.remedy.empty()) text += fmt::format("         -> {}\n", f.remedy);
  }
  context.report["findings"] = list;
  context.report["ok"] = device.level != Level::kProblem;
  print_data(context, text);
  return device.level == Level::kProblem ? ExitCode::kNoDevice : ExitCode::kDone;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("doctor", "find out what this machine lacks, and how to get it");
  add_common_options(*verb, context);
  verb->footer(
      "Looks at the Vulkan loader, drivers and layers, devices, models and FFmpeg. Exit code 3 if no device "
      "can\n"
      "be used.\n\n"
      "Examples:\n"
      "  unblur doctor\n"
      "  unblur doctor --json");
  verb->callback([&context] { context.verb = [&context] { return examine(context); }; });
}

}  // namespace unblur
