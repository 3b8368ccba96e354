// SPDX-License-Identifier: MIT
#include "drawing/plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "drawing/authors.h"
#include "graph/error.h"

namespace unblur {
namespace {

constexpr std::array<std::string_view, 6> kStyleNames{"paths", "quiver", "middlebury",
                                                      "hsv",   "length", "authors"};
constexpr float kMapOpacity = 0.7F;

std::vector<float> lightened_grey(std::span<const float> rgb) {
  const std::size_t plane = rgb.size() / 3;
  std::vector<float> out(rgb.size());
  for (std::size_t i = 0; i < plane; ++i) {
    const float luma = 0.2126F * rgb[i] + 0.7152F * rgb[plane + i] + 0.0722F * rgb[2 * plane + i];
    for (std::size_t c = 0; c < 3; ++c) out[c * plane + i] = 0.4F + 0.6F * luma;
  }
  return out;
}

std::vector<float> background_of(Background background, std::span<const float> input,
                                 std::span<const float> sharp) {
  switch (background) {
    case Background::kGrey:
      return lightened_grey(input);
    case Background::kNone:
      return std::vector<float>(input.size(), 1.0F);
    case Background::kSharp:
      if (sharp.size() != input.size()) throw UsageError("a sharp background needs a sharp picture");
      return {sharp.begin(), sharp.end()};
    case Background::kInput:
      break;
  }
  return {input.begin(), input.end()};
}

/// Grid points, the outer ones half a grid or a little more from the border.
template <typename Visit>
void for_grid(const TrajectoryField& field, int grid, Visit visit) {
  const int x0 = (field.width() - 1) % grid / 2, y0 = (field.height() - 1) % grid / 2;
  for (int y = y0; y < field.height(); y += grid) {
    for (int x = x0; x < field.width(); x += grid) visit(x, y);
  }
}

float line_width(const TrajectoryField& field) {
  return std::clamp(static_cast<float>(std::max(field.width(), field.height())) / 480, 1.4F, 4.0F);
}

void add_paths(Drawing& drawing, const TrajectoryField& field, const PlotOptions& options) {
  const float width = line_width(field);
  const std::span<const float> times = field.times();
  std::vector<Colour> colours;
  for (const float t : times) colours.push_back(time_colour(field.info().directed ? t : 2 * std::abs(t) - 1));
  for_grid(field, grid_of(options, field), [&](int x, int y) {
    Stroke path{{}, colours, width, width / 2};
    for (std::size_t k = 0; k < times.size(); ++k) {
      const Motion m = field.at(x, y, k);
      path.points.push_back({static_cast<float>(x) + m.dx, static_cast<float>(y) + m.dy});
    }
    const Vertex first = path.points.front();
    const bool dot = field.info().directed && field.length(x, y) > 2 * width;
    drawing.emplace_back(std::move(path));
    if (dot) drawing.emplace_back(Stroke{{first}, {colours.front()}, 2.2F * width, width / 2});
  });
}

void add_arrows(Drawing& drawing, const TrajectoryField& field, const PlotOptions& options) {
  const int grid = grid_of(options, field);
  for_grid(field, grid, [&](int x, int y) {
    Motion m = field.whole(x, y);
    const float scale = arrow_reach(grid) / std::max(options.full_scale, std::hypot(m.dx, m.dy));
    m = {m.dx * scale, m.dy * scale};
    const Vertex centre{static_cast<float>(x), static_cast<float>(y)};
    add_arrow(drawing, centre, m, line_width(field), field.info().directed);
  });
}

void add_map(Style style, const TrajectoryField& field, const PlotOptions& options, std::span<float> rgb) {
  const auto plane = rgb.size() / 3;
  const float opacity = options.background ? kMapOpacity : 1.0F;
  std::size_t i = 0;
  for (int y = 0; y < field.height(); ++y) {
    for (int x = 0; x < field.width(); ++x, ++i) {
      const Colour c = map_colour(style, field.whole(x, y), style == Style::kLength ? field.length(x, y) : 0,
                                  field.info().directed, options.full_scale);
      rgb[i] += (c.r - rgb[i]) * opacity;
      rgb[plane + i] += (c.g - rgb[plane + i]) * opacity;
      rgb[2 * plane + i] += (c.b - rgb[2 * plane + i]) * opacity;
    }
  }
}

}  // namespace

std::string_view style_name(Style style) { return kStyleNames[static_cast<std::size_t>(style)]; }

std::optional<Style> style_of(std::string_view name) {
  const auto* found = std::ranges::find(kStyleNames, name);
  if (found == kStyleNames.end()) return std::nullopt;
  return static_cast<Style>(found - kStyleNames.begin());
}

bool uses_scale(Style style) { return style != Style::kPaths && style != Style::kAuthors; }

int grid_of(const PlotOptions& options, const TrajectoryField& field) {
  return options.grid > 0 ? options.grid : std::max(16, std::max(field.width(), field.height()) / 32);
}

float arrow_reach(int grid) { return 0.9F * static_cast<float>(grid); }

void add_arrow(Drawing& drawing, Vertex centre, Motion motion, float width, bool head) {
  constexpr Colour kArrow{1.0F, 0.86F, 0.35F};
  const float length = std::hypot(motion.dx, motion.dy);
  const Vertex tail{centre.x - motion.dx / 2, centre.y - motion.dy / 2};
  const Vertex tip{centre.x + motion.dx / 2, centre.y + motion.dy / 2};
  Stroke arrow{{tail, tip}, {kArrow}, width, width / 2};
  if (head && length > 2 * width) {
    const float size = std::max(0.3F * length, 2 * width) / length;
    // Back along the shaft and to either side of it.
    arrow.points.push_back(
        {tip.x - size * (motion.dx + 0.6F * motion.dy), tip.y - size * (motion.dy - 0.6F * motion.dx)});
    arrow.points.push_back(tip);
    arrow.points.push_back(
        {tip.x - size * (motion.dx - 0.6F * motion.dy), tip.y - size * (motion.dy + 0.6F * motion.dx)});
  }
  drawing.emplace_back(std::move(arrow));
}

Colour map_colour(Style style, Motion motion, float length, bool directed, float full_scale) {
  if (style == Style::kLength) return length_colour(length / full_scale);
  if (!directed) motion = doubled_angle(motion);
  // Beyond the scale the colour stays: what darkens there in the wheel would look like another direction.
  const float scale = 1 / std::max(full_scale, std::hypot(motion.dx, motion.dy));
  const Motion unit{motion.dx * scale, motion.dy * scale};
  return style == Style::kHsv ? hsv_colour(unit) : middlebury_colour(unit);
}

Plot make_plot(Style style, const TrajectoryField& field, std::span<const float> input,
               std::span<const float> sharp, const PlotOptions& options) {
  Plot plot{field.width(), field.height(), {}, {}};
  if (style == Style::kAuthors) {
    plot.base = authors_picture(input, field);
    return plot;
  }
  const bool lines = style == Style::kPaths || style == Style::kQuiver;
  plot.base = background_of(options.background.value_or(lines ? Background::kInput : Background::kNone),
                            input, sharp);
  if (style == Style::kPaths) {
    add_paths(plot.over, field, options);
  } else if (style == Style::kQuiver) {
    add_arrows(plot.over, field, options);
  } else {
    add_map(style, field, options, plot.base);
  }
  add_legend(plot.over, style, field, options);
  return plot;
}

std::vector<float> painted(Plot plot) {
  paint(plot.over, plot.width, plot.height, plot.base);
  return std::move(plot.base);
}

}  // namespace unblur
