// SPDX-License-Identifier: MIT
#include "pipeline/picture.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "media/rgb.h"

namespace unblur {
namespace {

/// Rows of 5 bits, most significant left: the letters, digits and signs that captions use.
struct Glyph {
  char letter;
  std::array<std::uint8_t, 7> rows;
};
constexpr Glyph kFont[] = {
    {'a', {0x00, 0x00, 0x0e, 0x01, 0x0f, 0x11, 0x0f}}, {'b', {0x10, 0x10, 0x1e, 0x11, 0x11, 0x11, 0x1e}},
    {'d', {0x01, 0x01, 0x0f, 0x11, 0x11, 0x11, 0x0f}}, {'e', {0x00, 0x00, 0x0e, 0x11, 0x1f, 0x10, 0x0e}},
    {'f', {0x06, 0x08, 0x1e, 0x08, 0x08, 0x08, 0x08}}, {'m', {0x00, 0x00, 0x1a, 0x15, 0x15, 0x15, 0x15}},
    {'o', {0x00, 0x00, 0x0e, 0x11, 0x11, 0x11, 0x0e}}, {'r', {0x00, 0x00, 0x16, 0x19, 0x10, 0x10, 0x10}},
    {'t', {0x08, 0x08, 0x1e, 0x08, 0x08, 0x09, 0x06}}, {'B', {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e}},
    {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c}}, {',', {0x00, 0x00, 0x00, 0x00, 0x0c, 0x04, 0x08}},
    {'0', {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}}, {'1', {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'2', {0x0e, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1f}}, {'3', {0x1f, 0x02, 0x04, 0x06, 0x01, 0x11, 0x0e}},
    {'4', {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}}, {'5', {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e}},
    {'6', {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}}, {'7', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}}, {'9', {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c}}};

std::byte* pixel(Frame& picture, int x, int y) {
  return picture.plane(0) + static_cast<std::size_t>(y) * picture.format.row_bytes(0) +
         static_cast<std::size_t>(x) * 3;
}

/// White letters on a darkened box, at (x, y), `size` pixels per font dot.
void draw_caption(Frame& picture, int x, int y, int size, std::string_view text) {
  const int w = (static_cast<int>(text.size()) * 6 + 3) * size, h = 11 * size;
  for (int dy = 0; dy < h && y + dy < picture.format.height; ++dy) {
    for (int dx = 0; dx < w && x + dx < picture.format.width; ++dx) {
      std::byte* p = pixel(picture, x + dx, y + dy);
      for (int c = 0; c < 3; ++c) p[c] = static_cast<std::byte>(static_cast<int>(p[c]) / 3);
    }
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto* glyph =
        std::find_if(std::begin(kFont), std::end(kFont), [&](const Glyph& g) { return g.letter == text[i]; });
    if (glyph == std::end(kFont)) continue;
    for (int dy = 0; dy < 7 * size; ++dy) {
      for (int dx = 0; dx < 5 * size; ++dx) {
        if ((glyph->rows[static_cast<std::size_t>(dy / size)] >> (4 - dx / size) & 1) == 0) continue;
        const int px = x + (2 + static_cast<int>(i) * 6) * size + dx, py = y + 2 * size + dy;
        if (px < picture.format.width && py < picture.format.height)
          std::fill_n(pixel(picture, px, py), 3, std::byte{255});
      }
    }
  }
}

void paste(Frame& to, const Frame& from, int x) {
  for (int y = 0; y < from.format.height; ++y) {
    std::copy_n(from.plane(0) + static_cast<std::size_t>(y) * from.format.row_bytes(0),
                from.format.row_bytes(0), pixel(to, x, y));
  }
}

}  // namespace

Frame side_by_side(const Frame& before, const Frame& after, const std::string& left_caption,
                   const std::string& right_caption, int rotation) {
  const Frame left = rotated(to_rgb(before, 8), rotation), right = rotated(to_rgb(after, 8), rotation);
  const int gap = 4;
  FrameFormat format = left.format;
  format.width = left.format.width + gap + right.format.width;
  Frame out(format);
  std::fill(out.data.begin(), out.data.end(), std::byte{255});
  paste(out, left, 0);
  paste(out, right, left.format.width + gap);
  const int size = std::max(1, format.height / 240);
  draw_caption(out, 0, 0, size, left_caption);
  draw_caption(out, left.format.width + gap, 0, size, right_caption);
  return out;
}

}  // namespace unblur
