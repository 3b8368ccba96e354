// SPDX-License-Identifier: MIT
#include "compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "graph/error.h"
#include "media/metrics.h"
#ifdef UNBLUR_COMPARE_VULKAN
#include "vulkan/backend.h"
#endif

namespace unblur {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<double> code_values(std::span<const float> values, const ModelInfo& info) {
  std::vector<double> codes;
  codes.reserve(values.size());
  const double low = info.range_low, range = double{info.range_high} - low;
  for (const float v : values) codes.push_back(std::clamp((v - low) / range, 0.0, 1.0) * 255.0);
  return codes;
}

/// Mean over the channels; nothing below the 11 px of SSIM's window.
std::optional<double> picture_ssim(const NamedOutput& a, const NamedOutput& b, const ModelInfo& info) {
  if (a.shape.h < 11 || a.shape.w < 11) return std::nullopt;
  const std::vector<double> x = code_values(a.values, info), y = code_values(b.values, info);
  const std::size_t plane = x.size() / static_cast<std::size_t>(a.shape.c);
  double sum = 0;
  for (std::size_t c = 0; c < static_cast<std::size_t>(a.shape.c); ++c) {
    sum += ssim(std::span(x).subspan(c * plane, plane), std::span(y).subspan(c * plane, plane), a.shape.w,
                a.shape.h);
  }
  return sum / a.shape.c;
}

std::array<double, 4> error_quantiles(std::vector<float>& errors) {
  std::array<double, 4> result{};
  if (errors.empty()) return result;
  for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
    const auto at =
        errors.begin() + static_cast<std::ptrdiff_t>(kQuantiles[i] * static_cast<double>(errors.size() - 1));
    std::ranges::nth_element(errors, at);
    result[i] = *at;
  }
  return result;
}

class BackendRun final : public FrameRun {
 public:
  BackendRun(Backend& backend, std::shared_ptr<const Model> model, const FrameFormat& format,
             Precision precision, bool poison) {
    BindOptions options{.format = format, .precision = precision};
    options.poison = poison;
    if (model->graph.has_output("frame")) options.named_outputs.emplace_back("frame");
    for (const OutputSpec& o : model->graph.outputs()) {
      if (o.name != "frame") options.named_outputs.push_back(o.name);
    }
    session_ = backend.bind(std::move(model), options);
  }

  std::vector<NamedOutput> run(std::span<const Frame> frames, std::size_t at, double& ms) override {
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
    return std::move(result.outputs);
  }

 private:
  std::unique_ptr<Session> session_;
};

/// "+NAME" or "+OPERATOR=KERNEL".
void apply_suffix(BackendChoice& choice, const std::string& suffix) {
  const bool torch = choice.family == "torch";
  const auto only_for = [&](bool fits, const char* what) {
    if (!fits) throw UsageError(fmt::format("'{}' in --backends: +{} is for {}", choice.text, suffix, what));
  };
  if (suffix == "fp32") return;
  if (suffix == "fp16") {
    choice.precision = Precision::kFp16;
  } else if (suffix == "bf16") {
    only_for(torch, "torch:");
    choice.precision = Precision::kBf16;
  } else if (suffix == "tf32") {
    only_for(torch && choice.device.starts_with("cuda"), "torch:cuda");
    choice.tf32 = true;
  } else if (suffix == "nofuse") {
    choice.fuse = false;
  } else if (suffix == "ssbo") {
    only_for(!torch, "vulkan:");
    choice.storage_buffers = true;
  } else if (const auto equals = suffix.find('='); equals != std::string::npos) {
    only_for(!torch, "vulkan:");
    const std::string name = suffix.substr(0, equals);
    if (name != "conv2d" && name != "conv_transpose2d" && name != "deform_conv2d") {
      throw UsageError(
          fmt::format("'{}' in --backends: kernels can be chosen for conv2d, conv_transpose2d and "
                      "deform_conv2d; other operators have one",
                      choice.text));
    }
    choice.kernels[name] = suffix.substr(equals + 1);
  } else {
    throw UsageError(
        fmt::format("'{}' in --backends: suffixes are +fp32 +fp16 +bf16 +tf32 +nofuse +ssbo +OPERATOR=KERNEL",
                    choice.text));
  }
}

/// A number above 0 from the model card, or nothing.
std::optional<double> card_number(const Model& model, const std::string& key) {
  const auto found = model.info.card.find(key);
  if (found == model.info.card.end()) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(found->second.c_str(), &end);
  if (end == found->second.c_str() || *end != 0 || !(value > 0) || !std::isfinite(value)) {
    throw ModelError(fmt::format("the model card's {} is '{}', no number above 0", key, found->second));
  }
  return value;
}

}  // namespace

OutputDifference output_difference(const NamedOutput& first, const NamedOutput& second,
                                   const ModelInfo& info) {
  if (first.shape != second.shape) {
    throw ProcessingError(fmt::format("output '{}' is {} on one side and {} on the other", first.name,
                                      to_string(first.shape), to_string(second.shape)));
  }
  OutputDifference d{.name = first.name};
  double square = 0;
  std::vector<float> errors(first.values.size());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    const double error = std::abs(double{second.values[i]} - double{first.values[i]});
    const bool finite = std::isfinite(error);
    d.largest = finite ? std::max(d.largest, error) : kInfinity;
    errors[i] = finite ? static_cast<float>(error) : std::numeric_limits<float>::infinity();
    d.mean += error;
    square += error * error;
    d.scale = std::max(d.scale, std::abs(double{first.values[i]}));
  }
  const auto count = static_cast<double>(std::max<std::size_t>(errors.size(), 1));
  d.mean = std::isfinite(d.mean) ? d.mean / count : kInfinity;
  d.quantiles = error_quantiles(errors);
  if (d.name != "frame") return d;
  const double range = double{info.range_high} - double{info.range_low};
  d.psnr_db = square > 0 ? 10.0 * std::log10(range * range * count / square) : square == 0 ? kInfinity : 0;
  if (std::isfinite(d.largest)) d.ssim = picture_ssim(first, second, info);
  return d;
}

