// SPDX-License-Identifier: MIT
// Convolution in registers, without shared memory: for CPU devices with subgroups of 8 or more (lavapipe,
// where a barrier is dear, and where loads are the cost to save). An invocation owns kPixels neighbouring
// pixels of a row x kBlock channels. Every lane loads a different weight and a broadcast hands it out. As
// deform_reg (UNBLUR_DEFORM) it samples where each pixel's taps point, so that large blocks pay.
//
// The order of the sums matters more than anything else here: all products of one accumulator in a row, so
// that LLVM keeps it in a register for the whole body and the chains of different pixels overlap.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_EXT_control_flow_attributes : require
#ifdef UNBLUR_BDA
#define UNBLUR_WIDE
#endif
#ifdef UNBLUR_DEFORM
// Taps are sampled one by one: a turn takes kStep channels of one of them, a column is a pixel.
#include "deform.glsl"
const int kTurns = kTapsY * kTapsX;
const int kColumns = kPixels;
const int kColumnStep = 1;
const int kProducts = kStep;                                 // per accumulator and turn
#else
#include "convolution.glsl"
const int kTurns = kTapsY;
const int kColumns = (kPixels - 1) * kStrideX + (kTapsX - 1) * kDilationX + 1;
const int kColumnStep = kStrideX;
const int kProducts = kTapsX * kStep;
#endif
const int kQuads = (kBlock + 3) / 4;
const int kLanes = 8;                                        // that hand out weights
const bool kHalf = kWeightStorage != kStorageF32;
const int kChunk = kHalf ? 4 * kLanes : 2 * kLanes;          // weights of 8 bytes per lane
const int kChunks = (kBlock * kProducts + kChunk - 1) / kChunk;
const int kPerLane = kHalf ? 4 : 2;

