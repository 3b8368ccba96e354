// SPDX-License-Identifier: MIT
// Lengths of the paths of a regular grid of pixels: what the viewer's readout of blur is made of. Slots:
// motion as motion.comp leaves it, lengths (px, float).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "interface.glsl"
#include "path.glsl"

// words: width, height, columns, rows, PathMode
void main() {
  const int i = int(gl_GlobalInvocationID.x);
  if (i >= word(2) * word(3)) return;
  const int row = i / word(2), column = i - row * word(2);
  const int x = (2 * column + 1) * word(0) / (2 * word(2)), y = (2 * row + 1) * word(1) / (2 * word(3));
  const uvec2 pair = load_uint2(0, 2 * (y * word(0) + x));
  const vec2 start = unpackHalf2x16(pair.x), end = unpackHalf2x16(pair.y);
  float length_px = 0.0;
  vec2 before = start;
  for (int k = 1; k <= kPathSteps; ++k) {
    const vec2 now = on_path(word(4), start, end, path_time(k));
    length_px += distance(before, now);
    before = now;
  }
#ifdef UNBLUR_BDA
  Words1(push.buffers[1]).v[i] = floatBitsToUint(length_px);
#else
  slot1.v[(first_word(1) + i) >> 1][i & 1] = floatBitsToUint(length_px);
#endif
}
