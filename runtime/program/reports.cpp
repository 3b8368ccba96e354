// SPDX-License-Identifier: MIT
#include "program/reports.h"

#include <fmt/format.h>

#include <cmath>

namespace unblur {
namespace {

/// JSON has no infinity: an exact match is null.
nlohmann::json psnr_json(const SquaredError& e) {
  const double psnr = e.psnr();
  return std::isfinite(psnr) ? nlohmann::json(psnr) : nlohmann::json();
}

nlohmann::json stage_json(const StageTimes& t) {
  return {{"p50_ms", t.percentile(0.5)}, {"p95_ms", t.percentile(0.95)}, {"sum_ms", t.sum()}};
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  const double mib = static_cast<double>(bytes) / (1024.0 * 1024.0);
  return mib >= 1024 ? fmt::format("{:.2f} GiB", mib / 1024) : fmt::format("{:.1f} MiB", mib);
}

nlohmann::json plan_json(const PlanReport& plan) {
  return {{"weight_bytes", plan.weight_bytes}, {"activation_bytes", plan.activation_bytes},
          {"state_bytes", plan.state_bytes},   {"io_bytes", plan.io_bytes},
          {"total_bytes", plan.total_bytes()}, {"strips", plan.strips},
          {"dispatches", plan.dispatches},     {"multiply_adds", plan.multiply_adds},
          {"precision", plan.precision},       {"kernels", plan.kernels}};
}

std::string plan_text(const StreamInfo& input, const PlanReport& plan, bool kernels) {
  std::string text = fmt::format("{}: {}x{}, {}{} frames\n", input.name, input.format.width,
                                 input.format.height, input.codec.empty() ? "" : input.codec + ", ",
                                 input.frames ? std::to_string(*input.frames) : "unknown number of");
  text += fmt::format("precision      {}\n", plan.precision);
  text += fmt::format("memory         {} (weights {}, activations {}, states {}, input and output {})\n",
                      format_bytes(plan.total_bytes()), format_bytes(plan.weight_bytes),
                      format_bytes(plan.activation_bytes), format_bytes(plan.state_bytes),
                      format_bytes(plan.io_bytes));
  text += fmt::format("row strips     {}\n",
                      plan.strips == 1 ? "none, whole frames" : std::to_string(plan.strips));
  text += fmt::format("dispatches     {}\n", plan.dispatches);
  text += fmt::format("multiply-adds  {:.2f} G per frame\n", static_cast<double>(plan.multiply_adds) / 1e9);
  if (kernels) {
    for (const std::string& line : plan.kernels) text += "  " + line + "\n";
  }
  return text;
}

nlohmann::json report_json(const DeblurReport& r) {
  nlohmann::json j{{"frames", r.frames},
                   {"resumed_frames", r.resumed_frames},
                   {"scene_cuts", r.scene_cuts},
                   {"time_jumps", r.time_jumps},
                   {"retried_fp32", r.retried_fp32},
                   {"seconds", r.seconds},
                   {"fps", r.fps()},
                   {"peak_memory_bytes", peak_memory()},
                   {"stages",
                    {{"decode", stage_json(r.decode)},
                     {"device", stage_json(r.device)},
                     {"wait", stage_json(r.wait)},
                     {"encode", stage_json(r.encode)}}},
                   {"plan", plan_json(r.plan)}};
  if (r.error_before.count > 0) {
    j["psnr_before"] = psnr_json(r.error_before);
    j["psnr_after"] = psnr_json(r.error_after);
  }
  j["damage"] = r.damage ? nlohmann::json(*r.damage) : nlohmann::json();
  j["interrupted_by"] = r.interrupted_by;
  return j;
}

std::vector<std::string> summary_lines(const std::string& input, const std::string& output,
                                       const DeblurReport& r) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format(
      "{} -> {}: {} frames in {:.1f} s ({:.{}f} fps){}{}{}", input, output, r.frames, r.seconds, r.fps(),
      r.fps() < 10 ? 2 : 1,
      r.resumed_frames > 0 ? fmt::format(" after {} of the interrupted run", r.resumed_frames) : "",
      r.scene_cuts > 0 ? fmt::format(", {} scene cuts", r.scene_cuts) : "",
      r.time_jumps > 0 ? fmt::format(", {} jumps in time", r.time_jumps) : ""));
  if (r.retried_fp32 > 0)
    lines.push_back(
        fmt::format("{} frames failed the check in fp16 and were run again in fp32", r.retried_fp32));
  if (r.error_before.count > 0) {
    const double before = r.error_before.psnr(), after = r.error_after.psnr();
    lines.push_back(fmt::format("PSNR against the truth: {:.2f} dB before, {:.2f} dB after ({:+.2f} dB)",
                                before, after, after - before));
  }
  return lines;
}

}  // namespace unblur
