// SPDX-License-Identifier: MIT
// unblur-train: parse, call the library, report.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <functional>
#include <new>

#include "eval_verb.h"
#include "graph/error.h"
#include "plot.h"
#include "smoke.h"
#include "synth_verb.h"
#include "train_config.h"
#include "trainer.h"

namespace {

using namespace unblur;

std::atomic<int> interrupt_signal{0};

void on_signal(int signal) {
  if (interrupt_signal.exchange(signal) != 0) std::_Exit(128 + signal);  // the second one kills
}

struct RunArguments {
  std::string config;
  std::vector<std::string> overrides;
  bool smoke = false;
  RunOptions options;
};

CLI::App* add_run_verb(CLI::App& app, RunArguments& a) {
  CLI::App* verb = app.add_subcommand("run", "Train a network");
  verb->add_option("CONFIG", a.config, "TOML file; training/configs/rt.toml explains every key")->required();
  verb->add_option("--set", a.overrides, "KEY=VALUE over the file, e.g. joint.muon_rate=2e-3")
      ->allow_extra_args(false);
  verb->add_flag("--resume", a.options.resume, "Continue from the checkpoint in the run's directory");
  verb->add_option("--init", a.options.init, "Start from the weights of a model file or checkpoint")
      ->type_name("MODEL");
  verb->add_option("--time-budget", a.options.budget_minutes,
                   "Minutes; the first one measures the speed and fixes the iteration count")
      ->type_name("MIN")
      ->check(CLI::Range(0.1, 1e6));
  verb->add_flag("--smoke", a.smoke, "Two iterations per stage on generated pictures");
  verb->add_flag("-q,--quiet", a.options.quiet, "No progress");
  verb->footer(
      "Ctrl-C writes a checkpoint and ends; kill -9 loses at most two minutes. --resume with --time-budget "
      "plans that many\n"
      "minutes more.\n\nExamples:\n"
      "  unblur-train run training/configs/rt.toml --set data.photos=PHOTOS --set directory=RUN "
      "--time-budget 60\n"
      "  unblur-train run training/configs/rt.toml --set data.photos=PHOTOS --set directory=RUN --resume\n"
      "  unblur-train run training/configs/rt.toml --smoke");
  return verb;
}

int run_run(RunArguments& a) {
  if (a.options.resume && !a.options.init.empty()) throw UsageError("--resume and --init exclude each other");
  if (a.smoke) {
    // A smoke run needs no photographs, whatever the configuration says.
    if (a.options.resume) throw UsageError("--smoke and --resume exclude each other");
    a.options.generated_photos = true;
    a.options.budget_minutes = 0;
  }
  Settings settings = Settings::read(a.config, a.overrides);
  TrainConfig config = read_train_config(settings);
  if (a.smoke) config = smoke_config(std::move(config));
  a.options.interrupt = &interrupt_signal;
  const int signal = run_training(config, a.options);
  return signal == 0 ? 0 : 128 + signal;
}

struct PlotArguments {
  std::string table, output;
};

CLI::App* add_plot_verb(CLI::App& app, PlotArguments& a) {
  CLI::App* verb = app.add_subcommand("plot", "Draw the curves of a log as SVG");
  verb->add_option("CSV", a.table, "train.csv or validation.csv of a run")->required();
  verb->add_option("-o,--output", a.output, "SVG file")->required();
  verb->footer("Example:\n  unblur-train plot RUN/validation.csv -o curve.svg");
  return verb;
}

int run_plot(const PlotArguments& a) {
  const std::string svg = plot_log(read_csv(a.table));
  std::ofstream file(a.output, std::ios::trunc);
  if (!(file << svg).flush()) throw ProcessingError("cannot write " + a.output);
  return 0;
}

int fail(int code, const std::string& message) {
  fmt::print(stderr, "unblur: error: {}\n", message);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains, synthesises and evaluates the networks of Unblur.", "unblur-train"};
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", std::string("unblur-train ") + UNBLUR_VERSION);
  RunArguments run;
  SynthArguments synth;
  EvalArguments eval;
  PlotArguments plot;
  const CLI::App* run_verb = add_run_verb(app, run);
  const CLI::App* synth_verb = add_synth_verb(app, synth);
  const CLI::App* eval_verb = add_eval_verb(app, eval);
  add_plot_verb(app, plot);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // help, version
    return fail(static_cast<int>(ExitCode::kUsage), e.what());
  }
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_DFL);
  try {
    if (run_verb->parsed()) return run_run(run);
    if (eval_verb->parsed()) {
      run_eval(eval);
    } else if (synth_verb->parsed()) {
      run_synth(synth, [](int, int) { return interrupt_signal.load() == 0; });
    } else {
      return run_plot(plot);
    }
    return interrupt_signal == 0 ? 0 : 128 + interrupt_signal;
  } catch (const Error& e) {
    return fail(e.exit_code(), e.what());
  } catch (const std::bad_alloc&) {
    return fail(static_cast<int>(ExitCode::kOutOfMemory), "out of memory");
  } catch (const std::exception& e) {
    return fail(static_cast<int>(ExitCode::kProcessingFailed), e.what());
  }
}
