// SPDX-License-Identifier: MIT
#include "pipeline/picture.h"

#include <algorithm>
#include <vector>

#include "drawing/drawing.h"
#include "graph/colour.h"
#include "media/rgb.h"

namespace unblur {
namespace {

void paste(Frame& to, const Frame& from, int x) {
  for (int y = 0; y < from.format.height; ++y) {
    std::copy_n(
        from.plane(0) + static_cast<std::size_t>(y) * from.format.row_bytes(0), from.format.row_bytes(0),
        to.plane(0) + static_cast<std::size_t>(y) * to.format.row_bytes(0) + static_cast<std::size_t>(x) * 3);
  }
}

/// White letters on a darkened box in an upper left corner.
void add_caption(Drawing& drawing, float x, float height, const std::string& text) {
  const float pad = 0.6F * height;
  const float width = text_width(text, height) + 2 * pad;
  drawing.emplace_back(Box{{x - 0.5F, -0.5F}, {x + width, height + 2 * pad}, {}, 0.67F});
  add_text(drawing, {x + pad, pad + height}, height, text, {1, 1, 1});
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
  Drawing captions;
  const float height = std::max(9.0F, static_cast<float>(format.height) / 34);
  add_caption(captions, 0, height, left_caption);
  add_caption(captions, static_cast<float>(left.format.width + gap), height, right_caption);
  std::vector<float> rgb = frame_to_rgb(out);
  paint(captions, format.width, format.height, rgb);
  return rgb_frame(rgb, format.width, format.height, 8);
}

}  // namespace unblur
