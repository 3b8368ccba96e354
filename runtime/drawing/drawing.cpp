// SPDX-License-Identifier: MIT
#include "drawing/drawing.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unblur {
namespace {

/// Pixels a shape may touch, the last ones excluded.
struct Area {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;
  [[nodiscard]] bool empty() const { return x0 >= x1 || y0 >= y1; }
  [[nodiscard]] std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y - y0) * static_cast<std::size_t>(x1 - x0) +
           static_cast<std::size_t>(x - x0);
  }
};

class Painter {
 public:
  Painter(int width, int height, std::span<float> rgb)
      : width_(width), height_(height), plane_(rgb.size() / 3), rgb_(rgb) {}

  void operator()(const Box& box) {
    const Area area = clipped(box.low, box.high, 0.5F);
    for (int y = area.y0; y < area.y1; ++y) {
      for (int x = area.x0; x < area.x1; ++x) {
        const float share = overlap(x, box.low.x, box.high.x) * overlap(y, box.low.y, box.high.y);
        mix(x, y, box.colour, share * box.opacity);
      }
    }
  }

  /// One pass finds the nearest point of the line for every pixel around it, a second one paints: where the
  /// line meets itself nothing is painted twice.
  void operator()(const Stroke& stroke) {
    if (stroke.points.empty()) return;
    const float reach = stroke.width / 2 + stroke.rim + 0.5F;
    Vertex low = stroke.points.front(), high = low;
    for (const Vertex& p : stroke.points) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
    const Area area = clipped(low, high, reach);
    if (area.empty()) return;
    nearest_.assign(area.index(area.x0, area.y1), {});
    const std::size_t last = stroke.points.size() - 1;
    for (std::size_t i = 0; i < std::max<std::size_t>(last, 1); ++i)
      measure(stroke, i, std::min(i + 1, last), area);
    for (int y = area.y0; y < area.y1; ++y) {
      for (int x = area.x0; x < area.x1; ++x) {
        const Nearest& n = nearest_[area.index(x, y)];
        if (n.distance >= reach) continue;
        mix(x, y, {},
            kRimOpacity * std::clamp(reach - n.distance, 0.0F, 1.0F) * (stroke.rim > 0 ? 1.0F : 0.0F));
        mix(x, y, n.colour, std::clamp(stroke.width / 2 + 0.5F - n.distance, 0.0F, 1.0F));
      }
    }
  }

 private:
  struct Nearest {
    float distance = std::numeric_limits<float>::max();
    Colour colour;
  };

  [[nodiscard]] Area clipped(Vertex low, Vertex high, float reach) const {
    const auto first = [&](float v, int size) {
      return static_cast<int>(std::clamp(std::floor(v - reach), 0.0F, static_cast<float>(size)));
    };
    const auto end = [&](float v, int size) {
      return static_cast<int>(std::clamp(std::ceil(v + reach) + 1, 0.0F, static_cast<float>(size)));
    };
    return {first(low.x, width_), first(low.y, height_), end(high.x, width_), end(high.y, height_)};
  }

  /// Share of pixel i's interval that lies in [low, high].
  static float overlap(int i, float low, float high) {
    const auto centre = static_cast<float>(i);
    return std::clamp(std::min(centre + 0.5F, high) - std::max(centre - 0.5F, low), 0.0F, 1.0F);
  }

  void measure(const Stroke& stroke, std::size_t from, std::size_t to, const Area& whole) {
    const Vertex a = stroke.points[from], b = stroke.points[to];
    const bool one = stroke.colours.size() == 1;
    const Colour &ca = stroke.colours[one ? 0 : from], &cb = stroke.colours[one ? 0 : to];
    const float dx = b.x - a.x, dy = b.y - a.y, square = dx * dx + dy * dy;
    const Area area = clipped({std::min(a.x, b.x), std::min(a.y, b.y)},
                              {std::max(a.x, b.x), std::max(a.y, b.y)}, stroke.width / 2 + stroke.rim + 0.5F);
    for (int y = area.y0; y < area.y1; ++y) {
      for (int x = area.x0; x < area.x1; ++x) {
        const float px = static_cast<float>(x) - a.x, py = static_cast<float>(y) - a.y;
        const float along = square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0F, 1.0F) : 0.0F;
        const float ox = px - along * dx, oy = py - along * dy;
        const float distance = std::sqrt(ox * ox + oy * oy);
        Nearest& n = nearest_[whole.index(x, y)];
        if (distance < n.distance) n = {distance, blend(ca, cb, along)};
      }
    }
  }

  void mix(int x, int y, const Colour& colour, float share) {
    if (share <= 0) return;
    const auto i =
        static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x);
    rgb_[i] += (colour.r - rgb_[i]) * share;
    rgb_[plane_ + i] += (colour.g - rgb_[plane_ + i]) * share;
    rgb_[2 * plane_ + i] += (colour.b - rgb_[2 * plane_ + i]) * share;
  }

  int width_, height_;
  std::size_t plane_;
  std::span<float> rgb_;
  std::vector<Nearest> nearest_;
};

}  // namespace

void paint(const Drawing& drawing, int width, int height, std::span<float> rgb) {
  Painter painter(width, height, rgb);
  for (const Mark& shape : drawing) std::visit(painter, shape);
}

}  // namespace unblur
