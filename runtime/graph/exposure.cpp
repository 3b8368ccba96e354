// SPDX-License-Identifier: MIT
#include "graph/exposure.h"

#include <fmt/format.h>

#include <algorithm>

#include "graph/error.h"

namespace unblur {
namespace {

void check_points(int points) {
  if (points < 3 || points % 2 == 0)
    throw UsageError(fmt::format("{} time points; it must be an odd number, at least 3", points));
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
  check_points(points);
  const int half = points / 2;
  std::vector<float> times(static_cast<std::size_t>(points));
  for (int n = 0; n < points; ++n) {
    const int steps = n == 0 ? -half : n < half ? -n : n - half;
    times[static_cast<std::size_t>(n)] = static_cast<float>(static_cast<double>(steps) / half);
  }
  return times;
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
