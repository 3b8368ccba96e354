// SPDX-License-Identifier: MIT
// A stroke font: lines scale to any size, in pixels and in SVG.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "drawing/drawing.h"

namespace unblur {
namespace {

/// Lines as pairs of digits (x, y) on a grid of 5 x 9: y 0 is the top of tall letters, 2 of small ones, 6 the
/// base line, 8 reached by descenders. A slash starts the next line; a single pair is a dot.
struct Glyph {
  char letter;
  std::string_view lines;
};
constexpr Glyph kGlyphs[] = {{'0', "103041453616050110"},
                             {'1', "112026"},
                             {'2', "01103041420646"},
                             {'3', "0110304142334445361605/1333"},
                             {'4', "36300444"},
                             {'5', "401003334445361605"},
                             {'6', "413010010516364544331304"},
                             {'7', "004016"},
                             {'8', "13020110304142331304051636454433"},
                             {'9', "051636454130100102133342"},
                             {'a', "12324346/441405163645"},
                             {'b', "0006/0312324345361605"},
                             {'c', "4332120305163645"},
                             {'d', "4046/4332120305163645"},
                             {'e', "04444332120305163645"},
                             {'f', "41302126/1232"},
                             {'g', "42473818/4332120305163645"},
                             {'h', "0006/0312324346"},
                             {'i', "2226/20"},
                             {'j', "222718/20"},
                             {'k', "0006/4204/1446"},
                             {'l', "202536"},
                             {'m', "0206/03122326/23324346"},
                             {'n', "0206/0312324346"},
                             {'o', "123243453616050312"},
                             {'p', "0208/0312324345361605"},
                             {'q', "4248/4332120305163645"},
                             {'r', "0206/042232"},
                             {'s', "43321203143445361605"},
                             {'t', "202536/1232"},
                             {'u', "0205163645/4246"},
                             {'v', "022642"},
                             {'w', "0216243642"},
                             {'x', "0246/4206"},
                             {'y', "0205163645/42473818"},
                             {'z', "02420646"},
                             {'.', "26"},
                             {',', "2517"},
                             {':', "23/26"},
                             {'+', "0444/2226"},
                             {'-', "1434"},
                             {'/', "4006"},
                             {'(', "20111526"},
                             {')', "20313526"}};

const Glyph* glyph_of(char letter) {
  const auto* found = std::ranges::find(kGlyphs, letter, &Glyph::letter);
  return found == std::end(kGlyphs) ? nullptr : found;
}

/// Grid units that a letter moves the pen by; letters are set as wide as they are.
struct Extent {
  int left = 0, advance = 4;
};
Extent extent_of(const Glyph* glyph) {
  if (glyph == nullptr) return {};
  int low = 9, high = 0;
  for (std::size_t i = 0; i < glyph->lines.size(); i += 2) {
    if (glyph->lines[i] == '/') ++i;
    const int x = glyph->lines[i] - '0';
    low = std::min(low, x), high = std::max(high, x);
  }
  return {low, high - low + 2};
}

constexpr float kCapital = 6;  ///< units

}  // namespace

float text_width(std::string_view text, float height) {
  int units = 0;
  for (const char c : text) units += extent_of(glyph_of(c)).advance;
  return static_cast<float>(std::max(0, units - 2)) * height / kCapital;
}

void add_text(Drawing& drawing, Vertex at, float height, std::string_view text, const Colour& colour) {
  const float unit = height / kCapital;
  int pen = 0;
  for (const char c : text) {
    const Glyph* glyph = glyph_of(c);
    const Extent extent = extent_of(glyph);
    const std::string_view lines = glyph == nullptr ? "" : glyph->lines;
    Stroke stroke{{}, {colour}, std::max(1.0F, 0.85F * unit), 0};
    for (std::size_t i = 0; i < lines.size(); i += 2) {
      if (lines[i] == '/') {
        drawing.emplace_back(std::move(stroke));
        stroke = {{}, {colour}, std::max(1.0F, 0.85F * unit), 0};
        ++i;
      }
      stroke.points.push_back({at.x + static_cast<float>(pen + (lines[i] - '0') - extent.left) * unit,
                               at.y + static_cast<float>(lines[i + 1] - '0') * unit - height});
    }
    if (!stroke.points.empty()) drawing.emplace_back(std::move(stroke));
    pen += extent.advance;
  }
}

}  // namespace unblur
