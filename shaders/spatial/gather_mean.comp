// SPDX-License-Identifier: MIT
// Mean of bilinear samples at a pixel's own offsets (rows, columns), 0 outside. Slots: in, offset, out. Word
// kWordOwn: number of offsets.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "taps.glsl"
#include "view.glsl"

void main() {
  const Item item = this_item(2);
  const int points = word(kWordOwn);
  const int width = view_width(0), height = view_height(0);
  const int offsets = element(1, item.x, item.y, 0);
  Vec8 sum = Vec8(vec4(0), vec4(0));
  for (int n = 0; n < points; ++n) {
    const vec2 offset = load2(1, offsets + 2 * n);
    const Taps ty = taps_zero(float(item.y) + offset.x, height);
    const Taps tx = taps_zero(float(item.x) + offset.y, width);
    const Vec8 a = load_block(0, element(0, tx.a, ty.a, item.channel));
    const Vec8 b = load_block(0, element(0, tx.b, ty.a, item.channel));
    const Vec8 c = load_block(0, element(0, tx.a, ty.b, item.channel));
    const Vec8 d = load_block(0, element(0, tx.b, ty.b, item.channel));
    const float wa = tx.wa * ty.wa, wb = tx.wb * ty.wa, wc = tx.wa * ty.wb, wd = tx.wb * ty.wb;
    sum.lo += wa * a.lo + wb * b.lo + wc * c.lo + wd * d.lo;
    sum.hi += wa * a.hi + wb * b.hi + wc * c.hi + wd * d.hi;
  }
  const float share = 1.0 / float(points);
  store_item(item, Vec8(share * sum.lo, share * sum.hi), 2);
}
