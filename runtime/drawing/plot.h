// SPDX-License-Identifier: MIT
// A frame's motion as a picture, in one of six styles.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "drawing/drawing.h"
#include "drawing/field.h"

namespace unblur {

enum class Style : std::uint8_t {
  kPaths,       ///< the path of every grid point at its true size, in time colours
  kQuiver,      ///< motion over the exposure as arrows; the full scale is as long as the grid allows
  kMiddlebury,  ///< dense map, hue by direction, white where nothing moves
  kHsv,         ///< dense map, hue by direction, black where nothing moves
  kLength,      ///< dense map of path lengths
  kAuthors,     ///< as the authors of Motion-ETR draw, pixel by pixel; no legend (drawing/authors.h)
};
[[nodiscard]] std::string_view style_name(Style style);  ///< "paths"
[[nodiscard]] std::optional<Style> style_of(std::string_view name);
/// Whether the style depends on PlotOptions::full_scale.
[[nodiscard]] bool uses_scale(Style style);

enum class Background : std::uint8_t { kInput, kGrey, kSharp, kNone };

struct PlotOptions {
  int grid = 0;              ///< px between paths or arrows; 0 = 1/32 of the longer side, at least 16
  float full_scale = 32.0F;  ///< px; longer motion is shown like this one (not by paths and authors)
  /// Under paths and arrows (default: input; none is white), or under dense maps, which then are 70 % opaque
  /// (default: none).
  std::optional<Background> background{};
  int rotation = 0;  ///< degrees clockwise that a player turns the picture: the legend is upright then
};

/// Planar RGB with shapes over it.
struct Plot {
  int width = 0, height = 0;
  std::vector<float> base;  ///< [3,height,width], 0 to 1
  Drawing over;
};

/// `input`, `sharp`: planar RGB [3,h,w] of the field's size; `sharp` may be empty unless it is the
/// background. The legend lies in the lower left corner, and is left out where it would hide the picture.
[[nodiscard]] Plot make_plot(Style style, const TrajectoryField& field, std::span<const float> input,
                             std::span<const float> sharp, const PlotOptions& options);

/// The plot as planar RGB.
[[nodiscard]] std::vector<float> painted(Plot plot);

// ---- parts that plots and their keys share ----
/// The key of a style (legend.cpp): what colours and lengths mean, and whether direction was observable.
void add_legend(Drawing& drawing, Style style, const TrajectoryField& field, const PlotOptions& options);
/// PlotOptions::grid with its default filled in.
[[nodiscard]] int grid_of(const PlotOptions& options, const TrajectoryField& field);
/// Length on the picture of an arrow of the full scale, px.
[[nodiscard]] float arrow_reach(int grid);
/// An arrow around `centre`; without a head where direction is not observable.
void add_arrow(Drawing& drawing, Vertex centre, Motion motion, float width, bool head);
/// Colour of a pixel in a dense map; `length` counts for kLength, `motion` for the others.
[[nodiscard]] Colour map_colour(Style style, Motion motion, float length, bool directed, float full_scale);
/// The largest of 1, 2, 5 times a power of ten that is not above `most`, at least 1.
[[nodiscard]] float round_length(float most);

}  // namespace unblur
