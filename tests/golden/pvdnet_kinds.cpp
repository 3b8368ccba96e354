// SPDX-License-Identifier: MIT
#include "pvdnet_kinds.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace unblur::golden::pvdnet {
namespace {

constexpr double kBound = 1e-5, kVolumeBound = 1e-6;  // absolute (README of the cases)

int positive_number(std::string_view text, const std::string& where) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1) {
    throw CaseError(fmt::format("'{}' names no positive number", where));
  }
  return value;
}

/// R of (2R+1)^2 channels.
int radius_of(std::int64_t channels, const std::string& where) {
  const auto side = static_cast<int>(std::lround(std::sqrt(static_cast<double>(channels))));
  if (std::int64_t{side} * side != channels || side % 2 == 0) {
    throw CaseError(fmt::format("'{}' has {} channels, no square of an odd number", where, channels));
  }
  return side / 2;
}

}  // namespace

/// [PREFIX_]first, [PREFIX_]second -> [PREFIX_]output_strideS.
void correlation(Case& c, Backend* backend) {
  c.require("normalisation", "mean over channels");
  c.require("padding", "zeros");
  c.require("activation", "none");
  const std::string marker = "output_stride";
  for (const std::string& name : c.names()) {
    const auto at = name.find(marker);
    if (at == std::string::npos) continue;
    const std::string prefix = name.substr(0, at);
    const int stride = positive_number(std::string_view(name).substr(at + marker.size()), name);
    const int radius = radius_of(c.input(name).dims.at(1), name);
    const op::Correlation op{.radius = radius, .stride = stride, .mean = true};
    c.compare(name, run_operator(*backend, op, {c.input(prefix + "first"), c.input(prefix + "second")}),
              kBound);
  }
}

void warp(Case& c, Backend* backend) {
  c.require("interpolation", "bilinear");
  c.require("padding", "zeros");
  c.require("align_corners", true);
  c.require("flow", "pixels, channel 0 = x, channel 1 = y");
  const op::Warp op{.flow_scale = 1.0F, .border = Border::kZero};
  c.compare("output", run_operator(*backend, op, {c.input("input"), c.input("flow")}), kBound);
}

void pixel_volume(Case& c, Backend* backend) {
  c.require("value_range", "[-1,1]");
  const nlohmann::json kernel = c.config("kernel");
  if (!kernel.is_number_integer()) throw CaseError("config 'kernel' is no number");
  const int radius = radius_of(kernel.get<std::int64_t>() * kernel.get<std::int64_t>(), "kernel");
  const op::PixelVolume op{.radius = radius, .outside = 0.0F};  // mid-grey of [-1,1]
  c.compare("output",
            run_operator(*backend, op, {c.input("previous_deblurred"), c.input("current"), c.input("flow")}),
            kVolumeBound);
}

}  // namespace unblur::golden::pvdnet
