// SPDX-License-Identifier: MIT
// Backward warp: out(y,x) = bilinear sample of `in` at (x + s * flow.x, y + s * flow.y). Positions and
// weights in fp32. Slots: in, flow, out. Word kWordOwn: s.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "taps.glsl"
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kBorder = kBorderReplicate;  // or kBorderZero

Taps taps_at(float position, int size) {
  return kBorder == kBorderZero ? taps_zero(position, size) : taps_replicate(position, size);
}

void main() {
  const Item item = this_item(2);
  const vec2 flow = word_float(kWordOwn) * load2(1, element(1, item.x, item.y, 0));
  const Taps tx = taps_at(float(item.x) + flow.x, view_width(0));
  const Taps ty = taps_at(float(item.y) + flow.y, view_height(0));
  const Vec8 a = load_block(0, element(0, tx.a, ty.a, item.channel));
  const Vec8 b = load_block(0, element(0, tx.b, ty.a, item.channel));
  const Vec8 c = load_block(0, element(0, tx.a, ty.b, item.channel));
  const Vec8 d = load_block(0, element(0, tx.b, ty.b, item.channel));
  const float wa = tx.wa * ty.wa, wb = tx.wb * ty.wa, wc = tx.wa * ty.wb, wd = tx.wb * ty.wb;
  Vec8 v;
  v.lo = wa * a.lo + wb * b.lo + wc * c.lo + wd * d.lo;
  v.hi = wa * a.hi + wb * b.hi + wc * c.hi + wd * d.hi;
  store_item(item, v, 2);
}
