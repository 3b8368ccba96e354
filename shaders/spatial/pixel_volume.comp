// SPDX-License-Identifier: MIT
// Pixel volume (PVDNet, TOG 2021, section 4): grey samples of the previous frame where the motion of each
// neighbour of a pixel points. Positions are fp32 sums truncated toward zero, compared as floats, so that
// a flow of any size stays harmless. Slots: previous, current, flow, out. Words from kWordOwn: radius,
// 1 / (2 radius + 1), value where the neighbour lies outside the frame.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "view.glsl"

float grey(int slot, int x, int y) {
  const vec3 rgb = load4(slot, element(slot, x, y, 0)).rgb;
  return 0.2989 * rgb.r + 0.5870 * rgb.g + 0.1140 * rgb.b;
}

float candidate(Item item, int c, float current) {
  const int radius = word(kWordOwn), side = 2 * radius + 1;
  const int w = view_width(0), h = view_height(0);
  const int column = divide_small(c, word_float(kWordOwn + 1));
  const int i = column - radius, j = c - column * side - radius;
  const int qx = item.x - i, qy = item.y - j;
  const vec2 flow = load2(2, element(2, clamp(qx, 0, w - 1), clamp(qy, 0, h - 1), 0));
  precise const float mx = float(qx) + flow.x;
  precise const float my = float(qy) + flow.y;
  const float px = trunc(mx) + float(i), py = trunc(my) + float(j);
  const bool matched = px >= 1.0 && px <= float(w - 2) && py >= 1.0 && py <= float(h - 2);
  const int ix = clamp(int(matched ? px : 0.0), 0, w - 1), iy = clamp(int(matched ? py : 0.0), 0, h - 1);
  const float previous = grey(0, ix, iy);
  if (qx < 0 || qx >= w || qy < 0 || qy >= h) return word_float(kWordOwn + 2);
  return matched ? previous : current;
}

void main() {
  const Item item = this_item(3);
  const float current = grey(1, item.x, item.y);
  const int last = word(kWordChannels) - 1;
  float v[8];
  [[unroll]] for (int e = 0; e < 8; ++e) v[e] = candidate(item, min(item.channel + e, last), current);
  store_item(item, Vec8(vec4(v[0], v[1], v[2], v[3]), vec4(v[4], v[5], v[6], v[7])), 3);
}
