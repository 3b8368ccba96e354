// SPDX-License-Identifier: MIT
// What all convolution kernels share: the layer as specialization constants, borders, the store with its
// epilogue. Conv2d and ConvTranspose2d are one thing here (runtime/vulkan/kernels/conv_shape.h): output
// pixel phases * q + phase sums taps t of input pixel q * stride + t * dilation - before(phase).
//
// Slots: input (deformable: offset, mask if any), residual if any, output, weights (biases as fp32 first, then what the kernel reads).
// "Internal" channels are output channels in the order of the packed weights: with a pixel shuffle
// position * kShuffled + channel, so that neighbouring channels are stored side by side.
#ifndef UNBLUR_CONVOLUTION_GLSL
#define UNBLUR_CONVOLUTION_GLSL
#ifdef UNBLUR_WIDE
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif
#include "epilogue.glsl"
#include "operands.glsl"

layout(constant_id = kSpecOwn) const int kGroups = 1;
layout(constant_id = kSpecOwn + 1) const int kInPerGroup = 8;
layout(constant_id = kSpecOwn + 2) const int kOutPerGroup = 8;  // internal channels
layout(constant_id = kSpecOwn + 3) const int kTapsY = 3;
layout(constant_id = kSpecOwn + 4) const int kTapsX = 3;
layout(constant_id = kSpecOwn + 5) const int kStrideY = 1;
layout(constant_id = kSpecOwn + 6) const int kStrideX = 1;
layout(constant_id = kSpecOwn + 7) const int kDilationY = 1;
layout(constant_id = kSpecOwn + 8) const int kDilationX = 1;
layout(constant_id = kSpecOwn + 9) const int kPhasesY = 1;
layout(constant_id = kSpecOwn + 10) const int kPhasesX = 1;
layout(constant_id = kSpecOwn + 11) const int kBeforeY = 1;
layout(constant_id = kSpecOwn + 12) const int kBeforeX = 1;
layout(constant_id = kSpecOwn + 13) const int kPhaseShiftY = 0;
layout(constant_id = kSpecOwn + 14) const int kPhaseShiftX = 0;
layout(constant_id = kSpecOwn + 15) const int kBorder = kBorderZero;
layout(constant_id = kSpecOwn + 16) const int kShuffled = 8;  // channels per shuffle position, padded to 4
layout(constant_id = kSpecOwn + 17) const int kWeightStorage = kStorageF32;
layout(constant_id = kSpecOwn + 18) const int kBlock = 8;   // output channels per invocation
layout(constant_id = kSpecOwn + 19) const int kPixels = 8;  // neighbouring output pixels per invocation
layout(constant_id = kSpecOwn + 20) const int kStep = 4;    // input channels per turn of the loop
layout(constant_id = kSpecOwn + 21) const int kStored = 8;  // channels of the stored output

#ifdef UNBLUR_DEFORM
layout(constant_id = kDeformSpec) const int kDeformGroups = 1;
layout(constant_id = kDeformSpec + 1) const int kMasked = 0;  // 0 or 1
const int kOperands = 2 + kMasked;
#else
const int kOperands = 1;
#endif
const int kInput = 0;
const int kResidualSlot = kOperands;
const int kOutput = kOperands + kResidual;
const int kWeights = kOperands + 1 + kResidual;

// Rows of a dispatch: conv pixels q of all phases between these; the store drops rows outside
// [kWordRow, kWordRowEnd) of the stored output.
int first_row() { return word(kWordRow) / (kPhasesY * kShuffle); }
int end_row() { return (word(kWordRowEnd) + kPhasesY * kShuffle - 1) / (kPhasesY * kShuffle); }
/// Words of the biases that stand before the weights: whole blocks, whatever the block.
int bias_words() { return (kGroups * kOutPerGroup + 127) / 64 * 64; }
int row_pixels() { return (view_width(kOutput) + kPhasesX * kShuffle - 1) / (kPhasesX * kShuffle); }

