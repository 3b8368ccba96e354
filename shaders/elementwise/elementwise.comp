// SPDX-License-Identifier: MIT
// Elementwise operators: out = epilogue(affine(f(a, b))) with broadcasting, and aligned copies (f = a).
// An operand with 1x1 pixels is read at pixel 0; one with 1 channel is spread.
// Slots: a, [b], out, [scale and shift of a channel affine: 2 x blocks x 8 floats].
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"
#include "epilogue.glsl"

layout(constant_id = kSpecOwn) const int kBinary = kBinaryNone;
layout(constant_id = kSpecOwn + 1) const int kSpreadA = 0;  // 1: one channel for all
layout(constant_id = kSpecOwn + 2) const int kSpreadB = 0;
layout(constant_id = kSpecOwn + 3) const int kAffine = kAffineNone;

Vec8 operand(int slot, int spread, Item item) {
  const int x = view_width(slot) == 1 ? 0 : item.x;
  const int y = view_height(slot) == 1 ? 0 : item.y;
  if (spread == 1) {
    const vec4 s = vec4(load1(slot, element(slot, x, y, 0)));
    return Vec8(s, s);
  }
  return load_block(slot, element(slot, x, y, item.channel));
}

vec4 binary(vec4 a, vec4 b) {
  switch (kBinary) {
    case kBinaryAdd: return a + b;
    case kBinarySub: return a - b;
    case kBinaryMul: return a * b;
    case kBinaryDiv: return a / b;
    case kBinaryMax: return max(a, b);
    case kBinaryMin: return min(a, b);
    default: return a;
  }
}

void main() {
  const int out_slot = kBinary == kBinaryNone ? 1 : 2;
  const Item item = this_item(out_slot);
  Vec8 x = operand(0, kSpreadA, item);
  if (kBinary != kBinaryNone) {
    const Vec8 b = operand(1, kSpreadB, item);
    x = Vec8(binary(x.lo, b.lo), binary(x.hi, b.hi));
  }
  if (kAffine == kAffineConstant) {
    const float scale = word_float(kWordOwn), shift = word_float(kWordOwn + 1);
    x = Vec8(x.lo * scale + shift, x.hi * scale + shift);
  } else if (kAffine == kAffineChannel) {
    const int weights = out_slot + 1, shift = 8 * word(kWordBlocks) + item.channel;
    x.lo = x.lo * load_float4(weights, item.channel) + load_float4(weights, shift);
    x.hi = x.hi * load_float4(weights, item.channel + 4) + load_float4(weights, shift + 4);
  }
  x = Vec8(epilogue(x.lo, vec4(0)), epilogue(x.hi, vec4(0)));
  store_item(item, x, out_slot);
}
