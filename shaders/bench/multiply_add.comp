// SPDX-License-Identifier: MIT
// Nothing but multiply-adds: the ceiling that unblur_bench measures beside the convolutions. Slot 0: two
// rows of 64 floats, slot 1: one float per invocation. Word 0: turns of 96 multiply-adds.
// 12 independent chains hide the latency; longer bodies are slower on lavapipe, where LLVM orders them chain
// by chain.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "interface.glsl"

const int kChains = 12;

void main() {
  const int lane = int(gl_LocalInvocationIndex);
  const float x = load_float(0, lane);
  const float y = load_float(0, 64 + lane);
  float a[kChains];
  [[unroll]] for (int i = 0; i < kChains; ++i) a[i] = x * float(i);
  for (int turn = 0; turn < word(0); ++turn) {
    [[unroll]] for (int k = 0; k < 8; ++k) {
      [[unroll]] for (int i = 0; i < kChains; ++i) a[i] = a[i] * x + y;
    }
  }
  float sum = 0.0;
  [[unroll]] for (int i = 0; i < kChains; ++i) sum += a[i];
  // One writer per block of four floats: stores are four wide.
  if ((lane & 3) == 0) store_uint4(1, int(gl_GlobalInvocationID.x), uvec4(floatBitsToUint(sum)));
}
