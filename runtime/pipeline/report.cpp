// SPDX-License-Identifier: MIT
#include "pipeline/report.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>

namespace unblur {

double StageTimes::percentile(double p) const {
  if (ms_.empty()) return 0;
  std::vector<double> sorted = ms_;
  const auto at = static_cast<std::ptrdiff_t>(std::lround(p * static_cast<double>(sorted.size() - 1)));
  std::nth_element(sorted.begin(), sorted.begin() + at, sorted.end());
  return sorted[static_cast<std::size_t>(at)];
}

double StageTimes::sum() const { return std::accumulate(ms_.begin(), ms_.end(), 0.0); }

std::uint64_t peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    std::uint64_t kib = 0;
    status >> kib;
    return kib * 1024;
  }
  return 0;
}

}  // namespace unblur
