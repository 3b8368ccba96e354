// SPDX-License-Identifier: MIT
// Convolution as an implicit matrix product in shared memory: kPixels output pixels (of all rows of the
// dispatch, in order) x kBlock output channels per workgroup, kStep input channels of one tap at a time,
// 4 pixels x 8 channels in the registers of an invocation. For devices with real shared memory.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#ifdef UNBLUR_DEFORM  // as deform_tile
#include "deform.glsl"
#else
#include "convolution.glsl"
#endif

const int kThreadsM = kBlock / 8;
const int kThreads = kThreadsM * (kPixels / 4);
const int kPixelRow = kPixels + 4;  // padded against bank conflicts
shared float tile_inputs[kStep * kPixelRow];      // [channel][pixel]
shared vec4 tile_weights[kStep * kBlock / 4];     // [channel][output channel]

void main() {
  const int thread = int(gl_LocalInvocationID.x);
  const int thread_m = thread % kThreadsM;
  const int thread_n = thread / kThreadsM;
  const int phase = int(gl_WorkGroupID.z);
  const int phase_y = phase / kPhasesX;
  const int phase_x = phase - phase_y * kPhasesX;
  const int per_group = (kOutPerGroup + kBlock - 1) / kBlock;
  const int block = int(gl_WorkGroupID.y);
  const int group = block / per_group;
  const int n0 = group * kOutPerGroup + (block - group * per_group) * kBlock;

  const int width = row_pixels();
  const int first = first_row();
  const int last_pixel = (end_row() - first) * width - 1;
  const int pixel0 = int(gl_WorkGroupID.x) * kPixels;
#ifndef UNBLUR_DEFORM
  const int in_width = view_width(kInput);
  const int in_height = view_height(kInput);
#endif

  vec4 sum[4][2];
  [[unroll]] for (int p = 0; p < 4; ++p) sum[p][0] = sum[p][1] = vec4(0);

  const int chunks = (kInPerGroup + kStep - 1) / kStep;
  int weights_at = (phase * kGroups * per_group + block) * kTapsY * kTapsX * chunks * kStep * kBlock;
  for (int tap = 0; tap < kTapsY * kTapsX; ++tap) {
    const int ty = tap / kTapsX;
    const int tx = tap - ty * kTapsX;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      barrier();
      for (int i = thread; i < kPixels * kStep / 4; i += kThreads) {
        const int quad = i % (kStep / 4);
        const int p = i / (kStep / 4);
        const int pixel = min(pixel0 + p, last_pixel);
        const int y = pixel / width;
        const int c = chunk * kStep + quad * 4;
        vec4 v = vec4(0);
#ifdef UNBLUR_DEFORM
        const int channel = group * kInPerGroup + c;
        if (c < kInPerGroup) {
          v = samples(place_of(pixel - y * width, first + y, ty, tx, channel / kPerDeformGroup), channel);
        }
#else
        const int row = (first + y) * kStrideY + ty * kDilationY - before_y(phase_y);
        const int column = (pixel - y * width) * kStrideX + tx * kDilationX - before_x(phase_x);
        if (c < kInPerGroup && inside(row, in_height) && inside(column, in_width)) {
          v = load4(kInput, element(kInput, border_position(column, in_width), border_position(row, in_height),
                                    group * kInPerGroup + c));
        }
#endif
        [[unroll]] for (int j = 0; j < 4; ++j) tile_inputs[(quad * 4 + j) * kPixelRow + p] = v[j];
      }
      for (int i = thread; i < kStep * kBlock / 4; i += kThreads) tile_weights[i] = load_weights4(weights_at + 4 * i);
      weights_at += kStep * kBlock;
      barrier();
      [[unroll]] for (int k = 0; k < kStep; ++k) {
        const vec4 w0 = tile_weights[k * (kBlock / 4) + 2 * thread_m];
        const vec4 w1 = tile_weights[k * (kBlock / 4) + 2 * thread_m + 1];
        [[unroll]] for (int p = 0; p < 4; ++p) {
          const float x = tile_inputs[k * kPixelRow + thread_n * 4 + p];
          sum[p][0] += x * w0;
          sum[p][1] += x * w1;
        }
      }
    }
  }

  const int n = n0 + thread_m * 8;
  const vec4 bias0 = load_float4(kWeights, n);
  const vec4 bias1 = load_float4(kWeights, n + 4);
  // A loop, its sums selected rather than indexed: unrolled stores are most of the code to compile.
  [[dont_unroll]] for (int p = 0; p < 4; ++p) {
    const int pixel = pixel0 + thread_n * 4 + p;
    if (pixel > last_pixel) break;
    const int y = pixel / width;
    const int out_x = (pixel - y * width) * kPhasesX + phase_x;
    const int out_y = (first + y) * kPhasesY + phase_y;
    if (!is_stored(out_x, out_y)) continue;
    vec4 value0 = sum[0][0], value1 = sum[0][1];
    [[unroll]] for (int i = 1; i < 4; ++i) {
      if (i == p) value0 = sum[i][0], value1 = sum[i][1];
    }
    finish(out_x, out_y, n, value0 + bias0);
    finish(out_x, out_y, n + 4, value1 + bias1);
  }
}
