// SPDX-License-Identifier: MIT
// Nearest and bilinear resampling, both corner conventions. Source positions are quotients of integers and
// are computed as such: whole part exact, fraction rounded once. Slots: in, [like], out.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kBilinear = 1;
layout(constant_id = kSpecOwn + 1) const int kAlignCorners = 0;
layout(constant_id = kSpecOwn + 2) const int kOutSlot = 1;

/// Where output sample `i` of `size` reads the `count` input samples: whole part and fraction.
int source(int i, int size, int count, out float fraction) {
  int numerator, denominator;
  if (kAlignCorners == 1) {
    denominator = max(size - 1, 1);
    numerator = size == 1 ? 0 : i * (count - 1);
    if (kBilinear == 0) {  // rounded half away from zero
      numerator = 2 * numerator + denominator;
      denominator *= 2;
    }
  } else if (kBilinear == 1) {  // (i + 0.5) * count / size - 0.5, not below 0
    numerator = max((2 * i + 1) * count - size, 0);
    denominator = 2 * size;
  } else {
    numerator = i * count;
    denominator = size;
  }
  int remainder;
  const int whole = divide(numerator, denominator, remainder);
  fraction = float(remainder) / float(denominator);
  return min(whole, count - 1);
}

vec4 blend(vec4 a, vec4 b, float f) { return (1.0 - f) * a + f * b; }

void main() {
  const Item item = this_item(kOutSlot);
  const int w = view_width(0), h = view_height(0);
  float fx, fy;
  const int x0 = source(item.x, view_width(kOutSlot), w, fx);
  const int y0 = source(item.y, view_height(kOutSlot), h, fy);
  const Vec8 a = load_block(0, element(0, x0, y0, item.channel));
  if (kBilinear == 0) {
    store_item(item, a, kOutSlot);
    return;
  }
  const int x1 = min(x0 + 1, w - 1), y1 = min(y0 + 1, h - 1);
  const Vec8 b = load_block(0, element(0, x1, y0, item.channel));
  const Vec8 c = load_block(0, element(0, x0, y1, item.channel));
  const Vec8 d = load_block(0, element(0, x1, y1, item.channel));
  Vec8 v;
  v.lo = blend(blend(a.lo, b.lo, fx), blend(c.lo, d.lo, fx), fy);
  v.hi = blend(blend(a.hi, b.hi, fx), blend(c.hi, d.hi, fx), fy);
  store_item(item, v, kOutSlot);
}
