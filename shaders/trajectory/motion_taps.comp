// SPDX-License-Identifier: MIT
// Where Motion-ETR's decoders sample: nine row, then nine column displacements of the stored points 3 to 11,
// times a ratio, minus the kernel's own grid. Slots: offsets, out. Word kWordOwn: ratio.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "view.glsl"

const int kTaps = 9, kFirstPoint = 3;

float tap(int pixel, int c) {
  const int axis = c >= kTaps ? 1 : 0;
  const int m = c - axis * kTaps;
  const int row = divide_small(m, 1.0 / 3.0);
  const int grid = (axis == 0 ? row : m - 3 * row) - 1;
  return word_float(kWordOwn) * load1(0, pixel + 2 * (kFirstPoint + m) + axis) - float(grid);
}

void main() {
  const Item item = this_item(1);
  const int pixel = element(0, item.x, item.y, 0);
  float v[8];
  // Padding channels repeat the last one; the store zeroes them.
  [[unroll]] for (int e = 0; e < 8; ++e) v[e] = tap(pixel, min(item.channel + e, 2 * kTaps - 1));
  store_item(item, Vec8(vec4(v[0], v[1], v[2], v[3]), vec4(v[4], v[5], v[6], v[7])), 1);
}
