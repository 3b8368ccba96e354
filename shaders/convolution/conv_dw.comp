// SPDX-License-Identifier: MIT
// Depthwise convolution (every channel its own filter): one pixel x 4 channels per invocation, neighbouring
// lanes on neighbouring channels.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "convolution.glsl"

void main() {
  const int quads = (kGroups + 3) / 4;
  const int phase = int(gl_WorkGroupID.z);
  const int phase_y = phase / kPhasesX;
  const int phase_x = phase - phase_y * kPhasesX;
  const int index = int(gl_GlobalInvocationID.x);
  const int x = index / quads;
  const int n = (index - x * quads) * 4;
  const int y = first_row() + int(gl_WorkGroupID.y);
  if (x >= row_pixels()) return;

  vec4 sum = load_float4(kWeights, n);
  int weights_at = phase * kTapsY * kTapsX * quads * 4 + n;
  for (int ty = 0; ty < kTapsY; ++ty) {
    const int from_y = y * kStrideY + ty * kDilationY - before_y(phase_y);
    for (int tx = 0; tx < kTapsX; ++tx) {
      const int from_x = x * kStrideX + tx * kDilationX - before_x(phase_x);
      if (inside(from_y, view_height(kInput)) && inside(from_x, view_width(kInput))) {
        const vec4 v = load_block(kInput, element(kInput, border_position(from_x, view_width(kInput)),
                                                  border_position(from_y, view_height(kInput)), n));
        sum += v * load_weights4(weights_at);
      }
      weights_at += quads * 4;
    }
  }
  const int out_x = x * kPhasesX + phase_x;
  const int out_y = y * kPhasesY + phase_y;
  if (is_stored(out_x, out_y)) finish(out_x, out_y, n, sum);
}
