// SPDX-License-Identifier: MIT
// A comparison as a table for a terminal, as JSON (docs/compare.md lists the members) and as Markdown.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "comparison.h"

namespace unblur {

[[nodiscard]] std::string comparison_table(const Comparison& c);
/// Members for the program's JSON object. JSON has no infinity: null stands for "equal" (PSNR) and for "not a
/// finite number".
[[nodiscard]] nlohmann::json comparison_json(const Comparison& c);
[[nodiscard]] std::string comparison_markdown(const Comparison& c);

// ---- shared with the HTML report ----
[[nodiscard]] std::string decibels(double db);  ///< "equal" where infinite
/// "12 layers judged, 1 that only moves values; 2 frames; tensors 3.1 MiB at most, ...".
[[nodiscard]] std::string layer_summary(const LayerReport& report);
/// The worst value of each kind over all frames of the first output.
struct OutputSummary {
  std::string name = {};
  std::size_t frames = 0;
  double largest = 0, mean = 0, relative = 0, psnr_db = 0;
  std::array<double, 4> quantiles{};
  std::optional<double> ssim = {};
  double ms[2] = {0, 0};  ///< mean over the frames but the first, which prepares
};
[[nodiscard]] OutputSummary summary_of(std::span<const FrameDifference> frames);

}  // namespace unblur
