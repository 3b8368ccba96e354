// SPDX-License-Identifier: MIT
// Sum, mean or maximum over all pixels: one workgroup per 8 channels. Each invocation adds up its columns
// row by row (a row first, then rows, which keeps fp32 sums short), then a tree over the workgroup; the
// order is fixed, so the result is the same on every run. Slots: in, out. Word kWordOwn: 1 / pixels.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kKind = kReduceSum;

const float kLowest = -3.402823466e38;
shared vec4 partial[2 * kReduceGroup];

vec4 join(vec4 a, vec4 b) { return kKind == kReduceMax ? max(a, b) : a + b; }

void main() {
  const int lane = int(gl_LocalInvocationID.x);
  const int channel = 8 * int(gl_WorkGroupID.x);
  const int w = view_width(0), h = view_height(0);
  const vec4 neutral = vec4(kKind == kReduceMax ? kLowest : 0.0);
  Vec8 all = Vec8(neutral, neutral);
  for (int y = 0; y < h; ++y) {
    Vec8 row = Vec8(neutral, neutral);
    for (int x = lane; x < w; x += kReduceGroup) {
      const Vec8 v = load8(0, element(0, x, y, channel));
      row = Vec8(join(row.lo, v.lo), join(row.hi, v.hi));
    }
    all = Vec8(join(all.lo, row.lo), join(all.hi, row.hi));
  }
  partial[2 * lane] = all.lo;
  partial[2 * lane + 1] = all.hi;
  for (int half_size = kReduceGroup / 2; half_size > 0; half_size /= 2) {
    barrier();
    if (lane < half_size) {
      partial[2 * lane] = join(partial[2 * lane], partial[2 * (lane + half_size)]);
      partial[2 * lane + 1] = join(partial[2 * lane + 1], partial[2 * (lane + half_size) + 1]);
    }
  }
  if (lane == 0) {
    const float scale = kKind == kReduceMean ? word_float(kWordOwn) : 1.0;
    store_item(Item(0, 0, channel, true), Vec8(partial[0] * scale, partial[1] * scale), 1);
  }
}
