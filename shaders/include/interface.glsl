// SPDX-License-Identifier: MIT
// How every kernel reaches its buffers. Addresses travel in push constants (UNBLUR_BDA) or, in the form
// for old drivers and debug runs, buffers are bound and the same words are element offsets (UNBLUR_SSBO;
// an element of a buffer without a storage constant, as packed weights, is a 32-bit word; all six
// bindings must be valid). Kernels see one set of functions:
//
//   load4/store4(slot, i)   elements i..i+3 as vec4, i a multiple of 4, fp32 or fp16 by the slot's storage
//   load8/store8(slot, i)   elements i..i+7, i a multiple of 8
//   load1(slot, i), load2(slot, i)   one element, two from an even i
//   load_float(slot, i), load_float4(slot, i), load_uint(slot, i)   32-bit words whatever the storage
//
// `slot` must be a literal or made of specialization constants, so that the choice folds away. Half floats
// are unpacked from 32-bit words: no 16-bit feature is needed and every access is 4 channels wide.
// A value may hold up to 2^31 elements.
#ifndef UNBLUR_INTERFACE_GLSL
#define UNBLUR_INTERFACE_GLSL
#ifdef UNBLUR_BDA
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference_uvec2 : require
#endif
#include "constants.h"

layout(push_constant, std430) uniform Push {
  uvec2 buffers[kBuffers];
  uint words[kWords];
} push;

layout(constant_id = kSpecStorage) const int kStorage0 = kStorageF32;
layout(constant_id = kSpecStorage + 1) const int kStorage1 = kStorageF32;
layout(constant_id = kSpecStorage + 2) const int kStorage2 = kStorageF32;
layout(constant_id = kSpecStorage + 3) const int kStorage3 = kStorageF32;
layout(constant_id = kSpecStorage + 4) const int kStorage4 = kStorageF32;
layout(constant_id = kSpecStorage + 5) const int kStorage5 = kStorageF32;

layout(local_size_x_id = kSpecGroupX, local_size_y_id = kSpecGroupY) in;

int word(int i) { return int(push.words[i]); }
float word_float(int i) { return uintBitsToFloat(push.words[i]); }

bool is_half(int slot) {
  return (slot == 0   ? kStorage0
          : slot == 1 ? kStorage1
          : slot == 2 ? kStorage2
          : slot == 3 ? kStorage3
          : slot == 4 ? kStorage4
                      : kStorage5) != kStorageF32;
}

