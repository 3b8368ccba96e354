// SPDX-License-Identifier: MIT
// Backward warp: out(y,x) = bilinear sample of `in` at (x + s * flow.x, y + s * flow.y). Positions and
// weights in fp32. Slots: in, flow, out. Word kWordOwn: s.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kBorder = kBorderReplicate;  // or kBorderZero

/// Taps of one axis: two indices inside the frame whatever the position (NaN and infinity too, which an
/// address must survive) and their weights.
struct Taps {
  int a, b;
  float wa, wb;
};

Taps taps_at(float position, int size) {
  Taps t;
  // Two samples beyond the frame already give nothing but zeros; it keeps the conversion in range.
  const float limit = float(size - 1);
  const float p = kBorder == kBorderZero ? clamp(position, -2.0, limit + 2.0) : clamp(position, 0.0, limit);
  const float whole = floor(p);
  const int i = int(whole);
  t.wb = p - whole;
  t.wa = 1.0 - t.wb;
  if (kBorder == kBorderZero) {
    if (i < 0 || i >= size) t.wa = 0.0;
    if (i < -1 || i >= size - 1) t.wb = 0.0;
  }
  t.a = clamp(i, 0, size - 1);
  t.b = clamp(i + 1, 0, size - 1);
  return t;
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
