// SPDX-License-Identifier: MIT
// What every verb shares: services, the options before and after it, the JSON report.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "graph/error.h"
#include "program/program.h"
#include "program/settings.h"

namespace unblur {

struct Context {
  explicit Context(const Services& s) : services(s) {}
  const Services& services;
  bool json = false;
  int verbosity = 0;  ///< -1 quiet, 1 details
  std::string config;
  std::map<std::string, std::string> flags;  ///< settings given on the command line
  nlohmann::json report;                     ///< becomes the object of --json
  std::function<ExitCode()> verb;            ///< set by the verb that was parsed

  [[nodiscard]] Settings settings() const { return {flags, config}; }
};

/// Adds -q, -v, --json and --config.
void add_common_options(CLI::App& verb, Context& context);
/// Adds flags for these settings; with their environment names in the help.
void add_settings(CLI::App& verb, Context& context, std::initializer_list<const char*> names);
/// Prints data to standard output, unless --json asks for the report instead.
void print_data(const Context& context, const std::string& text);

/// The backend of the chosen device; says which one it is, and once if there is no GPU.
std::unique_ptr<Backend> open_backend(Context& context, const Settings& settings);
/// Says the same without opening it. Throws DeviceError if there is none.
void announce_device(Context& context, const Settings& settings);

// One per file; each adds its subcommand.
void add_deblur(CLI::App& app, Context& context);
void add_trajectories(CLI::App& app, Context& context);
void add_info(CLI::App& app, Context& context);
void add_devices(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_selftest(CLI::App& app, Context& context);
void add_tune(CLI::App& app, Context& context);
void add_benchmark(CLI::App& app, Context& context);
void add_config(CLI::App& app, Context& context);

}  // namespace unblur
