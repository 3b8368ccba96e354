// SPDX-License-Identifier: MIT
#include "drawing/authors.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <utility>

#include "drawing/colours.h"
#include "graph/error.h"

namespace unblur {
namespace {

constexpr int kWindow = 17, kHalf = 8;
/// By stored index; motion-etr.md section 8.
constexpr std::array kStaleOrder{0, 7, 6, 5, 4, 3, 2, 14, 8, 9, 10, 11, 12, 13, 1};

using PixelAt = std::array<int, 2>;  // x, y

/// Moves an end of the line a-b that lies outside to the border; division is toward zero.
void clip_coordinate(PixelAt& end, const PixelAt& a, const PixelAt& b, std::size_t axis) {
  const int v = end[axis];
  if (v >= 0 && v < kWindow) return;
  const int border = v < 0 ? 0 : kWindow - 1;
  end[1 - axis] += (border - v) * (b[1 - axis] - a[1 - axis]) / (b[axis] - a[axis]);
  end[axis] = border;
}

bool beyond_one_side(const PixelAt& a, const PixelAt& b, std::size_t axis) {
  return (a[axis] < 0 && b[axis] < 0) || (a[axis] >= kWindow && b[axis] >= kWindow);
}

/// Rows first, then columns. Each end uses the other as it is by then, moved or not.
bool clip_line(PixelAt& a, PixelAt& b) {
  for (const std::size_t axis : {1U, 0U}) {
    if (beyond_one_side(a, b, axis)) return false;
    clip_coordinate(a, PixelAt(a), b, axis);
    clip_coordinate(b, a, PixelAt(b), axis);
  }
  return true;
}

template <typename Put>
void rasterise(PixelAt a, PixelAt b, Put put) {
  if (!clip_line(a, b)) return;
  if (a[0] > b[0]) std::swap(a, b);
  const int dx = b[0] - a[0], dy = b[1] - a[1], down = dy < 0 ? -1 : 1;
  const bool steep = std::abs(dy) > dx;
  const int major = steep ? std::abs(dy) : dx, minor = steep ? dx : std::abs(dy);
  int error = major - 2 * minor;
  for (int i = 0; i <= major; ++i) {
    put(a);
    const bool both = error < 0;
    error += (both ? 2 * major : 0) - 2 * minor;
    if (steep || both) a[1] += down;
    if (!steep || both) a[0] += 1;
  }
}

/// Far outside any window, and products of two of them fit into an int.
double limited(double v) { return std::clamp(v, -16000.0, 16000.0); }

PixelAt rounded(Motion content) {
  return {kHalf + static_cast<int>(limited(std::nearbyint(-content.dx))),
          kHalf + static_cast<int>(limited(std::nearbyint(-content.dy)))};
}
PixelAt truncated(Motion content) {
  return {static_cast<int>(limited(kHalf - static_cast<double>(content.dx))),
          static_cast<int>(limited(kHalf - static_cast<double>(content.dy)))};
}

std::vector<PixelAt> line_at(const TrajectoryField& field, int x, int y, AuthorsLine line) {
  const auto points = field.times().size();
  std::vector<PixelAt> vertices;
  if (line == AuthorsLine::kBilinear) {
    for (const std::size_t k : {points - 1, points / 2, std::size_t{0}})
      vertices.push_back(truncated(field.at(x, y, k)));
    return vertices;
  }
  if (line == AuthorsLine::kStale) {
    if (points != kStaleOrder.size()) throw UsageError("the authors' stale order is one of 15 points");
    const std::vector<float> times = stored_times(static_cast<int>(points));
    for (const int n : kStaleOrder) {
      vertices.push_back(
          rounded(field.at(x, y, path_weights(field.info().mode, times[static_cast<std::size_t>(n)]))));
    }
  } else {
    for (std::size_t k = 0; k < points; ++k) vertices.push_back(rounded(field.at(x, y, k)));
  }
  std::ranges::reverse(vertices);
  return vertices;
}

/// h in [0, 180), s and v in [0, 255], as OpenCV counts.
Colour from_hsv(float h, float s, float v) {
  const auto channel = [&](float centre) {
    float away = std::abs(h / 30 - centre);
    away = std::min(away, 6 - away);
    return v * (1 - s / 255 * (1 - std::clamp(2 - away, 0.0F, 1.0F)));
  };
  return {channel(0), channel(2), channel(4)};
}

}  // namespace

std::vector<AuthorsWindow> authors_windows(const TrajectoryField& field, AuthorsLine line) {
  std::vector<AuthorsWindow> windows;
  for (int row = 0; row < field.height() - kWindow; row += kWindow) {
    for (int column = 0; column < field.width() - kWindow; column += kWindow) {
      const int x = column + kHalf, y = row + kHalf;
      windows.push_back({y, x, line_at(field, x, y, line)});
    }
  }
  return windows;
}

std::vector<std::uint8_t> authors_line_picture(std::span<const float> input, int width, int height,
                                               const std::vector<AuthorsWindow>& windows) {
  const auto plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<std::uint8_t> out(3 * plane);
  for (const AuthorsWindow& window : windows) {
    const int x0 = window.column - kHalf, y0 = window.row - kHalf;
    const auto at = [&](int x, int y) {
      return static_cast<std::size_t>(y0 + y) * static_cast<std::size_t>(width) +
             static_cast<std::size_t>(x0 + x);
    };
    for (int y = 0; y < kWindow; ++y) {
      for (int x = 0; x < kWindow; ++x) {
        const std::size_t i = at(x, y);
        // Red and blue weights are swapped, as published.
        const float grey = 0.114F * input[i] + 0.587F * input[plane + i] + 0.299F * input[2 * plane + i];
        std::fill_n(out.data() + 3 * i, 3, static_cast<std::uint8_t>(255 * (0.6F + 0.4F * grey)));
      }
    }
    for (std::size_t k = 1; k < window.vertices.size(); ++k) {
      rasterise(window.vertices[k - 1], window.vertices[k], [&](const PixelAt& p) {
        std::uint8_t* pixel = out.data() + 3 * at(p[0], p[1]);
        pixel[0] = 255, pixel[1] = pixel[2] = 0;
      });
    }
  }
  return out;
}

std::vector<std::uint8_t> authors_flow_picture(const TrajectoryField& field) {
  const int w = field.width(), h = field.height();
  std::vector<Motion> flow;
  float low = INFINITY, high = 0;
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const Motion start = field.at(x, y, 0), end = field.at(x, y, field.times().size() - 1);
      const Motion m{std::nearbyint(end.dx) - std::nearbyint(start.dx),
                     std::nearbyint(end.dy) - std::nearbyint(start.dy)};
      flow.push_back(m);
      low = std::min(low, std::hypot(m.dx, m.dy)), high = std::max(high, std::hypot(m.dx, m.dy));
    }
  }
  std::vector<std::uint8_t> out;
  for (const Motion& m : flow) {
    float degrees = std::atan2(-m.dy, m.dx) * 180 / std::numbers::pi_v<float>;
    if (degrees < 0) degrees += 360;
    const float share = high > low ? (std::hypot(m.dx, m.dy) - low) / (high - low) : 0;
    const Colour c = from_hsv(std::floor(degrees / 2), std::floor(share * 255), 255);
    for (const float v : {c.r, c.g, c.b}) out.push_back(static_cast<std::uint8_t>(std::lround(v)));
  }
  return out;
}

std::vector<float> authors_picture(std::span<const float> input, const TrajectoryField& field) {
  const AuthorsLine line = field.info().mode == "bilin" ? AuthorsLine::kBilinear : AuthorsLine::kPath;
  const std::vector<std::uint8_t> rgb =
      authors_line_picture(input, field.width(), field.height(), authors_windows(field, line));
  const std::size_t plane = rgb.size() / 3;
  std::vector<float> out(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i) out[i % 3 * plane + i / 3] = static_cast<float>(rgb[i]) / 255;
  return out;
}

}  // namespace unblur
