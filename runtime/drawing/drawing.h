// SPDX-License-Identifier: MIT
// What lies over a picture, as shapes that become pixels here, SVG (drawing/svg.h) or a window's draw list.
// Coordinates in px, x right, y down; whole numbers are pixel centres, so the picture reaches from -0.5 to
// width - 0.5.
#pragma once

#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "drawing/colours.h"

namespace unblur {

struct Vertex {
  float x = 0, y = 0;
};

/// A line with round ends through its points; a single point is a disc.
struct Stroke {
  std::vector<Vertex> points;
  std::vector<Colour> colours;  ///< one for all, or one per point, blended in between
  float width = 1.5F;           ///< px
  float rim = 0;                ///< px of darkened surroundings, for lines over pictures
};
/// A rectangle between two corners, not rounded to pixels.
struct Box {
  Vertex low, high;
  Colour colour;
  float opacity = 1;
};
using Mark = std::variant<Stroke, Box>;
using Drawing = std::vector<Mark>;

inline constexpr float kRimOpacity = 0.6F;

/// Draws over planar RGB [3,height,width], values 0 to 1, anti-aliased, in order. Parts outside are clipped.
void paint(const Drawing& drawing, int width, int height, std::span<float> rgb);

// ---- text as strokes (text.cpp): lower-case letters, digits and . , : + - / ( ) ----
/// Width of a line of text whose capitals are `height` px high.
[[nodiscard]] float text_width(std::string_view text, float height);
/// Adds it with its base line's left end at `at`. Characters without a shape are left blank.
void add_text(Drawing& drawing, Vertex at, float height, std::string_view text, const Colour& colour);

}  // namespace unblur
