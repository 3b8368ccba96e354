// SPDX-License-Identifier: MIT
// Offsets at every stored time of an exposure from control offsets (graph/exposure.h).
// Slots: control, out, weights: those of S and E for one point after the other.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

void main() {
  const Item item = this_item(1);
  const vec4 control = load4(0, element(0, item.x, item.y, 0));  // two channels: E is padding, zero
  const vec2 start = control.xy, end = control.zw;
  // Points have two channels and two weights: both count alike.
  const vec4 lo = load_float4(2, item.channel), hi = load_float4(2, item.channel + 4);
  store_item(item,
             Vec8(vec4(lo.x * start + lo.y * end, lo.z * start + lo.w * end),
                  vec4(hi.x * start + hi.y * end, hi.z * start + hi.w * end)),
             1);
}
