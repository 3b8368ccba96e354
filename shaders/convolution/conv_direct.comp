// SPDX-License-Identifier: MIT
// The convolution that is right for everything (any groups and channel counts): one stored pixel x 4
// internal channels per invocation, a plain loop over taps and channels.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifdef UNBLUR_DEFORM  // as deform_direct
#include "deform.glsl"
#else
#include "convolution.glsl"
#endif

/// Sum over the channels of one tap. A group may start at any channel, so its inputs are loaded one by one
/// unless they come in whole blocks of 4.
float dot_channels(int at, int weights_at) {
  float sum = 0.0;
  if (kInPerGroup % 4 == 0 || kGroups == 1) {
    [[dont_unroll]] for (int i = 0; i < kInPerGroup; i += 4) {
      const vec4 x = load4(kInput, at + i);
      const vec4 w = load_weights4(weights_at + i);
      sum += dot(x, w);
    }
  } else {
    [[dont_unroll]] for (int i = 0; i < kInPerGroup; ++i) sum += load1(kInput, at + i) * load_weight(weights_at + i);
  }
  return sum;
}

#ifdef UNBLUR_DEFORM
/// The same of what tap (ty, tx) of output pixel (x, y) meets; deformable groups may begin at any channel.
float dot_samples(int x, int y, int ty, int tx, int first, int weights_at) {
  float sum = 0.0;
  Place place;
  int deform_group = -1;
  [[dont_unroll]] for (int i = 0; i < kInPerGroup; ++i) {
    const int own = (first + i) / kPerDeformGroup;
    if (own != deform_group) place = place_of(x, y, ty, tx, own);
    deform_group = own;
    sum += one_sample(place, first + i) * load_weight(weights_at + i);
  }
  return sum;
}
#endif

void main() {
  const int quads = (kGroups * kOutPerGroup + 3) / 4;
  const int index = int(gl_GlobalInvocationID.x);
  const int pixel = index / quads;
  const int n0 = (index - pixel * quads) * 4;
  const int phase = int(gl_WorkGroupID.z);
  const int phase_y = phase / kPhasesX;
  const int phase_x = phase - phase_y * kPhasesX;
  const int y = first_row() + int(gl_WorkGroupID.y);
  if (pixel >= row_pixels()) return;

  const int row_length = (kInPerGroup + 3) / 4 * 4;
  const int taps = kTapsY * kTapsX;
  vec4 sum = vec4(0);
  [[dont_unroll]] for (int o = 0; o < 4; ++o) {
    const int n = n0 + o;
    if (n >= kGroups * kOutPerGroup) break;
    const int group = n / kOutPerGroup;
    float s = load_float(kWeights, n);
    int weights_at = (phase * kGroups * kOutPerGroup + n) * taps * row_length;
    [[dont_unroll]] for (int ty = 0; ty < kTapsY; ++ty) {
      const int row = y * kStrideY + ty * kDilationY - before_y(phase_y);
      const int from_row = border_position(row, view_height(kInput));
      [[dont_unroll]] for (int tx = 0; tx < kTapsX; ++tx) {
#ifdef UNBLUR_DEFORM
        s += dot_samples(pixel, y, ty, tx, group * kInPerGroup, weights_at);
#else
        const int column = pixel * kStrideX + tx * kDilationX - before_x(phase_x);
        if (inside(row, view_height(kInput)) && inside(column, view_width(kInput))) {
          const int from = border_position(column, view_width(kInput));
          s += dot_channels(element(kInput, from, from_row, group * kInPerGroup), weights_at);
        }
#endif
        weights_at += row_length;
      }
    }
    sum[o] = s;
  }
  const int out_x = pixel * kPhasesX + phase_x;
  const int out_y = y * kPhasesY + phase_y;
  if (is_stored(out_x, out_y)) finish(out_x, out_y, n0, sum);
}