void main() {
  const int phase = int(gl_WorkGroupID.z);
  const int phase_y = phase / kPhasesX;
  const int phase_x = phase - phase_y * kPhasesX;
  const int block = int(gl_WorkGroupID.y);  // over all groups
  const int per_group = (kOutPerGroup + kBlock - 1) / kBlock;
  const int group = block / per_group;
  const int n0 = group * kOutPerGroup + (block - group * per_group) * kBlock;

  // Lanes beyond the last tile repeat it and store nothing: broadcasts need all lanes.
  const int width = row_pixels();
  const int tiles = (width + kPixels - 1) / kPixels;
  const int tile = int(gl_WorkGroupID.x) * int(gl_WorkGroupSize.x) + int(gl_LocalInvocationID.x);
  const int last = end_row() - 1;
  const int tile_row = tile / tiles;
  const int x0 = (tile - tile_row * tiles) * kPixels;
  const int y0 = first_row() + tile_row;
  const int y = min(y0, last);

#ifndef UNBLUR_DEFORM
  const int in_width = view_width(kInput);
  const int in_height = view_height(kInput);
  const int pixel_stride = view_stride(kInput);
  int column[kColumns];
  bool column_inside[kColumns];
  [[unroll]] for (int i = 0; i < kColumns; ++i) {
    const int x = x0 * kStrideX + i - before_x(phase_x);
    column[i] = border_position(x, in_width) * pixel_stride + view_offset(kInput) + group * kInPerGroup;
    column_inside[i] = inside(x, in_width);
  }
#endif

  float sum[kQuads * 4 * kPixels];
  [[unroll]] for (int o = 0; o < kQuads * 4; ++o) {
    const float bias = o < kBlock ? load_float(kWeights, n0 + o) : 0.0;
    [[unroll]] for (int p = 0; p < kPixels; ++p) sum[o * kPixels + p] = bias;
  }

  const int steps = (kInPerGroup + kStep - 1) / kStep;
  const int blocks = kGroups * per_group;
  const int words_per_turn = kChunks * 2 * kLanes;
  const int lane = int(gl_SubgroupInvocationID) & (kLanes - 1);
  int at = bias_words() + (phase * blocks + block) * kTurns * steps * words_per_turn + 2 * lane;

  for (int turn = 0; turn < kTurns; ++turn) {
#ifdef UNBLUR_DEFORM
    const int ty = turn / kTapsX;
    Place place[kPixels];
    if (kDeformGroups == 1) {
      [[unroll]] for (int p = 0; p < kPixels; ++p) {
        place[p] = place_of(min(x0 + p, width - 1), y, ty, turn - ty * kTapsX, 0);
      }
    }
#else
    const int row = y * kStrideY + turn * kDilationY - before_y(phase_y);
    const int row_start = border_position(row, in_height) * in_width * pixel_stride;
    const bool row_inside = inside(row, in_height);
#endif
    for (int step = 0; step < steps; ++step) {
      float value[kColumns * kStep];
#ifdef UNBLUR_DEFORM
      const int channel = group * kInPerGroup + step * kStep;
      if (kDeformGroups > 1) {
        [[unroll]] for (int p = 0; p < kPixels; ++p) {
          place[p] = place_of(min(x0 + p, width - 1), y, ty, turn - ty * kTapsX, channel / kPerDeformGroup);
        }
      }
#endif
      [[unroll]] for (int i = 0; i < kColumns; ++i) {
        [[unroll]] for (int j = 0; j < kStep; j += 4) {
#ifdef UNBLUR_DEFORM
          const vec4 v = samples(place[i], channel + j);
#else
          vec4 v = load_block(kInput, row_start + column[i] + step * kStep + j);
          if (kBorder == kBorderZero) v = mix(vec4(0), v, bvec4(row_inside && column_inside[i]));
#endif
          value[i * kStep + j] = v.x;
          value[i * kStep + j + 1] = v.y;
          value[i * kStep + j + 2] = v.z;
          value[i * kStep + j + 3] = v.w;
        }
      }
      float mine[kChunks * kPerLane];
      [[unroll]] for (int i = 0; i < kChunks; ++i) {
        const uvec2 words = load_words(kWeights, at + i * 2 * kLanes);
        if (kHalf) {
          const vec4 w = unpack_half4(words);
          mine[i * kPerLane] = w.x;
          mine[i * kPerLane + 1] = w.y;
          mine[i * kPerLane + kPerLane - 2] = w.z;
          mine[i * kPerLane + kPerLane - 1] = w.w;
        } else {
          const vec2 w = uintBitsToFloat(words);
          mine[i * kPerLane] = w.x;
          mine[i * kPerLane + 1] = w.y;
        }
      }
      at += words_per_turn;
      [[unroll]] for (int o = 0; o < kBlock; ++o) {
        float weight[kProducts];
        [[unroll]] for (int k = 0; k < kProducts; ++k) {
          const int i = o * kProducts + k;
          weight[k] = subgroupBroadcast(mine[i / kChunk * kPerLane + i % kPerLane],
                                        uint(i % kChunk / kPerLane));
        }
        [[unroll]] for (int p = 0; p < kPixels; ++p) {
          float s = sum[o * kPixels + p];
          [[unroll]] for (int k = 0; k < kProducts; ++k) {
            const int tx = k / kStep;
            const int j = k - tx * kStep;
            s += value[(p * kColumnStep + tx * kDilationX) * kStep + j] * weight[k];
          }
          sum[o * kPixels + p] = s;
        }
      }
    }
  }

  if (y0 > last) return;
  const int out_y = y * kPhasesY + phase_y;
  // A loop over pixels: unrolled stores took 40 % of the compile time. The pixel's sums are selected, not
  // indexed, which cost a quarter of the speed (docs/measurements/vulkan-lavapipe.md).
  [[dont_unroll]] for (int p = 0; p < kPixels; ++p) {
    const int out_x = (x0 + p) * kPhasesX + phase_x;
    if (x0 + p < width && is_stored(out_x, out_y)) {
      [[unroll]] for (int q = 0; q < kQuads; ++q) {
        vec4 value = vec4(0);
        [[unroll]] for (int i = 0; i < kPixels; ++i) {
          const int o = 4 * q * kPixels + i;
          if (i == p) value = vec4(sum[o], sum[o + kPixels], sum[o + 2 * kPixels], sum[o + 3 * kPixels]);
        }
        finish(out_x, out_y, n0 + 4 * q, value);
      }
    }
  }
}
