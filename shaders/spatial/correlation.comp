// SPDX-License-Identifier: MIT
// Cost volume: an invocation computes 8 displacements of a pixel, fp32 sums over the channels in order.
// Slots: a, b, out. Words from kWordOwn: radius | stride << 16, 1 / (2 radius + 1), factor of the sum, channels.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "view.glsl"

void main() {
  const Item item = this_item(2);
  const int radius = word(kWordOwn) & 0xffff, stride = word(kWordOwn) >> 16, side = 2 * radius + 1;
  const int w = view_width(0), h = view_height(0), channels = word(kWordOwn + 3);
  const int x = item.x * stride, y = item.y * stride;
  int at[8];
  bool valid[8];
  [[unroll]] for (int e = 0; e < 8; ++e) {
    const int d = min(item.channel + e, side * side - 1);
    const int row = divide_small(d, word_float(kWordOwn + 1));
    const int bx = x + stride * (d - row * side - radius), by = y + stride * (row - radius);
    valid[e] = bx >= 0 && bx < w && by >= 0 && by < h;
    at[e] = element(1, clamp(bx, 0, w - 1), clamp(by, 0, h - 1), 0);
  }
  const int pixel = element(0, x, y, 0);
  float v[8] = float[8](0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
  for (int c = 0; c < channels; c += 4) {  // padding channels are zeros
    const vec4 a = load4(0, pixel + c);
    [[unroll]] for (int e = 0; e < 8; ++e) v[e] += dot(a, load4(1, at[e] + c));
  }
  const float factor = word_float(kWordOwn + 2);
  [[unroll]] for (int e = 0; e < 8; ++e) v[e] = valid[e] ? v[e] * factor : 0.0;
  store_item(item, Vec8(vec4(v[0], v[1], v[2], v[3]), vec4(v[4], v[5], v[6], v[7])), 2);
}
