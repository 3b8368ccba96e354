// SPDX-License-Identifier: MIT
#include "drawing/plot.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "drawing/authors.h"
#include "drawing/svg.h"
#include "fields.h"
#include "media/rgb.h"

namespace unblur {
namespace {

constexpr int kWidth = 240, kHeight = 160;
std::vector<float> grey_picture(float level, int w = kWidth, int h = kHeight) {
  return std::vector<float>(3 * static_cast<std::size_t>(w * h), level);
}

Colour pixel(const std::vector<float>& rgb, int x, int y, int w = kWidth) {
  const std::size_t plane = rgb.size() / 3, i = static_cast<std::size_t>(y * w + x);
  return {rgb[i], rgb[plane + i], rgb[2 * plane + i]};
}
float distance(const Colour& a, const Colour& b) { return std::hypot(a.r - b.r, a.g - b.g, a.b - b.b); }
float lightness(const Colour& c) {
  const auto linear = [](float v) { return std::pow(v, 2.2F); };
  return 0.2126F * linear(c.r) + 0.7152F * linear(c.g) + 0.0722F * linear(c.b);
}

/// Single points with a rim: the marks of a start.
std::int64_t start_dots(const Drawing& drawing) {
  return std::ranges::count_if(drawing, [](const Mark& m) {
    const auto* stroke = std::get_if<Stroke>(&m);
    return stroke != nullptr && stroke->points.size() == 1 && stroke->rim > 0;
  });
}

TEST(TimeColours, GetLighterWithTime) {
  constexpr float kStep = 0.05F;
  const auto at = [](int i) { return kStep * static_cast<float>(i); };
  for (int i = -20; i < 20; ++i) EXPECT_LT(lightness(time_colour(at(i))), lightness(time_colour(at(i + 1))));
  for (int i = 0; i < 20; ++i)
    EXPECT_LT(lightness(length_colour(at(i))), lightness(length_colour(at(i + 1))));
}

/// Colours as people with one kind of cone missing see them (Machado, Oliveira, Fernandes 2009, severity 1).
TEST(TimeColours, StartMiddleAndEndDifferForColourBlindReaders) {
  constexpr float kMatrices[3][9] = {
      {0.152286F, 1.052583F, -0.204868F, 0.114503F, 0.786281F, 0.099216F, -0.003882F, -0.048116F, 1.051998F},
      {0.367322F, 0.860646F, -0.227968F, 0.280085F, 0.672501F, 0.047413F, -0.011820F, 0.042940F, 0.968881F},
      {1.255528F, -0.076749F, -0.178779F, -0.078411F, 0.930809F, 0.147602F, 0.004733F, 0.691367F, 0.303900F}};
  for (const auto& m : kMatrices) {
    const auto seen = [&](float t) {
      const Colour c = time_colour(t);
      const float r = std::pow(c.r, 2.2F), g = std::pow(c.g, 2.2F), b = std::pow(c.b, 2.2F);
      const auto row = [&](int i) {
        return std::pow(std::clamp(m[i] * r + m[i + 1] * g + m[i + 2] * b, 0.0F, 1.0F), 1 / 2.2F);
      };
      return Colour{row(0), row(3), row(6)};
    };
    EXPECT_GT(distance(seen(-1), seen(0)), 0.3F);
    EXPECT_GT(distance(seen(0), seen(1)), 0.3F);
    EXPECT_GT(distance(seen(-1), seen(1)), 0.6F);
  }
}

TEST(MapColours, FollowTheWheels) {
  EXPECT_EQ(middlebury_colour({0, 0}), (Colour{1, 1, 1}));
  EXPECT_LT(distance(middlebury_colour({1, 0}), {1, 0, 0}), 0.1F);  // right is red in both
  EXPECT_EQ(hsv_colour({1, 0}), (Colour{1, 0, 0}));
  EXPECT_EQ(hsv_colour({0, 0}), (Colour{0, 0, 0}));
  EXPECT_LT(distance(hsv_colour({-1, 0}), {0, 1, 1}), 1e-3F);
  EXPECT_GT(distance(middlebury_colour({0, 1}), middlebury_colour({0, -1})), 0.7F);
  // Opposite motions share a colour where direction is unknown, and only there.
  for (const Style style : {Style::kMiddlebury, Style::kHsv}) {
    for (const Motion m : {Motion{3, 4}, Motion{0, -5}, Motion{-2, 0.5F}}) {
      const Motion back{-m.dx, -m.dy};
      EXPECT_LT(distance(map_colour(style, m, 0, false, 8), map_colour(style, back, 0, false, 8)), 1e-3F);
      EXPECT_GT(distance(map_colour(style, m, 0, true, 8), map_colour(style, back, 0, true, 8)), 0.1F);
    }
    EXPECT_LT(distance(map_colour(style, {30, 40}, 0, true, 8), map_colour(style, {4.8F, 6.4F}, 0, true, 8)),
              1e-3F);
  }
}

TEST(Paths, AKnownTurnIsDrawnInItsDirection) {
  const TrajectoryField field = test::turning_field(kWidth, kHeight, true, 0.25F);
  PlotOptions options;
  options.grid = 40;
  const Plot plot = make_plot(Style::kPaths, field, grey_picture(0.5F), {}, options);
  const std::vector<float> rgb = painted(plot);
  int seen = 0;
  for (const Mark& m : plot.over) {
    const auto* stroke = std::get_if<Stroke>(&m);
    if (stroke == nullptr || stroke->points.size() != 15) continue;
    const Vertex first = stroke->points.front(), middle = stroke->points[7], last = stroke->points.back();
    const float rx = middle.x - (kWidth - 1) / 2.0F, ry = middle.y - (kHeight - 1) / 2.0F;
    // Clockwise as seen: right of the centre down, below it to the left.
    EXPECT_NEAR(last.x - first.x, -0.25F * ry, 1e-3);
    EXPECT_NEAR(last.y - first.y, 0.25F * rx, 1e-3);
    if (std::hypot(rx, ry) < 60 || middle.y > 0.6F * kHeight) continue;  // short, or near the legend
    // Ends lie between pixels: one of those around must have the colour.
    const auto near_to = [&](Vertex p, float t) {
      const int cx = static_cast<int>(std::lround(p.x)), cy = static_cast<int>(std::lround(p.y));
      float best = 2;
      for (int y = std::max(cy - 1, 0); y <= std::min(cy + 1, kHeight - 1); ++y) {
        for (int x = std::max(cx - 1, 0); x <= std::min(cx + 1, kWidth - 1); ++x)
          best = std::min(best, distance(pixel(rgb, x, y), time_colour(t)));
      }
      return best < 0.35F;
    };
    EXPECT_TRUE(near_to(first, -1)) << middle.x << ' ' << middle.y;
    EXPECT_TRUE(near_to(last, 1)) << middle.x << ' ' << middle.y;
    ++seen;
  }
  EXPECT_GE(seen, 4);
  EXPECT_GE(start_dots(plot.over), seen);
}

TEST(Paths, WithoutDirectionThereIsNoStart) {
  const PlotOptions options{.grid = 40};
  const auto plot_of = [&](bool directed) {
    return make_plot(Style::kPaths, test::constant_field(kWidth, kHeight, directed, {20, 5}),
                     grey_picture(0.5F), {}, options);
  };
  const Plot known = plot_of(true), unknown = plot_of(false);
  EXPECT_GT(start_dots(known.over), 0);
  EXPECT_EQ(start_dots(unknown.over), 0);
  // Both ends have one colour.
  for (const Mark& m : unknown.over) {
    const auto* stroke = std::get_if<Stroke>(&m);
    if (stroke == nullptr || stroke->points.size() != 15) continue;
    EXPECT_EQ(stroke->colours.front(), stroke->colours.back());
  }
  // The legend has the words for it: a line of text more.
  Drawing words;
  add_text(words, {}, 8, "direction unknown", {});
  Drawing key_known, key_unknown;
  add_legend(key_known, Style::kQuiver, test::constant_field(kWidth, kHeight, true, {20, 5}), options);
  add_legend(key_unknown, Style::kQuiver, test::constant_field(kWidth, kHeight, false, {20, 5}), options);
  EXPECT_EQ(key_unknown.size(), key_known.size() + words.size());
}

TEST(Quiver, ArrowsPointTheWayAndScale) {
  PlotOptions options;
  options.grid = 30;
  options.full_scale = 10;
  const Plot plot = make_plot(Style::kQuiver, test::constant_field(kWidth, kHeight, true, {5, 0}),
                              grey_picture(0.5F), {}, options);
  const auto& arrow = std::get<Stroke>(plot.over.front());
  EXPECT_NEAR(arrow.points[1].x - arrow.points[0].x, 0.5F * 0.9F * 30, 1e-3);
  EXPECT_EQ(arrow.points[1].y, arrow.points[0].y);
  ASSERT_EQ(arrow.points.size(), 5U);
  EXPECT_LT(arrow.points[2].x, arrow.points[1].x);  // the head lies back from the tip
  EXPECT_LT(arrow.points[4].x, arrow.points[1].x);
  const Plot longer = make_plot(Style::kQuiver, test::constant_field(kWidth, kHeight, false, {0, 50}),
                                grey_picture(0.5F), {}, options);
  const auto& bar = std::get<Stroke>(longer.over.front());
  EXPECT_EQ(bar.points.size(), 2U);  // no head without direction
  EXPECT_NEAR(bar.points[1].y - bar.points[0].y, 0.9F * 30, 1e-3);
}

TEST(Maps, ShowScaleAndBackground) {
  const TrajectoryField field = test::constant_field(kWidth, kHeight, true, {0, 8});
  PlotOptions options;
  options.full_scale = 16;
  const std::vector<float> input = grey_picture(0.25F);
  const auto corner = [&](Style style) {
    return pixel(painted(make_plot(style, field, input, {}, options)), kWidth - 3, 2);
  };
  EXPECT_LT(distance(corner(Style::kLength), length_colour(0.5F)), 1e-3F);
  EXPECT_LT(distance(corner(Style::kHsv), hsv_colour({0, 0.5F})), 1e-3F);
  EXPECT_LT(distance(corner(Style::kMiddlebury), middlebury_colour({0, 0.5F})), 1e-3F);
  options.background = Background::kInput;
  EXPECT_LT(distance(corner(Style::kLength), blend({0.25F, 0.25F, 0.25F}, length_colour(0.5F), 0.7F)), 1e-3F);
  options.background = Background::kSharp;
  const Plot sharp = make_plot(Style::kPaths, field, input, grey_picture(0.75F), options);
  EXPECT_EQ(sharp.base.front(), 0.75F);
}

TEST(Legend, LiesInTheLowerLeftOfThePictureAsShown) {
  const TrajectoryField field = test::constant_field(kWidth, kHeight, true, {6, 2});
  for (const Style style : {Style::kPaths, Style::kQuiver, Style::kMiddlebury, Style::kHsv, Style::kLength}) {
    for (const int rotation : {0, 90, 180, 270}) {
      PlotOptions options;
      options.rotation = rotation;
      Plot plot{kWidth, kHeight, grey_picture(1), {}};
      add_legend(plot.over, style, field, options);
      const Frame shown = rotated(rgb_frame(painted(plot), kWidth, kHeight, 8), rotation);
      const int w = shown.format.width, h = shown.format.height;
      int low_x = w, high_x = 0, low_y = h, high_y = 0;
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
          if (shown.data[static_cast<std::size_t>(3 * (y * w + x))] == std::byte{255}) continue;
          low_x = std::min(low_x, x), high_x = std::max(high_x, x);
          low_y = std::min(low_y, y), high_y = std::max(high_y, y);
        }
      }
      EXPECT_GT(low_x, 2) << rotation;
      EXPECT_LT(low_x, 12) << rotation;
      EXPECT_LT(high_x, 0.85F * static_cast<float>(w)) << rotation;
      EXPECT_GT(low_y, h / 2) << rotation;
      EXPECT_GT(high_y, h - 12) << rotation;
      EXPECT_LT(high_y, h - 2) << rotation;
    }
  }
  Drawing none;
  add_legend(none, Style::kPaths, test::constant_field(24, 16, true, {1, 0}), {});
  EXPECT_TRUE(none.empty()) << "it would hide the picture";
}

