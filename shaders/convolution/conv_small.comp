// SPDX-License-Identifier: MIT
// Convolution with few channels on one side (first and last layers, flow heads): one pixel x 8 output
// channels per invocation, all weights of a tap at addresses that are the same for the whole workgroup.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "convolution.glsl"

void main() {
  const int phase = int(gl_WorkGroupID.z);
  const int phase_y = phase / kPhasesX;
  const int phase_x = phase - phase_y * kPhasesX;
  const int per_group = (kOutPerGroup + 7) / 8;
  const int block = int(gl_WorkGroupID.y);
  const int group = block / per_group;
  const int n0 = group * kOutPerGroup + (block - group * per_group) * 8;
  const int width = row_pixels();
  const int pixel = int(gl_GlobalInvocationID.x);
  const int row = pixel / width;
  const int x = pixel - row * width;
  const int y = first_row() + row;
  if (y >= end_row()) return;

  vec4 sum0 = load_float4(kWeights, n0);
  vec4 sum1 = load_float4(kWeights, n0 + 4);
  const int quads = (kInPerGroup + 3) / 4;
  int weights_at = (phase * kGroups * per_group + block) * kTapsY * kTapsX * quads * 4 * 8;
  for (int ty = 0; ty < kTapsY; ++ty) {
    const int from_y = y * kStrideY + ty * kDilationY - before_y(phase_y);
    for (int tx = 0; tx < kTapsX; ++tx) {
      const int from_x = x * kStrideX + tx * kDilationX - before_x(phase_x);
      const bool is_inside = inside(from_y, view_height(kInput)) && inside(from_x, view_width(kInput));
      const int at = element(kInput, border_position(from_x, view_width(kInput)),
                             border_position(from_y, view_height(kInput)), group * kInPerGroup);
      for (int quad = 0; quad < quads; ++quad) {
        const vec4 v = is_inside ? load4(kInput, at + 4 * quad) : vec4(0);
        [[unroll]] for (int j = 0; j < 4; ++j) {
          sum0 += v[j] * load_weights4(weights_at + j * 8);
          if (kOutPerGroup > 4) sum1 += v[j] * load_weights4(weights_at + j * 8 + 4);
        }
        weights_at += 4 * 8;
      }
    }
  }
  const int out_x = x * kPhasesX + phase_x;
  const int out_y = y * kPhasesY + phase_y;
  if (!is_stored(out_x, out_y)) return;
  finish(out_x, out_y, n0, sum0);
  if (kOutPerGroup > 4) finish(out_x, out_y, n0 + 4, sum1);
}