#ifdef UNBLUR_BDA
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Words4 { uvec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Words2 { uvec2 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words1 { uint v[]; };

uint load_uint(int slot, int i) { return Words1(push.buffers[slot]).v[i]; }
uvec2 load_uint2(int slot, int i) { return Words2(push.buffers[slot]).v[i >> 1]; }
uvec4 load_uint4(int slot, int i) { return Words4(push.buffers[slot]).v[i >> 2]; }
void store_uint2(int slot, int i, uvec2 x) { Words2(push.buffers[slot]).v[i >> 1] = x; }
void store_uint4(int slot, int i, uvec4 x) { Words4(push.buffers[slot]).v[i >> 2] = x; }
#else
layout(set = 0, binding = 0) buffer Slot0 { uvec2 v[]; } slot0;
layout(set = 0, binding = 1) buffer Slot1 { uvec2 v[]; } slot1;
layout(set = 0, binding = 2) buffer Slot2 { uvec2 v[]; } slot2;
layout(set = 0, binding = 3) buffer Slot3 { uvec2 v[]; } slot3;
layout(set = 0, binding = 4) buffer Slot4 { uvec2 v[]; } slot4;
layout(set = 0, binding = 5) buffer Slot5 { uvec2 v[]; } slot5;

// The offset is in elements; two halves share a word.
int first_word(int slot) {
  const int elements = int(push.buffers[slot].x);
  return is_half(slot) ? elements >> 1 : elements;
}
uvec2 load_uint2(int slot, int i) {
  const int k = (first_word(slot) + i) >> 1;
  switch (slot) {
    case 0: return slot0.v[k];
    case 1: return slot1.v[k];
    case 2: return slot2.v[k];
    case 3: return slot3.v[k];
    case 4: return slot4.v[k];
    default: return slot5.v[k];
  }
}
void store_uint2(int slot, int i, uvec2 x) {
  const int k = (first_word(slot) + i) >> 1;
  switch (slot) {
    case 0: slot0.v[k] = x; break;
    case 1: slot1.v[k] = x; break;
    case 2: slot2.v[k] = x; break;
    case 3: slot3.v[k] = x; break;
    case 4: slot4.v[k] = x; break;
    default: slot5.v[k] = x; break;
  }
}
uint load_uint(int slot, int i) {
  const uvec2 pair = load_uint2(slot, i & ~1);
  return (i & 1) == 0 ? pair.x : pair.y;
}
uvec4 load_uint4(int slot, int i) { return uvec4(load_uint2(slot, i), load_uint2(slot, i + 2)); }
void store_uint4(int slot, int i, uvec4 x) {
  store_uint2(slot, i, x.xy);
  store_uint2(slot, i + 2, x.zw);
}
#endif

float load_float(int slot, int i) { return uintBitsToFloat(load_uint(slot, i)); }
vec4 load_float4(int slot, int i) { return uintBitsToFloat(load_uint4(slot, i)); }

vec4 unpack_half4(uvec2 x) { return vec4(unpackHalf2x16(x.x), unpackHalf2x16(x.y)); }
uvec2 pack_half4(vec4 x) { return uvec2(packHalf2x16(x.xy), packHalf2x16(x.zw)); }

/// Eight channels, the unit in which values are padded and aligned.
struct Vec8 {
  vec4 lo, hi;
};

float load1(int slot, int i) {
  if (!is_half(slot)) return load_float(slot, i);
  const vec2 pair = unpackHalf2x16(load_uint(slot, i >> 1));
  return (i & 1) == 0 ? pair.x : pair.y;
}
/// load1 for a slot that differs from lane to lane; all inputs of a step have one storage.
float load1_any(int slot, int i) {
#ifdef UNBLUR_BDA
  const uvec2 address = slot == 0   ? push.buffers[0]
                        : slot == 1 ? push.buffers[1]
                        : slot == 2 ? push.buffers[2]
                        : slot == 3 ? push.buffers[3]
                                    : push.buffers[4];
  if (!is_half(0)) return uintBitsToFloat(Words1(address).v[i]);
  const vec2 pair = unpackHalf2x16(Words1(address).v[i >> 1]);
  return (i & 1) == 0 ? pair.x : pair.y;
#else
  return load1(slot, i);
#endif
}
vec2 load2(int slot, int i) {  // i even
  if (!is_half(slot)) return uintBitsToFloat(load_uint2(slot, i));
  return unpackHalf2x16(load_uint(slot, i >> 1));
}
vec4 load4(int slot, int i) {
  if (!is_half(slot)) return load_float4(slot, i);
  return unpack_half4(load_uint2(slot, i >> 1));
}
void store4(int slot, int i, vec4 x) {
  if (is_half(slot)) {
    store_uint2(slot, i >> 1, pack_half4(x));
  } else {
    store_uint4(slot, i, floatBitsToUint(x));
  }
}
Vec8 load8(int slot, int i) {
  if (!is_half(slot)) return Vec8(load_float4(slot, i), load_float4(slot, i + 4));
  const uvec4 x = load_uint4(slot, i >> 1);
  return Vec8(unpack_half4(x.xy), unpack_half4(x.zw));
}
void store8(int slot, int i, Vec8 x) {
  if (is_half(slot)) {
    store_uint4(slot, i >> 1, uvec4(pack_half4(x.lo), pack_half4(x.hi)));
  } else {
    store_uint4(slot, i, floatBitsToUint(x.lo));
    store_uint4(slot, i + 4, floatBitsToUint(x.hi));
  }
}

/// Keeps the channels below `channels` of a block of four that starts at `first`, zeros the padding.
vec4 zero_padding(vec4 x, int first, int channels) {
  return mix(vec4(0), x, lessThan(ivec4(first, first + 1, first + 2, first + 3), ivec4(channels)));
}
#endif