TEST(Authors, BlackOutsideTheWindowsAndRedLines) {
  const TrajectoryField field = test::constant_field(40, 40, false, {10, 0});
  const std::vector<float> rgb = authors_picture(grey_picture(0.5F, 40, 40), field);
  EXPECT_EQ(pixel(rgb, 36, 36, 40), (Colour{0, 0, 0}));  // only two windows of 17 fit
  EXPECT_EQ(pixel(rgb, 8, 8, 40), (Colour{1, 0, 0}));
  EXPECT_EQ(pixel(rgb, 12, 8, 40), (Colour{1, 0, 0}));
  EXPECT_EQ(pixel(rgb, 2, 8, 40), (Colour{204 / 255.0F, 204 / 255.0F, 204 / 255.0F}));
  EXPECT_TRUE(authors_windows(test::constant_field(17, 34, false, {}), AuthorsLine::kPath).empty());
}

TEST(Svg, HoldsPictureAndShapes) {
  const TrajectoryField field = test::constant_field(kWidth, kHeight, true, {6, 2});
  const Plot plot = make_plot(Style::kPaths, field, grey_picture(0.5F), {}, {.grid = 60});
  const std::string svg = plot_svg(plot, 90, "a < b & c");
  EXPECT_EQ(svg.find("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"160\" height=\"240\""), 0U);
  EXPECT_NE(svg.find("<title>a &lt; b &amp; c</title>"), std::string::npos);
  EXPECT_NE(svg.find("href=\"data:image/png;base64,iVBORw0KGgo"), std::string::npos);
  EXPECT_NE(svg.find("matrix(0 1 -1 0 159 0)"), std::string::npos);
  EXPECT_NE(svg.find("<rect"), std::string::npos);
  std::size_t paths = 0;
  for (auto at = svg.find("<path"); at != std::string::npos; at = svg.find("<path", at + 1)) ++paths;
  EXPECT_GT(paths, 12U * 15);
  EXPECT_EQ(svg.substr(svg.size() - 7), "</svg>\n");
}

}  // namespace
}  // namespace unblur
