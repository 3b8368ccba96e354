// SPDX-License-Identifier: MIT
// The verb `unblur-train synth`: its options and what it does with them.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <string>
#include <vector>

#include "clip_folder.h"

namespace unblur {

struct SynthArguments {
  SynthRequest request;
  std::filesystem::path output, validation, preview;
  std::string size = "128x128", speed, duty, bin, split = "training";
  bool no_noise = false, no_codec = false, no_saturation = false, no_truth = false, plain = false,
       quiet = false;
};

/// Declares the verb's options on `app`; values land in `arguments`, which must outlive parsing.
CLI::App* add_synth_verb(CLI::App& app, SynthArguments& arguments);

/// Runs it. `progress` may stop it early (Ctrl-C). Throws UsageError, InputError, ProcessingError.
void run_synth(const SynthArguments& arguments, const SynthProgress& progress);

}  // namespace unblur
