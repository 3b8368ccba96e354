// SPDX-License-Identifier: MIT
// The verb `devices`.
#include <fmt/format.h>

#include "program/context.h"
#include "program/reports.h"

namespace unblur {
namespace {

ExitCode list_devices(Context& context) {
  const Settings settings = context.settings();
  const std::vector<DeviceRow> rows = context.services.list_devices(settings.text("device"));
  nlohmann::json list = nlohmann::json::array();
  std::string text;
  bool any = false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const DeviceRow& r = rows[i];
    const DeviceInfo& d = r.info;
    any = any || r.chosen;
    list.push_back({{"index", i},
                    {"name", d.name},
                    {"driver", d.driver},
                    {"type", d.type},
                    {"uuid", d.uuid},
                    {"api", d.api},
                    {"memory_bytes", d.memory_bytes},
                    {"fp16_storage", d.fp16_storage},
                    {"chosen", r.chosen},
                    {"unusable", r.unusable},
                    {"advice", r.advice}});
    text += fmt::format("{} {}  {}\n", r.chosen ? '*' : ' ', i, d.name);
    text += fmt::format("       {}, {}, {} heap, fp16 storage: {}\n", d.type, d.api,
                        format_bytes(d.memory_bytes), d.fp16_storage ? "yes" : "no");
    text += fmt::format("       driver {}, uuid {}\n", d.driver, d.uuid);
    if (!r.unusable.empty()) text += fmt::format("       cannot be used: {}\n", r.unusable);
    if (!r.advice.empty()) text += fmt::format("       {}\n", r.advice);
    if (r.chosen) context.report["device"] = list.back();
  }
  context.report["devices"] = list;
  print_data(context, text + (any ? "* is used unless -d says otherwise\n" : ""));
  if (!any) throw DeviceError("no usable Vulkan device; `unblur doctor` says what is missing");
  return ExitCode::kDone;
}

}  // namespace

void add_devices(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("devices", "list Vulkan devices; * marks the one that is used");
  add_settings(*verb, context, {"device"});
  add_common_options(*verb, context);
  verb->footer(
      "A device is chosen by index, part of its name or UUID. Discrete GPUs come before integrated ones, "
      "CPU\n"
      "devices last.\n\n"
      "Examples:\n"
      "  unblur devices\n"
      "  unblur devices -d radeon       does this choose what I mean?\n"
      "  unblur devices --json");
  verb->callback([&context] { context.verb = [&context] { return list_devices(context); }; });
}

}  // namespace unblur
