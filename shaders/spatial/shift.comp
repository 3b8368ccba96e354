// SPDX-License-Identifier: MIT
// Pad and crop: out(y,x) = in(y - top, x - left) with a border rule; a crop has negative amounts and never
// leaves the frame. Slots: in, [like], out. Words from kWordOwn: top, left.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kBorder = kBorderZero;
layout(constant_id = kSpecOwn + 1) const int kOutSlot = 1;

int inside(int i, int size) {
  if (kBorder == kBorderReflect) i = i < 0 ? -i : i >= size ? 2 * (size - 1) - i : i;
  return clamp(i, 0, size - 1);
}

void main() {
  const Item item = this_item(kOutSlot);
  const int w = view_width(0), h = view_height(0);
  const int x = item.x - word(kWordOwn + 1), y = item.y - word(kWordOwn);
  Vec8 v = Vec8(vec4(0), vec4(0));
  // A row of padding alone touches no memory: a strip of such rows has no input.
  if (kBorder != kBorderZero || (y >= 0 && y < h)) {
    v = load_block(0, element(0, inside(x, w), inside(y, h), item.channel));
    if (kBorder == kBorderZero && (x < 0 || x >= w)) v = Vec8(vec4(0), vec4(0));
  }
  store_item(item, v, kOutSlot);
}
