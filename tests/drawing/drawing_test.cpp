// SPDX-License-Identifier: MIT
#include "drawing/drawing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace unblur {
namespace {

constexpr Colour kWhite{1, 1, 1}, kRed{1, 0, 0}, kBlue{0, 0, 1};

struct Sheet {
  int width, height;
  std::vector<float> rgb;
  Sheet(int w, int h) : width(w), height(h), rgb(3 * static_cast<std::size_t>(w * h)) {}
  void draw(const Mark& mark) { paint({mark}, width, height, rgb); }
  [[nodiscard]] float at(int c, int x, int y) const {
    return rgb[static_cast<std::size_t>((c * height + y) * width + x)];
  }
  [[nodiscard]] float sum(int c) const {
    const auto plane = static_cast<std::ptrdiff_t>(rgb.size() / 3);
    return std::accumulate(rgb.begin() + c * plane, rgb.begin() + (c + 1) * plane, 0.0F);
  }
};

TEST(Paint, BoxesCoverTheirAreaExactly) {
  Sheet s(10, 8);
  s.draw(Box{{1.5F, 2.5F}, {4, 5.5F}, kWhite, 1});
  EXPECT_NEAR(s.sum(0), 2.5F * 3, 1e-4);
  EXPECT_EQ(s.at(0, 2, 3), 1);
  EXPECT_EQ(s.at(0, 4, 3), 0.5F);  // half of the pixel from 3.5 to 4.5
  EXPECT_EQ(s.at(0, 1, 3), 0);
  s.draw(Box{{-100, -100}, {100, 100}, kRed, 0.5F});
  EXPECT_EQ(s.at(0, 0, 0), 0.5F);
  EXPECT_EQ(s.at(1, 2, 3), 0.5F);
}

TEST(Paint, LinesHaveTheirWidthAtAnyAngle) {
  for (const float angle : {0.0F, 0.3F, 0.785F, 1.2F, 2.5F}) {
    Sheet s(80, 80);
    const float dx = 25 * std::cos(angle), dy = 25 * std::sin(angle);
    s.draw(Stroke{{{40.2F - dx, 39.7F - dy}, {40.2F + dx, 39.7F + dy}}, {kWhite}, 3, 0});
    const float round_ends = 3.14159F * 1.5F * 1.5F;
    // Edges are ramps of one px; on diagonals pixel centres sample them every 0.7 px: up to 3 % off.
    EXPECT_NEAR(s.sum(0), 50 * 3 + round_ends, 0.03F * (50 * 3 + round_ends)) << angle;
  }
}

TEST(Paint, SubPixelPositionsShow) {
  Sheet s(9, 9);
  s.draw(Stroke{{{-20, 4.25F}, {20, 4.25F}}, {kWhite}, 1, 0});
  EXPECT_NEAR(s.at(0, 4, 4), 0.75F, 1e-5);
  EXPECT_NEAR(s.at(0, 4, 5), 0.25F, 1e-5);
  EXPECT_EQ(s.at(0, 4, 3), 0);
}

TEST(Paint, ColoursRunAlongTheLineAndNothingIsPaintedTwice) {
  Sheet s(40, 9);
  s.draw(Stroke{{{4, 4}, {20, 4}, {36, 4}, {20, 4}}, {kRed, kBlue, kRed, kBlue}, 2, 0});
  EXPECT_GT(s.at(0, 5, 4), 0.9F);
  EXPECT_NEAR(s.at(0, 12, 4), 0.5F, 0.01);
  EXPECT_NEAR(s.at(2, 20, 4), 1, 0.05);
  EXPECT_NEAR(s.at(0, 12, 4) + s.at(2, 12, 4), 1, 1e-5);
  Sheet twice(40, 9), once(40, 9);
  once.draw(Stroke{{{4, 4.3F}, {36, 4.3F}}, {kWhite}, 1, 0});
  twice.draw(Stroke{{{4, 4.3F}, {36, 4.3F}, {4, 4.3F}}, {kWhite}, 1, 0});
  for (std::size_t i = 0; i < once.rgb.size(); ++i) EXPECT_NEAR(once.rgb[i], twice.rgb[i], 1e-5);
}

TEST(Paint, RimDarkensWhatLiesAround) {
  Sheet s(21, 21);
  std::ranges::fill(s.rgb, 1.0F);
  s.draw(Stroke{{{10, 10}}, {kRed}, 4, 3});
  EXPECT_EQ(s.at(0, 10, 10), 1);
  EXPECT_EQ(s.at(1, 10, 10), 0);
  EXPECT_NEAR(s.at(0, 14, 10), 1 - kRimOpacity, 1e-5);
  EXPECT_EQ(s.at(0, 17, 10), 1);
}

TEST(Paint, WhatLiesOutsideIsClipped) {
  Sheet s(6, 5);
  s.draw(Stroke{{{-1e6F, -1e6F}, {-5e5F, 2e6F}}, {kWhite}, 3, 1});
  s.draw(Stroke{{{1e6F, 2}}, {kWhite}, 3, 1});
  s.draw(Stroke{{}, {kWhite}, 3, 1});
  EXPECT_EQ(s.sum(0), 0);
}

TEST(Text, LettersAreAsWideAsSaid) {
  const std::string_view text = "start 0123456789 px";
  const float height = 30, width = text_width(text, height);
  Drawing drawing;
  add_text(drawing, {10, 50}, height, text, kWhite);
  float left = 1e9F, right = 0, top = 1e9F, bottom = 0;
  for (const Mark& m : drawing) {
    for (const Vertex& p : std::get<Stroke>(m).points) {
      left = std::min(left, p.x), right = std::max(right, p.x);
      top = std::min(top, p.y), bottom = std::max(bottom, p.y);
    }
  }
  EXPECT_NEAR(left, 10, 1e-3);
  EXPECT_NEAR(right, 10 + width, 1e-2);
  EXPECT_NEAR(top, 20, 1e-3);
  EXPECT_NEAR(bottom, 60, 1e-3);  // the descender of p
  Drawing unknown;
  add_text(unknown, {0, 0}, 10, "\n#", kWhite);
  EXPECT_TRUE(unknown.empty());
}

}  // namespace
}  // namespace unblur
