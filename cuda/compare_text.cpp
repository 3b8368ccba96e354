// SPDX-License-Identifier: MIT
#include "compare_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace unblur {
namespace {

using nlohmann::json;

json finite(double v) { return std::isfinite(v) ? json(v) : json(nullptr); }

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

std::string optional_text(const std::optional<double>& v) { return v ? fmt::format("{:.4f}", *v) : ""; }

json frame_json(const FrameDifference& f) {
  json outputs = json::array();
  for (const OutputDifference& o : f.outputs) {
    json quantiles = json::object();
    for (std::size_t i = 0; i < kQuantiles.size(); ++i)
      quantiles[fmt::format("{:g}", kQuantiles[i])] = finite(o.quantiles[i]);
    outputs.push_back({{"name", o.name},
                       {"largest", finite(o.largest)},
                       {"mean", finite(o.mean)},
                       {"quantiles", quantiles},
                       {"relative", finite(o.relative())},
                       {"psnr_db", o.name == "frame" ? finite(o.psnr_db) : json(nullptr)},
                       {"ssim", o.ssim ? json(*o.ssim) : json(nullptr)}});
  }
  return {{"frame", f.index}, {"outputs", outputs}, {"ms", {f.ms[0], f.ms[1]}}};
}

json layer_json(const LayerDifference& d) {
  const auto error = [](const ElementError& e) {
    return json{{"largest", finite(e.largest)}, {"mean", finite(e.mean)}};
  };
  return {{"name", d.name},
          {"op", d.op},
          {"kernel", d.kernel},
          {"covers", d.covers},
          {"range", finite(d.range)},
          {"bound", d.bound},
          {"added", error(d.added)},
          {"inherited", error(d.inherited)},
          {"total", error(d.total)},
          {"frame", d.frame},
          {"ok", d.holds}};
}

json layers_json(const LayerReport& report) {
  json layers = json::array();
  for (const LayerDifference& d : report.layers) layers.push_back(layer_json(d));
  return {{"layers", layers},
          {"first_beyond", report.first ? json(report.layers[*report.first].name) : json(nullptr)},
          {"unjudged", report.unjudged},
          {"frames", report.frames},
          {"tensor_bytes", report.tensor_bytes()},
          {"allowed_bytes", report.allowed_bytes()},
          {"peak_bytes", report.peak_bytes},
          {"node_bytes", report.node_bytes}};
}

std::string repeat_line(const RepeatReport& r) {
  return fmt::format("{}: {} more run{} on poisoned memory, {}", r.backend, r.runs, r.runs == 1 ? "" : "s",
                     r.difference.empty() ? "the same bits" : r.difference);
}

json note_json(const BackendNote& note) {
  return {{"backend", note.text}, {"name", note.name}, {"driver", note.driver}};
}

std::string layer_table(const LayerReport& report) {
  std::string text = fmt::format("{:<44} {:<22} {:>10} {:>10} {:>10} {:>10}\n", "layer", "kernel", "range",
                                 "added", "inherited", "bound");
  for (const LayerDifference& d : report.layers) {
    const std::string more = d.covers.size() > 1 ? fmt::format(" (+{})", d.covers.size() - 1) : "";
    text += fmt::format("{:<44} {:<22} {:>10.3g} {:>10.2e} {:>10.2e} {:>10.2e}{}\n", d.name + more, d.kernel,
                        d.range, d.judged, d.inherited.largest, d.bound, d.holds ? "" : "  <- beyond");
  }
  return text + layer_summary(report) + "\n";
}

std::string frame_table(const Comparison& c, const Examined& e) {
  std::string text = fmt::format("{:>5}  {:<12} {:>10} {:>10} {:>10} {:>10} {:>9} {:>7} {:>22}\n", "frame",
                                 "output", "largest", "mean", "99.9 %", "relative", "PSNR", "SSIM",
                                 fmt::format("{} / {} ms", c.reference.text, e.backend.text));
  for (const FrameDifference& f : e.frames) {
    for (const OutputDifference& o : f.outputs) {
      const bool picture = o.name == "frame", first = &o == &f.outputs.front();
      text += fmt::format("{:>5}  {:<12} {:>10.2e} {:>10.2e} {:>10.2e} {:>10.2e} {:>9} {:>7} {:>22}\n",
                          f.index, o.name, o.largest, o.mean, o.quantiles.back(), o.relative(),
                          picture ? decibels(o.psnr_db) : "", optional_text(o.ssim),
                          first ? fmt::format("{:.1f} / {:.1f}", f.ms[0], f.ms[1]) : "");
    }
  }
  return text;
}

}  // namespace

std::string decibels(double db) { return std::isinf(db) ? "equal" : fmt::format("{:.1f} dB", db); }

std::string layer_summary(const LayerReport& r) {
  return fmt::format(
      "{} layers judged, {} that only move values; {} frame{}; tensors {:.1f} MiB at most, allowed {:.1f} (3 "
      "x the "
      "graph's peak of {:.1f} + its largest node's {:.1f})",
      r.layers.size(), r.unjudged.size(), r.frames, r.frames == 1 ? "" : "s", mebibytes(r.tensor_bytes()),
      mebibytes(r.allowed_bytes()), mebibytes(r.peak_bytes), mebibytes(r.node_bytes));
}