BackendChoice parse_backend(const std::string& text) {
  BackendChoice choice{.text = text};
  std::vector<std::string> suffixes;
  std::string rest = text;
  for (auto plus = rest.rfind('+'); plus != std::string::npos; plus = rest.rfind('+')) {
    suffixes.push_back(rest.substr(plus + 1));
    rest.resize(plus);
  }
  const auto colon = rest.find(':');
  choice.family = rest.substr(0, colon);
  choice.device = colon == std::string::npos ? "" : rest.substr(colon + 1);
  if (choice.family != "torch" && choice.family != "vulkan") {
    throw UsageError(fmt::format(
        "'{}' in --backends: use torch:cpu, torch:cuda[:N] or vulkan[:N, UUID or part of the name]", text));
  }
  if (choice.family == "torch" && choice.device.empty()) choice.device = "cpu";
  for (const std::string& suffix : suffixes) apply_suffix(choice, suffix);
  return choice;
}

std::unique_ptr<Backend> open_backend(const BackendChoice& choice) {
  if (choice.family == "torch") return load_torch_backend(choice.device + (choice.tf32 ? "+tf32" : ""));
#ifdef UNBLUR_COMPARE_VULKAN
  return create_vulkan_backend(
      {.device = choice.device, .storage_buffers = choice.storage_buffers, .kernels = choice.kernels});
#else
  throw DeviceError("this program was built without Vulkan (-DUNBLUR_WITH_VULKAN=OFF)");
#endif
}

bool Tolerance::holds(const OutputDifference& d) const noexcept {
  if (min_psnr_db && d.name == "frame" && !(d.psnr_db >= *min_psnr_db)) return false;
  if (mean_abs || max_abs) {
    return (!mean_abs || d.mean <= *mean_abs) && (!max_abs || d.largest <= *max_abs);
  }
  return d.relative() <= relative;
}

std::string Tolerance::text() const {
  const std::string psnr = min_psnr_db ? fmt::format(", PSNR at least {:g} dB", *min_psnr_db) : "";
  if (mean_abs && max_abs)
    return fmt::format("mean {:g}, maximum {:g} ({}){}", *mean_abs, *max_abs, reason, psnr);
  return fmt::format("relative {:g} ({}){}", relative, reason, psnr);
}

Tolerance default_tolerance(const Model& model, std::span<const BackendChoice> choices) {
  if (std::ranges::any_of(choices, &BackendChoice::is_half)) {
    if (const auto stated = card_number(model, "tolerance_fp16"))
      return {.relative = *stated, .reason = "the model file's bound for half precision"};
    return {.relative = 2e-2, .reason = "half precision"};
  }
  if (const auto stated = card_number(model, "tolerance"))
    return {.relative = *stated, .reason = "the model file's bound"};
  const auto is_volume = [](const Node& n) { return std::holds_alternative<op::PixelVolume>(n.op); };
  if (std::ranges::any_of(model.graph.nodes(), is_volume)) {
    return {.mean_abs = 1e-3, .max_abs = 0.05, .reason = "a pixel volume truncates positions"};
  }
  return {.relative = 1e-4, .reason = "fp32"};
}

std::unique_ptr<FrameRun> run_backend(Backend& backend, std::shared_ptr<const Model> model,
                                      const FrameFormat& format, Precision precision, bool poison) {
  return std::make_unique<BackendRun>(backend, std::move(model), format, precision, poison);
}

std::vector<std::vector<FrameDifference>> compare_frames(const ModelInfo& info, std::span<const Frame> frames,
                                                         std::size_t count, FrameRun& reference,
                                                         std::span<FrameRun* const> examined,
                                                         const std::function<void(const FrameView&)>& watch) {
  if (frames.empty()) throw InputError("the input holds no frame");
  std::vector<std::vector<FrameDifference>> all(examined.size());
  for (std::size_t i = 0; i < std::min(count, frames.size()); ++i) {
    double reference_ms = 0;
    const std::vector<NamedOutput> expected = reference.run(frames, i, reference_ms);
    for (std::size_t e = 0; e < examined.size(); ++e) {
      FrameDifference frame{.index = static_cast<std::int64_t>(i)};
      frame.ms[0] = reference_ms;
      const std::vector<NamedOutput> got = examined[e]->run(frames, i, frame.ms[1]);
      for (const NamedOutput& output : expected) {
        const auto same = std::ranges::find(got, output.name, &NamedOutput::name);
        if (same == got.end()) throw ProcessingError("there is no output '" + output.name + "' to compare");
        frame.outputs.push_back(output_difference(output, *same, info));
      }
      if (watch) watch({e, expected, got, frame});
      all[e].push_back(std::move(frame));
    }
  }
  return all;
}

}  // namespace unblur
