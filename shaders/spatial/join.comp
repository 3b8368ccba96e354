// SPDX-License-Identifier: MIT
// Join: parts of one shape beside and below each other, row by row. Slots: parts (2 to 4), out.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kParts = 2;
layout(constant_id = kSpecOwn + 1) const int kColumns = 2;

Item item;
Vec8 v;

/// Loads the block if it lies in this part. Others are not touched: a strip of rows has no memory of them.
void take(int part) {
  const int w = view_width(0), h = view_height(0);
  const int x = item.x - part % kColumns * w, y = item.y - part / kColumns * h;
  if (x >= 0 && x < w && y >= 0 && y < h) v = load_block(part, element(part, x, y, item.channel));
}

void main() {
  item = this_item(kParts);
  v = Vec8(vec4(0), vec4(0));
  take(0);
  take(1);
  if (kParts > 2) take(2);
  if (kParts > 3) take(3);
  store_item(item, v, kParts);
}
