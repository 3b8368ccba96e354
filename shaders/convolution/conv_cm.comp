// SPDX-License-Identifier: MIT
// conv_tile on cooperative matrices (VK_KHR_cooperative_matrix, 16x16x16, fp16 operands, fp32 sums): a
// subgroup computes 32 pixels x 32 output channels as 2 x 2 fragments. fp16 storage only. The sums pass
// through shared memory, so that the store and its epilogue are those of every other kernel.
#version 460
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#include "convolution.glsl"

const int kFragment = 16;
const int kSide = 2;  // fragments along each side of a subgroup's part
const int kPart = kFragment * kSide;
// Rows in units of f16vec4, padded by 8 halves against bank conflicts.
const int kInputRow = kStep / 4 + 2;
const int kWeightRow = kBlock / 4 + 2;
const int kSumRow = kBlock + 4;
shared f16vec4 tile_inputs[kPixels * kInputRow];   // [pixel][channel]
shared f16vec4 tile_weights[kStep * kWeightRow];   // [channel][output channel]
shared float tile_sums[kPixels * kSumRow];         // [pixel][output channel]

f16vec4 halves(uvec2 x) { return f16vec4(unpackFloat2x16(x.x), unpackFloat2x16(x.y)); }

void main() {
  const int threads = int(gl_WorkGroupSize.x);
  const int thread = int(gl_LocalInvocationID.x);
  const int parts_m = kBlock / kPart;
  const int part_m = int(gl_SubgroupID) % parts_m;
  const int part_p = int(gl_SubgroupID) / parts_m;
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
  const int in_width = view_width(kInput);
  const int in_height = view_height(kInput);

  coopmat<float, gl_ScopeSubgroup, kFragment, kFragment, gl_MatrixUseAccumulator> sum[kSide][kSide];
  [[unroll]] for (int i = 0; i < kSide; ++i) {
    [[unroll]] for (int j = 0; j < kSide; ++j) {
      sum[i][j] = coopmat<float, gl_ScopeSubgroup, kFragment, kFragment, gl_MatrixUseAccumulator>(0.0);
    }
  }

  const int chunks = (kInPerGroup + kStep - 1) / kStep;
  int weights_at = (phase * kGroups * per_group + block) * kTapsY * kTapsX * chunks * kStep * kBlock;
  for (int tap = 0; tap < kTapsY * kTapsX; ++tap) {
    const int ty = tap / kTapsX;
    const int tx = tap - ty * kTapsX;
    for (int chunk = 0; chunk < chunks; ++chunk) {
      barrier();
      for (int i = thread; i < kPixels * kStep / 8; i += threads) {
        const int oct = i % (kStep / 8);
        const int p = i / (kStep / 8);
        const int pixel = min(pixel0 + p, last_pixel);
        const int y = pixel / width;
        const int row = (first + y) * kStrideY + ty * kDilationY - before_y(phase_y);
        const int column = (pixel - y * width) * kStrideX + tx * kDilationX - before_x(phase_x);
        const int c = chunk * kStep + oct * 8;
        uvec4 v = uvec4(0);
        if (c < kInPerGroup && inside(row, in_height) && inside(column, in_width)) {
          v = load_uint4(kInput, element(kInput, border_position(column, in_width),
                                         border_position(row, in_height), group * kInPerGroup + c) >> 1);
        }
        tile_inputs[p * kInputRow + 2 * oct] = halves(v.xy);
        tile_inputs[p * kInputRow + 2 * oct + 1] = halves(v.zw);
      }
      for (int i = thread; i < kStep * kBlock / 8; i += threads) {
        const int oct = i % (kBlock / 8);
        const int k = i / (kBlock / 8);
        const uvec4 v = load_uint4(kWeights, bias_words() + (weights_at + 8 * i) / 2);
        tile_weights[k * kWeightRow + 2 * oct] = halves(v.xy);
        tile_weights[k * kWeightRow + 2 * oct + 1] = halves(v.zw);
      }
      weights_at += kStep * kBlock;
      barrier();
      [[unroll]] for (int k = 0; k < kStep; k += kFragment) {
        coopmat<float16_t, gl_ScopeSubgroup, kFragment, kFragment, gl_MatrixUseA> x[kSide];
        [[unroll]] for (int i = 0; i < kSide; ++i) {
          coopMatLoad(x[i], tile_inputs, uint((part_p * kPart + i * kFragment) * kInputRow + k / 4), uint(kInputRow),
                      gl_CooperativeMatrixLayoutRowMajor);
        }
        [[unroll]] for (int j = 0; j < kSide; ++j) {
          coopmat<float16_t, gl_ScopeSubgroup, kFragment, kFragment, gl_MatrixUseB> w;
          coopMatLoad(w, tile_weights, uint(k * kWeightRow + (part_m * kPart + j * kFragment) / 4), uint(kWeightRow),
                      gl_CooperativeMatrixLayoutRowMajor);
          [[unroll]] for (int i = 0; i < kSide; ++i) sum[i][j] = coopMatMulAdd(x[i], w, sum[i][j]);
        }
      }
    }
  }

  [[unroll]] for (int i = 0; i < kSide; ++i) {
    [[unroll]] for (int j = 0; j < kSide; ++j) {
      coopMatStore(sum[i][j], tile_sums,
                   uint((part_p * kPart + i * kFragment) * kSumRow + part_m * kPart + j * kFragment), uint(kSumRow),
                   gl_CooperativeMatrixLayoutRowMajor);
    }
  }
  barrier();
  for (int i = thread; i < kPixels * kBlock / 4; i += threads) {
    const int p = i / (kBlock / 4);
    const int n = (i - p * (kBlock / 4)) * 4;
    const int pixel = pixel0 + p;
    if (pixel > last_pixel) break;
    const int y = pixel / width;
    const int at = p * kSumRow + n;
    const vec4 v = vec4(tile_sums[at], tile_sums[at + 1], tile_sums[at + 2], tile_sums[at + 3]);
    const int out_x = (pixel - y * width) * kPhasesX + phase_x;
    const int out_y = (first + y) * kPhasesY + phase_y;
    if (is_stored(out_x, out_y)) finish(out_x, out_y, n0 + n, v + load_float4(kWeights, n0 + n));
  }
}
