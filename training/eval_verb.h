// SPDX-License-Identifier: MIT
// The verb `unblur-train eval`: its options and what it does with them.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <vector>

namespace unblur {

struct EvalArguments {
  std::filesystem::path model, results, pairs, sharp, json;
  std::vector<std::string> photos, exclude;
  std::string device = "auto", protocol = "plain";
  int clips = 60, frames = 0, left_out = -1, border = -1, threads = 0;
  bool no_ssim = false, quiet = false;
};

/// Declares the verb's options on `app`; values land in `arguments`, which must outlive parsing.
CLI::App* add_eval_verb(CLI::App& app, EvalArguments& arguments);

/// Runs it; the table goes to stdout. Throws UsageError, InputError, ModelError.
void run_eval(const EvalArguments& arguments);

}  // namespace unblur
