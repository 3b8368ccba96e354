// SPDX-License-Identifier: MIT
#include "graph/trial.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "graph/op_rules.h"

namespace unblur {
namespace {

std::vector<float> random_values(std::mt19937& random, std::int64_t count, ValueRange range, bool half) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& v : values) {
    const float unit = static_cast<float>(random() >> 8U) * 0x1p-24F;
    v = range.low + unit * (range.high - range.low);
    if (half) v = half_to_float(float_to_half(v));
  }
  return values;
}

}  // namespace

Trial make_trial(const Op& op, std::span<const Shape> shapes, std::span<const ValueRange> ranges, bool half) {
  std::mt19937 random(1);
  Trial trial;
  std::vector<ReferenceTensor> operands;
  std::vector<int> channels;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Shape& s = shapes[i];
    const ValueRange range = i < ranges.size() ? ranges[i] : ValueRange{};
    trial.inputs.push_back(random_values(random, static_cast<std::int64_t>(s.c) * s.h * s.w, range, half));
    operands.emplace_back(s, trial.inputs.back());
    channels.push_back(s.c);
  }
  for_each_parameter(op, channels, [&](const std::string& name, const Dims& dims) {
    const std::int64_t count = element_count(dims);
    const float fan_in = dims.size() == 4 ? static_cast<float>(count) / static_cast<float>(dims[0]) : 1.0F;
    const float bound = std::sqrt(3.0F / fan_in);
    trial.parameters[name] = Tensor::from_floats(dims, random_values(random, count, {-bound, bound}, half));
  });
  trial.truth = evaluate_reference(op, operands, trial.parameters);
  return trial;
}

double largest_error(std::span<const float> values, const ReferenceTensor& truth) {
  if (values.size() != truth.values.size()) return std::numeric_limits<double>::infinity();
  double worst = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = truth.values[i], got = values[i];
    if (std::isfinite(expected) && !std::isfinite(got)) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, std::abs(got - expected) / std::max(1.0, std::abs(expected)));
  }
  return worst;
}

}  // namespace unblur