int before_y(int phase) { return kBeforeY - (phase + kPhaseShiftY) / kPhasesY; }
int before_x(int phase) { return kBeforeX - (phase + kPhaseShiftX) / kPhasesX; }

/// The row or column that is read for position `i` of `n`. With a zero border the caller also drops the
/// value where `inside` says so.
int border_position(int i, int n) {
  if (kBorder == kBorderReflect) i = min(abs(i), 2 * n - 2 - abs(i));
  return clamp(i, 0, n - 1);
}
bool inside(int i, int n) { return kBorder != kBorderZero || (i >= 0 && i < n); }

// ---- 8 bytes per lane: on lavapipe a load costs the same whatever its width (up to 64 bits) ----
#ifdef UNBLUR_WIDE
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Words64 { uint64_t v[]; };
uvec2 load_words(int slot, int i) { return unpack32(Words64(push.buffers[slot]).v[i >> 1]); }
void store_words(int slot, int i, uvec2 x) { Words64(push.buffers[slot]).v[i >> 1] = pack64(x); }
#else
uvec2 load_words(int slot, int i) { return load_uint2(slot, i); }
void store_words(int slot, int i, uvec2 x) { store_uint2(slot, i, x); }
#endif

vec4 load_block(int slot, int i) {
  if (is_half(slot)) return unpack_half4(load_words(slot, i >> 1));
  return uintBitsToFloat(uvec4(load_words(slot, i), load_words(slot, i + 2)));
}
void store_block(int slot, int i, vec4 x) {
  if (is_half(slot)) {
    store_words(slot, i >> 1, pack_half4(x));
  } else {
    store_words(slot, i, floatBitsToUint(x.xy));
    store_words(slot, i + 2, floatBitsToUint(x.zw));
  }
}

/// Weights by their index behind the biases; load_weights4 wants a multiple of 4.
float load_weight(int i) {
  if (kWeightStorage == kStorageF32) return load_float(kWeights, bias_words() + i);
  const vec2 pair = unpackHalf2x16(load_uint(kWeights, bias_words() + (i >> 1)));
  return (i & 1) == 0 ? pair.x : pair.y;
}
vec4 load_weights4(int i) {
  if (kWeightStorage == kStorageF32) return load_float4(kWeights, bias_words() + i);
  return unpack_half4(load_uint2(kWeights, bias_words() + (i >> 1)));
}

/// Whether pixel (x, y) before the shuffle is one that `finish` may store.
bool is_stored(int x, int y) {
  if (kShuffle > 1) return true;  // finish looks at each pixel of the shuffle
  return x < view_width(kOutput) && (kPhasesY == 1 || (y >= word(kWordRow) && y < word(kWordRowEnd)));
}

/// Stores internal channels n..n+3 (n a multiple of 4) of output pixel (x, y) before the shuffle, bias
/// included. Behind the last channel of a pixel zeros follow up to a multiple of 8. Every condition that the
/// layer decides folds away: unrolled kernels hold this many times.
void finish(int x, int y, int n, vec4 value) {
  if (n >= kGroups * kOutPerGroup) return;
  int c = n;
  if (kShuffle > 1) {
    const int position = n / kShuffled;
    c = n - position * kShuffled;
    x = x * kShuffle + position % kShuffle;
    y = y * kShuffle + position / kShuffle;
    if (x >= view_width(kOutput) || y < word(kWordRow) || y >= word(kWordRowEnd)) return;
  }
  vec4 residual = vec4(0);
  if (kResidual == 1) residual = load_block(kResidualSlot, element(kResidualSlot, x, y, c));
  const int at = element(kOutput, x, y, c);
  value = epilogue(value, residual);
  if (kStored % 4 != 0) value = zero_padding(value, c, kStored);
  store_block(kOutput, at, value);
  const bool half_block_left = kStored % 8 > 0 && kStored % 8 <= 4;
  if (half_block_left && c + 4 >= kStored) store_block(kOutput, at + 4, vec4(0));
}
#endif
