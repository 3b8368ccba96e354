// SPDX-License-Identifier: MIT
#include "graph/exposure.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/error.h"

namespace unblur {
namespace {

void check_points(int points) {
  if (points < 3 || points > kMaxExposurePoints || points % 2 == 0)
    throw UsageError(
        fmt::format("{} time points; it must be an odd number, 3 to {}", points, kMaxExposurePoints));
}

std::vector<double> exact_times(int points) {
  check_points(points);
  const int half = points / 2;
  std::vector<double> times{-1.0};
  for (int n = 1; n < points; ++n) times.push_back(static_cast<double>(n < half ? -n : n - half) / half);
  return times;
}

}  // namespace

std::array<float, 2> path_weights(std::string_view mode, double t) {
  std::array<double, 2> w{};
  if (mode == "quad") {
    w = {(t * t - t) / 2, (t * t + t) / 2};
  } else if (mode == "bilin") {
    w = {std::max(-t, 0.0), std::max(t, 0.0)};
  } else if (mode == "lin") {
    w = {-t, 0.0};
  } else {
    throw UsageError(fmt::format("there is no trajectory mode '{}'; the modes are: quad, bilin, lin", mode));
  }
  return {static_cast<float>(w[0]), static_cast<float>(w[1])};
}

std::vector<float> stored_times(int points) {
  std::vector<float> times;
  for (const double t : exact_times(points)) times.push_back(static_cast<float>(t));
  return times;
}

std::vector<std::array<float, 2>> point_weights(std::string_view mode, int points) {
  std::vector<std::array<float, 2>> weights;
  for (const double t : exact_times(points)) weights.push_back(path_weights(mode, t));
  return weights;
}

std::vector<int> chronological_order(int points) {
  check_points(points);
  const int half = points / 2;
  std::vector<int> order{0};
  for (int n = half - 1; n >= 1; --n) order.push_back(n);
  for (int n = half; n < points; ++n) order.push_back(n);
  return order;
}

}  // namespace unblur