OutputSummary summary_of(std::span<const FrameDifference> frames) {
  OutputSummary s{.name = {}, .frames = frames.size(), .ssim = {}};
  s.psnr_db = std::numeric_limits<double>::infinity();
  for (const FrameDifference& f : frames) {
    const OutputDifference& o = f.outputs.at(0);
    s.name = o.name;
    s.largest = std::max(s.largest, o.largest);
    s.mean = std::max(s.mean, o.mean);
    s.relative = std::max(s.relative, o.relative());
    s.psnr_db = std::min(s.psnr_db, o.psnr_db);
    for (std::size_t i = 0; i < kQuantiles.size(); ++i)
      s.quantiles[i] = std::max(s.quantiles[i], o.quantiles[i]);
    if (o.ssim) s.ssim = std::min(s.ssim.value_or(1.0), *o.ssim);
  }
  const auto timed = frames.size() > 1 ? frames.subspan(1) : frames;
  for (const FrameDifference& f : timed) {
    for (int i = 0; i < 2; ++i) s.ms[i] += f.ms[i] / static_cast<double>(timed.size());
  }
  return s;
}

std::string comparison_table(const Comparison& c) {
  std::string text = fmt::format("{}, {} x {} px, {}\nreference  {}: {}\n", c.model, c.width, c.height,
                                 c.input, c.reference.text, c.reference.device());
  for (const Examined& e : c.examined) {
    text += fmt::format("examined   {}: {}\n", e.backend.text, e.backend.device());
    text += e.layers ? layer_table(*e.layers) : frame_table(c, e);
    text += e.verdict.empty() ? fmt::format("within tolerance: {}\n", e.tolerance.text())
                              : "outside tolerance: " + e.verdict + "\n";
  }
  for (const RepeatReport& r : c.repeats) {
    text += repeat_line(r) + "\n";
  }
  return text;
}

json comparison_json(const Comparison& c) {
  json backends = json::array({note_json(c.reference)}), examined = json::array(), repeats = json::array();
  for (const Examined& e : c.examined) {
    backends.push_back(note_json(e.backend));
    json one{{"backend", e.backend.text}, {"tolerance", e.tolerance.text()},
             {"ok", e.verdict.empty()},   {"verdict", e.verdict.empty() ? json(nullptr) : json(e.verdict)},
             {"frames", json::array()},   {"layers", e.layers ? layers_json(*e.layers) : json(nullptr)}};
    for (const FrameDifference& f : e.layers ? e.layers->outputs : e.frames)
      one["frames"].push_back(frame_json(f));
    examined.push_back(std::move(one));
  }
  for (const RepeatReport& r : c.repeats) {
    repeats.push_back({{"backend", r.backend},
                       {"runs", r.runs},
                       {"ok", r.difference.empty()},
                       {"difference", r.difference.empty() ? json(nullptr) : json(r.difference)}});
  }
  return {{"model", c.model},
          {"input", c.input},
          {"width", c.width},
          {"height", c.height},
          {"backends", backends},
          {"examined", examined},
          {"repeats", repeats},
          {"device", c.examined.empty() ? json(nullptr) : json(c.examined[0].backend.name)}};
}

std::string comparison_markdown(const Comparison& c) {
  std::string text = fmt::format("## {}\n\n{}, {} x {} px; reference {} ({}).\n\n", c.model, c.input, c.width,
                                 c.height, c.reference.text, c.reference.device());
  text +=
      "| backend | device | output | frames | largest | mean | 99.9 % | PSNR | SSIM | ms reference | ms | "
      "verdict |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";
  for (const Examined& e : c.examined) {
    const auto& frames = e.layers ? e.layers->outputs : e.frames;
    if (frames.empty()) continue;
    const OutputSummary s = summary_of(frames);
    const bool picture = s.name == "frame";
    text +=
        fmt::format("| {} | {} | {} | {} | {:.2e} | {:.2e} | {:.2e} | {} | {} | {:.1f} | {:.1f} | {} |\n",
                    e.backend.text, e.backend.device(), s.name, s.frames, s.largest, s.mean,
                    s.quantiles.back(), picture ? decibels(s.psnr_db) : "", optional_text(s.ssim), s.ms[0],
                    s.ms[1], e.verdict.empty() ? "within " + e.tolerance.text() : "**" + e.verdict + "**");
  }
  for (const Examined& e : c.examined) {
    if (!e.layers) continue;
    text += fmt::format(
        "\n{}: {}.\n\n| layer | kernel | range | added | inherited | bound |\n"
        "| --- | --- | --- | --- | --- | --- |\n",
        e.backend.text, layer_summary(*e.layers));
    for (const LayerDifference& d : e.layers->layers) {
      const std::string mark = d.holds ? "" : "**";
      text += fmt::format("| {0}{1}{0} | {2} | {3:.3g} | {4:.2e} | {5:.2e} | {6:.2e} |\n", mark, d.name,
                          d.kernel, d.range, d.judged, d.inherited.largest, d.bound);
    }
  }
  for (const RepeatReport& r : c.repeats) {
    text += "\n" + repeat_line(r) + ".\n";
  }
  return text;
}

}  // namespace unblur
