// SPDX-License-Identifier: MIT
#include "pipeline/scene.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace unblur {
namespace {

constexpr std::size_t kMemory = 15;  ///< frames that "usual" is taken over

double median(std::deque<double> values, double otherwise) {
  if (values.empty()) return otherwise;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void remember(std::deque<double>& values, double value) {
  values.push_back(value);
  if (values.size() > kMemory) values.pop_front();
}

/// Sum of the absolute differences of two brightness histograms, 0 to 2.
template <std::size_t N>
double histogram_distance(const std::array<float, N>& a, const std::array<float, N>& b) {
  constexpr int kBins = 16;
  std::array<double, kBins> bins{};
  const auto bin = [](float v) {
    return static_cast<std::size_t>(std::clamp(static_cast<int>(v * kBins), 0, kBins - 1));
  };
  for (std::size_t i = 0; i < N; ++i) {
    bins[bin(a[i])] += 1.0 / N;
    bins[bin(b[i])] -= 1.0 / N;
  }
  double sum = 0;
  for (const double v : bins) sum += std::abs(v);
  return sum;
}

}  // namespace

SceneWatcher::Thumbnail SceneWatcher::thumbnail(const Frame& frame) {
  const FrameFormat& f = frame.format;
  // One sample per pixel is enough: luma, grey, or the green of RGB. A sparse grid inside each cell will do.
  const int step = f.samples_per_pixel(), offset = step == 3 ? 1 : 0, bytes = f.bytes_per_sample();
  const auto scale = 1.0F / static_cast<float>((1 << f.bit_depth) - 1);
  Thumbnail out{};
  for (int r = 0; r < kRows; ++r) {
    const int y0 = r * f.height / kRows, y1 = std::max(y0 + 1, (r + 1) * f.height / kRows);
    for (int c = 0; c < kColumns; ++c) {
      const int x0 = c * f.width / kColumns, x1 = std::max(x0 + 1, (c + 1) * f.width / kColumns);
      const int dy = std::max(1, (y1 - y0) / 8), dx = std::max(1, (x1 - x0) / 8);
      float sum = 0;
      int count = 0;
      for (int y = y0; y < y1; y += dy) {
        const std::byte* row = frame.plane(0) + static_cast<std::size_t>(y) * f.row_bytes(0);
        for (int x = x0; x < x1; x += dx, ++count) {
          const std::byte* at = row + static_cast<std::ptrdiff_t>(x * step + offset) * bytes;
          std::uint16_t v = static_cast<std::uint8_t>(*at);
          if (bytes == 2) std::memcpy(&v, at, 2);
          sum += v;
        }
      }
      out[static_cast<std::size_t>(r * kColumns + c)] = sum * scale / static_cast<float>(count);
    }
  }
  return out;
}

bool SceneWatcher::is_time_jump(std::int64_t pts) {
  const double spacing = static_cast<double>(pts - last_pts_) * time_base_.value();
  const bool jump = spacing < 0 || (spacing > 0.25 && spacing > 3 * median(spacings_, spacing));
  if (!jump) remember(spacings_, spacing);
  return jump;
}

bool SceneWatcher::is_cut(const Thumbnail& now) {
  // The best match over shifts of up to three cells (a tenth of the width): a fast pan is no cut.
  constexpr int kReach = 3;
  double best = 1;
  for (int dy = -kReach; dy <= kReach; ++dy) {
    for (int dx = -kReach; dx <= kReach; ++dx) {
      double sum = 0;
      int count = 0;
      for (int r = std::max(0, -dy); r < std::min(kRows, kRows - dy); ++r) {
        for (int c = std::max(0, -dx); c < std::min(kColumns, kColumns - dx); ++c, ++count) {
          sum += std::abs(now[static_cast<std::size_t>(r * kColumns + c)] -
                          before_[static_cast<std::size_t>((r + dy) * kColumns + c + dx)]);
        }
      }
      best = std::min(best, sum / count);
    }
  }
  const double usual = median(differences_, 0.0);
  const bool cut = best > 0.05 && best > 3 * usual && (histogram_distance(now, before_) > 0.3 || best > 0.12);
  remember(differences_, cut ? usual : best);
  return cut;
}

Reset SceneWatcher::observe(const TimedFrame& frame) {
  const Thumbnail now = thumbnail(frame.frame);
  Reset reset = Reset::kNone;
  difference_ = 0;
  if (!format_) {
    reset = Reset::kStart;
  } else if (*format_ != frame.frame.format) {
    reset = Reset::kFormat;
  } else {
    for (std::size_t i = 0; i < now.size(); ++i) difference_ += std::abs(now[i] - before_[i]);
    difference_ /= static_cast<double>(now.size());
    const bool jump = is_time_jump(frame.pts);
    const bool cut = is_cut(now);
    if (jump) {
      reset = Reset::kTimeJump;
    } else if (cut && detect_cuts_) {
      reset = Reset::kSceneCut;
    }
  }
  if (reset != Reset::kNone) difference_ = 0;
  format_ = frame.frame.format;
  before_ = now;
  last_pts_ = frame.pts;
  return reset;
}

}  // namespace unblur
