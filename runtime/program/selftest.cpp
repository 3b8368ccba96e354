// SPDX-License-Identifier: MIT
// The verb `selftest`: every kernel on the chosen device against plain loops.
#include <fmt/format.h>

#include "program/context.h"

namespace unblur {
namespace {

ExitCode selftest(Context& context) {
  const Settings settings = context.settings();
  announce_device(context, settings);
  const std::vector<SelftestRow> rows = context.services.selftest(settings.text("device"));
  nlohmann::json list = nlohmann::json::array();
  std::string text = "  kernel        storage          error  allowed      ms  operation\n";
  int failed = 0, skipped = 0;
  for (const SelftestRow& r : rows) {
    list.push_back({{"kernel", r.kernel},
                    {"operation", r.operation},
                    {"storage", r.storage},
                    {"error", r.error},
                    {"tolerance", r.tolerance},
                    {"ms", r.ms},
                    {"skipped", r.skipped},
                    {"failed", r.failed}});
    if (!r.skipped.empty()) {
      ++skipped;
      text += fmt::format("- {:<13} {:<12} skipped: {}\n", r.kernel, r.storage, r.skipped);
      continue;
    }
    failed += r.failed ? 1 : 0;
    text += fmt::format("{} {:<13} {:<12} {:>9.1e} {:>8.1e} {:>7.1f}  {}\n", r.failed ? '!' : ' ', r.kernel,
                        r.storage, r.error, r.tolerance, r.ms, r.operation);
  }
  context.report["kernels"] = list;
  context.report["ok"] = failed == 0;
  text += fmt::format("{} kernels right, {} wrong, {} skipped\n",
                      static_cast<int>(rows.size()) - failed - skipped, failed, skipped);
  print_data(context, text);
  if (failed > 0) {
    throw ToleranceError(
        "this device or its driver computes wrong results; try another driver version, and `unblur doctor`");
  }
  return ExitCode::kDone;
}

}  // namespace

void add_selftest(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand(
      "selftest", "does the chosen device compute right? every kernel against plain loops");
  add_settings(*verb, context, {"device"});
  add_common_options(*verb, context);
  verb->footer(
      "Takes seconds, most of them for compiling. Exit code 6 if a kernel is wrong.\n\n"
      "Examples:\n"
      "  unblur selftest\n"
      "  unblur selftest -d 1 --json");
  verb->callback([&context] { context.verb = [&context] { return selftest(context); }; });
}

}  // namespace unblur
