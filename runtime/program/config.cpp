// SPDX-License-Identifier: MIT
// The verb `config`: settings and where each comes from.
#include <fmt/format.h>

#include "program/context.h"

namespace unblur {

void add_config(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("config", "show settings and where they come from");
  CLI::App* show = verb->add_subcommand("show", "print all settings as TOML");
  verb->require_subcommand(1);
  auto origin = std::make_shared<bool>(false);
  show->add_flag("--origin", *origin, "say where each value comes from");
  add_settings(*show, context,
               {"model", "device", "precision", "memory-limit", "strength", "codec", "crf", "pix-fmt",
                "scene-cut", "progress"});
  add_common_options(*show, context);
  show->set_help_flag("-h,--help", "print this help");
  const std::string footer =
      "Flags come before the environment (UNBLUR_*), that before --config FILE, that before\n"
      "$XDG_CONFIG_HOME/unblur/config.toml, $XDG_CONFIG_DIRS and the built-in values.\n\n"
      "Examples:\n"
      "  unblur config show --origin\n"
      "  unblur config show > ~/.config/unblur/config.toml";
  verb->footer(footer);
  show->footer(footer);
  show->callback([&context, origin] {
    context.verb = [&context, origin] {
      const Settings settings = context.settings();
      std::string text;
      for (const SettingInfo& s : all_settings()) {
        const Settings::Entry& e = settings.entry(s.name);
        context.report["settings"][s.name] = {{"value", e.value}, {"origin", e.origin}};
        const std::string line = fmt::format("{} = {}", s.name, nlohmann::json(e.value).dump());
        text += *origin ? fmt::format("{:<28} # {}\n", line, e.origin) : line + "\n";
      }
      print_data(context, text);
      return ExitCode::kDone;
    };
  });
}

}  // namespace unblur
