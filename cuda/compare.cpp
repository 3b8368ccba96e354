// SPDX-License-Identifier: MIT
#include "compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "graph/error.h"
#ifdef UNBLUR_COMPARE_VULKAN
#include "vulkan/backend.h"
#endif

namespace unblur {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

OutputDifference difference(const NamedOutput& a, const NamedOutput& b, double range) {
  if (a.values.size() != b.values.size()) {
    throw ProcessingError(fmt::format("output '{}' is {} on one backend and {} on the other", a.name,
                                      to_string(a.shape), to_string(b.shape)));
  }
  OutputDifference d{.name = a.name};
  double square = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double error = std::abs(double{b.values[i]} - double{a.values[i]});
    d.largest = std::isfinite(error) ? std::max(d.largest, error) : kInfinity;
    d.mean += error;
    square += error * error;
    d.scale = std::max(d.scale, std::abs(double{a.values[i]}));
  }
  const auto count = static_cast<double>(std::max<std::size_t>(a.values.size(), 1));
  d.mean = std::isfinite(d.mean) ? d.mean / count : kInfinity;
  d.psnr_db = square > 0 ? 10.0 * std::log10(range * range * count / square) : kInfinity;
  return d;
}

/// A session and the window it wants.
class Runner {
 public:
  Runner(Backend& backend, const std::shared_ptr<const Model>& model, const FrameFormat& format,
         Precision precision) {
    BindOptions options{.format = format, .precision = precision};
    if (model->graph.has_output("frame")) options.named_outputs.emplace_back("frame");
    for (const OutputSpec& o : model->graph.outputs()) {
      if (o.name != "frame") options.named_outputs.push_back(o.name);
    }
    session_ = backend.bind(model, options);
  }

  Result run(std::span<const Frame> frames, std::size_t at, double& ms) {
    std::vector<const Frame*> window;
    for (int offset = session_->min_offset(); offset <= session_->max_offset(); ++offset) {
      const auto i = static_cast<std::ptrdiff_t>(at) + offset;
      window.push_back(&frames[static_cast<std::size_t>(
          std::clamp<std::ptrdiff_t>(i, 0, static_cast<std::ptrdiff_t>(frames.size()) - 1))]);
    }
    const auto start = std::chrono::steady_clock::now();
    session_->submit(window);
    Result result = session_->receive();
    ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
    return result;
  }

 private:
  std::unique_ptr<Session> session_;
};

}  // namespace

BackendChoice parse_backend(const std::string& text) {
  BackendChoice choice{.text = text};
  std::string rest = text;
  if (const auto plus = rest.rfind('+'); plus != std::string::npos) {
    const std::string suffix = rest.substr(plus + 1);
    if (suffix != "fp32" && suffix != "fp16") {
      throw UsageError(fmt::format("'{}' in --backends: the suffix must be +fp32 or +fp16", text));
    }
    choice.precision = suffix == "fp16" ? Precision::kFp16 : Precision::kFp32;
    rest.resize(plus);
  }
  const auto colon = rest.find(':');
  choice.family = rest.substr(0, colon);
  choice.device = colon == std::string::npos ? "" : rest.substr(colon + 1);
  if (choice.family != "torch" && choice.family != "vulkan") {
    throw UsageError(fmt::format(
        "'{}' in --backends: use torch:cpu, torch:cuda[:N] or vulkan[:N or part of the name]", text));
  }
  if (choice.family == "torch" && choice.device.empty()) choice.device = "cpu";
  return choice;
}

std::unique_ptr<Backend> open_backend(const BackendChoice& choice) {
  if (choice.family == "torch") return load_torch_backend(choice.device);
#ifdef UNBLUR_COMPARE_VULKAN
  return create_vulkan_backend({.device = choice.device});
#else
  throw DeviceError("this program was built without Vulkan (-DUNBLUR_WITH_VULKAN=OFF)");
#endif
}

bool Tolerance::holds(const OutputDifference& d) const noexcept {
  if (mean_abs || max_abs) {
    return (!mean_abs || d.mean <= *mean_abs) && (!max_abs || d.largest <= *max_abs);
  }
  return d.relative() <= relative;
}

std::string Tolerance::text() const {
  if (mean_abs && max_abs) return fmt::format("mean {:g}, maximum {:g} ({})", *mean_abs, *max_abs, reason);
  return fmt::format("relative {:g} ({})", relative, reason);
}

Tolerance default_tolerance(const Graph& graph, std::span<const BackendChoice> choices) {
  const auto is_half = [](const BackendChoice& c) { return c.precision == Precision::kFp16; };
  const auto is_volume = [](const Node& n) { return std::holds_alternative<op::PixelVolume>(n.op); };
  if (std::ranges::any_of(choices, is_half)) return {.relative = 2e-2, .reason = "fp16"};
  if (std::ranges::any_of(graph.nodes(), is_volume)) {
    return {.mean_abs = 1e-3, .max_abs = 0.05, .reason = "a pixel volume truncates positions"};
  }
  return {.relative = 1e-4, .reason = "fp32"};
}

std::vector<FrameDifference> compare_backends(const std::shared_ptr<const Model>& model,
                                              std::span<const Frame> frames, std::size_t count,
                                              Backend& first, Precision first_precision, Backend& second,
                                              Precision second_precision) {
  if (frames.empty()) throw InputError("the input holds no frame");
  Runner a(first, model, frames[0].format, first_precision);
  Runner b(second, model, frames[0].format, second_precision);
  const double range = double{model->info.range_high} - double{model->info.range_low};
  std::vector<FrameDifference> all;
  for (std::size_t i = 0; i < std::min(count, frames.size()); ++i) {
    FrameDifference frame{.index = static_cast<std::int64_t>(i)};
    const Result ra = a.run(frames, i, frame.ms[0]), rb = b.run(frames, i, frame.ms[1]);
    for (std::size_t o = 0; o < ra.outputs.size(); ++o) {
      frame.outputs.push_back(difference(ra.outputs.at(o), rb.outputs.at(o), range));
    }
    all.push_back(std::move(frame));
  }
  return all;
}

}  // namespace unblur
