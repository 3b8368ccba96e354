// SPDX-License-Identifier: MIT
#include "program/program.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>

#include "program/context.h"
#include "program/files.h"
#include "program/log.h"
#ifdef UNBLUR_WITH_FFMPEG
#include "media/ffmpeg/video.h"
#endif

namespace unblur {
namespace {

/// Verbs of sibling programs, handed over word for word.
struct Sibling {
  const char* verb;
  const char* program;
  const char* help;
};
constexpr Sibling kSiblings[] = {{"convert", "unblur-convert", "checkpoint to model file"},
                                 {"train", "unblur-train", "synthesise data, train, evaluate"},
                                 {"compare", "unblur-compare", "one model, one input, two backends"},
                                 {"view", "unblur-viewer", "live window, before and after"}};

std::string version_text() {
  std::string text = "unblur " UNBLUR_VERSION "\nMIT licence\n";
#ifdef UNBLUR_WITH_FFMPEG
  text += fmt::format("FFmpeg {} (as Debian builds it, under the GPL)\n", ffmpeg_version());
#endif
  text +=
      "libpng, libjpeg-turbo, CLI11, fmt, spdlog, nlohmann/json, toml++: see their packages' copyright "
      "files\n";
  return text;
}

std::string footer() {
  std::string text = "Sibling programs, where installed:\n";
  for (const Sibling& s : kSiblings) text += fmt::format("  {:<26}{}\n", s.verb, s.help);
  text +=
      "\nExamples:\n"
      "  unblur deblur holiday.mp4\n"
      "  unblur deblur clip.mkv -o sharp.mkv --picture before-after.png\n"
      "  unblur trajectories shaken.jpg\n"
      "  unblur devices\n"
      "\nExit codes: 0 done, 1 processing failed, 2 usage, 3 no usable device, 4 input unreadable,\n"
      "5 model unreadable, 6 outside tolerance, 7 out of memory, 130 interrupted, 143 terminated.";
  return text;
}

int hand_over(const Sibling& sibling, char** argv) {
  const auto program = find_sibling(sibling.program);
  if (!program) {
    throw UsageError(
        fmt::format("{} is not installed (looked beside this program and in PATH)", sibling.program));
  }
  std::fflush(nullptr);
  argv[1] = argv[0];  // the verb's place: the sibling sees its own arguments only
  ::execv(program->c_str(), argv + 1);
  throw ProcessingError(fmt::format("{}: {}", program->string(), std::strerror(errno)));
}

void print_report(Context& context, const Error* error) {
  nlohmann::json& j = context.report;
  j["schema"] = 1;
  j["tool"] = "unblur";
  j["version"] = UNBLUR_VERSION;
  if (!j.contains("device")) j["device"] = nullptr;
  if (!j.contains("ok")) j["ok"] = error == nullptr;
  j["error"] = error == nullptr ? nlohmann::json() : nlohmann::json(error->what());
  std::puts(j.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

int fail(Context& context, const Error& error) {
  set_status_line("");
  print_line(std::string("unblur: error: ") + error.what());
  if (context.json) print_report(context, &error);
  return error.exit_code();
}

/// CLI11's own words and codes become ours.
int report_usage(Context& context, const CLI::App& app, const CLI::ParseError& e) {
  const CLI::App* verb = app.get_subcommands().empty() ? &app : app.get_subcommands().front();
  if (e.get_name() == "CallForHelp" || e.get_name() == "CallForAllHelp") {
    std::fputs(verb->help(verb == &app ? "" : "unblur").c_str(), stdout);
    return 0;
  }
  if (e.get_name() == "CallForVersion") {
    std::fputs(version_text().c_str(), stdout);
    return 0;
  }
  std::string what = e.what();
  if (what == "A subcommand is required") what = "which verb? for instance: unblur deblur clip.mp4";
  return fail(context, UsageError(fmt::format("{} (see `{} --help`)", what,
                                              verb == &app ? "unblur" : "unblur " + verb->get_name())));
}

void announce(Context& context, const Settings& settings, const DeviceInfo& d) {
  spdlog::info(
      "device: {}, {}{}", d.name, d.driver,
      d.type == "cpu" && settings.text("device").empty() ? " (no GPU found: this runs on the CPU)" : "");
  context.report["device"] = {
      {"name", d.name}, {"driver", d.driver}, {"type", d.type}, {"uuid", d.uuid}, {"api", d.api}};
}

int parse_and_run(int argc, char** argv, Context& context) {
  CLI::App app{"Removes motion blur from video and pictures on any Vulkan device, and shows the motion.",
               "unblur"};
  app.footer(footer());
  app.set_help_flag("-h,--help", "print this help");
  app.set_version_flag("-V,--version", "print version and licences of what is inside");
  app.require_subcommand(1);
  app.fallthrough(false);
  add_deblur(app, context);
  add_trajectories(app, context);
  add_info(app, context);
  add_devices(app, context);
  add_doctor(app, context);
  add_selftest(app, context);
  add_benchmark(app, context);
  add_tune(app, context);
  add_config(app, context);
  try {
    const auto verbs = app.get_subcommands([](const CLI::App*) { return true; });
    const auto is_verb = [&](const CLI::App* v) { return v->check_name(argv[1]); };
    if (argc > 1 && argv[1][0] != '-' && std::none_of(verbs.begin(), verbs.end(), is_verb)) {
      throw UsageError(fmt::format("no verb '{}' (see `unblur --help`)", argv[1]));
    }
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return report_usage(context, app, e);
  }
  set_up_log(context.verbosity);
  const ExitCode code = context.verb();
  if (context.json) print_report(context, nullptr);
  if (std::fflush(stdout) != 0)
    throw ProcessingError(fmt::format("standard output: {}", std::strerror(errno)));
  return static_cast<int>(code);
}

}  // namespace

void add_common_options(CLI::App& verb, Context& context) {
  verb.add_flag("--json", context.json, "print one JSON object on standard output");
  verb.add_option("--config", context.config, "TOML file with settings")->type_name("FILE");
  verb.add_flag_callback(
      "-q,--quiet", [&context] { context.verbosity = -1; }, "warnings and errors only");
  verb.add_flag_callback(
      "-v,--verbose", [&context] { context.verbosity = 1; }, "say more");
}

void add_settings(CLI::App& verb, Context& context, std::initializer_list<const char*> names) {
  for (const SettingInfo& s : all_settings()) {
    if (std::find(names.begin(), names.end(), std::string_view(s.name)) == names.end()) continue;
    const std::string name = s.name;
    const std::string short_name = name == "model" ? "-m," : name == "device" ? "-d," : "";
    const std::string help = fmt::format("{} [{}]", s.help, environment_name(name));
    if (name == "scene-cut") {
      verb.add_flag_callback(
          "--no-scene-cut", [&context] { context.flags["scene-cut"] = "false"; },
          fmt::format("carry recurrence across scene cuts [{}]", environment_name(name)));
      continue;
    }
    verb.add_option_function<std::string>(
            fmt::format("{}--{}", short_name, name),
            [&context, name](const std::string& v) { context.flags[name] = v; }, help)
        ->type_name(name == "model"          ? "MODEL"
                    : name == "device"       ? "DEVICE"
                    : name == "memory-limit" ? "SIZE"
                                             : "VALUE");
  }
}

void print_data(const Context& context, const std::string& text) {
  if (!context.json) std::fputs(text.c_str(), stdout);
}

std::unique_ptr<Backend> open_backend(Context& context, const Settings& settings) {
  std::unique_ptr<Backend> backend = context.services.open_backend(settings.text("device"));
  announce(context, settings, backend->device());
  return backend;
}

void announce_device(Context& context, const Settings& settings) {
  const std::vector<DeviceRow> rows = context.services.list_devices(settings.text("device"));
  const auto chosen = std::ranges::find(rows, true, &DeviceRow::chosen);
  if (chosen != rows.end()) announce(context, settings, chosen->info);
}

int run_program(int argc, char** argv, const Services& services) {
  Context context(services);
  set_up_log(0);
  try {
    if (argc > 1) {
      for (const Sibling& s : kSiblings) {
        if (std::strcmp(argv[1], s.verb) == 0) return hand_over(s, argv);
      }
    }
    return parse_and_run(argc, argv, context);
  } catch (const Error& e) {
    return fail(context, e);
  } catch (const std::bad_alloc&) {
    return fail(context,
                MemoryError("the system's memory is used up; try --memory-limit or a smaller input"));
  } catch (const std::exception& e) {
    return fail(context, ProcessingError(e.what()));
  }
}

}  // namespace unblur
