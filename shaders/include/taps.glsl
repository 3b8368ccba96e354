// SPDX-License-Identifier: MIT
// Bilinear sampling, one axis at a time: two indices inside the frame whatever the position (NaN and infinity
// too, which an address must survive) and their weights.
#ifndef UNBLUR_TAPS_GLSL
#define UNBLUR_TAPS_GLSL

struct Taps {
  int a, b;
  float wa, wb;
};

Taps taps_between(float position, int size) {
  Taps t;
  const float whole = floor(position);
  const int i = int(whole);
  t.wb = position - whole;
  t.wa = 1.0 - t.wb;
  t.a = clamp(i, 0, size - 1);
  t.b = clamp(i + 1, 0, size - 1);
  return t;
}

/// Samples outside the frame repeat its edge.
Taps taps_replicate(float position, int size) { return taps_between(clamp(position, 0.0, float(size - 1)), size); }

/// Samples outside the frame are 0. Two samples beyond it there is nothing but zeros; the clamp keeps the
/// conversion in range.
Taps taps_zero(float position, int size) {
  const float p = clamp(position, -2.0, float(size + 1));
  Taps t = taps_between(p, size);
  const int i = int(floor(p));
  if (i < 0 || i >= size) t.wa = 0.0;
  if (i < -1 || i >= size - 1) t.wb = 0.0;
  return t;
}
#endif
