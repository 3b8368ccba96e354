// SPDX-License-Identifier: MIT
// A model's motion as the viewer draws it: where content was at the start of the exposure and where it is at
// its end, from its place in the middle, in px of the full picture, x right, y down; two pairs of halves per
// pixel of the model's output. Slots: output "control" or "flow", motion.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "interface.glsl"

// words: width, height, tensor width, pixel stride, channel offset, kind, px of the picture per px of the
// model's frame
const int kControl = 0;  // gather offsets (S.dy, S.dx, E.dy, E.dx)
const int kLinear = 1;   // (S.dy, S.dx), E = -S
const int kFlow = 2;     // (dx, dy) of a whole frame interval, from this frame to the previous one

void store_pair(int i, vec2 start, vec2 end) {
  const uvec2 words = uvec2(packHalf2x16(start), packHalf2x16(end));
  store_uint2(1, 2 * i, words);
}

void main() {
  const int x = int(gl_GlobalInvocationID.x), y = int(gl_WorkGroupID.y);
  if (x >= word(0)) return;
  const int at = (y * word(2) + x) * word(3) + word(4);
  const float scale = word_float(6);
  vec2 start, end;
  if (word(5) == kFlow) {
    start = 0.5 * load2(0, at);
    end = -start;
  } else {
    const vec4 offsets = load4(0, at);
    start = -offsets.yx;
    end = word(5) == kLinear ? -start : -offsets.wz;
  }
  store_pair(y * word(0) + x, scale * start, scale * end);
}
