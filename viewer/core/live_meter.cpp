// SPDX-License-Identifier: MIT
#include "core/live_meter.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace unblur {
namespace {

/// Nearest rank.
double quantile(std::vector<double> values, double p) {
  if (values.empty()) return 0;
  const auto rank = static_cast<std::ptrdiff_t>(std::ceil(p * static_cast<double>(values.size()))) - 1;
  const auto at = values.begin() + std::clamp<std::ptrdiff_t>(rank, 0, std::ssize(values) - 1);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double rate(double first, double last, std::size_t count) {
  return count > 1 && last > first ? static_cast<double>(count - 1) / (last - first) : 0;
}

}  // namespace

void LiveMeter::forget(double now) {
  while (!arrived_.empty() && arrived_.front() < now - span_) arrived_.pop_front();
  while (!shown_.empty() && shown_.front().now < now - span_) shown_.pop_front();
}

void LiveMeter::arrived(double now) {
  arrived_.push_back(now);
  forget(now);
}

void LiveMeter::shown(double captured, double now, double compute) {
  if (!since_) since_ = now;
  shown_.push_back({now, now - captured, compute});
  forget(now);
}

void LiveMeter::clear() {
  arrived_.clear();
  shown_.clear();
  since_.reset();
}

double LiveMeter::latency(double p) const {
  std::vector<double> ms;
  for (const Shown& s : shown_) ms.push_back(1000 * s.latency);
  return quantile(std::move(ms), p);
}

double LiveMeter::compute(double p) const {
  std::vector<double> ms;
  for (const Shown& s : shown_) ms.push_back(1000 * s.compute);
  return quantile(std::move(ms), p);
}

double LiveMeter::shown_fps() const {
  return shown_.empty() ? 0 : rate(shown_.front().now, shown_.back().now, shown_.size());
}

double LiveMeter::source_fps() const {
  return arrived_.empty() ? 0 : rate(arrived_.front(), arrived_.back(), arrived_.size());
}

bool LiveMeter::stays_below(double fps, double now) const {
  if (!since_ || now - *since_ < span_) return false;
  const auto count = std::ranges::count_if(shown_, [&](const Shown& s) { return s.now > now - span_; });
  return static_cast<double>(count) < fps * span_;
}

}  // namespace unblur
