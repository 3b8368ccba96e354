// SPDX-License-Identifier: MIT
// Elementwise operators: out = epilogue(f(a, b)) with broadcasting, and the aligned copies of concat and
// slice (f = a). An operand with 1x1 pixels has pixel steps of 0; one with 1 channel is spread.
// Slots: a, [b], [residual], out, [scale and shift of a channel affine: 2 x blocks x 8 floats].
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kBinary = kBinaryNone;
layout(constant_id = kSpecOwn + 1) const int kSpreadA = 0;  // 1: one channel for all
layout(constant_id = kSpecOwn + 2) const int kSpreadB = 0;
layout(constant_id = kSpecOwn + 3) const int kAffine = 0;  // 1: constants in words, 2: per channel

const int kB = 1;

Vec8 operand(int slot, int spread, Item item) {
  // A 1x1 operand lies at pixel 0 whatever the output pixel.
  const int x = view_width(slot) == 1 ? 0 : item.x;
  const int y = view_height(slot) == 1 ? 0 : item.y;
  if (spread == 1) {
    const vec4 s = vec4(load1(slot, element(slot, x, y, 0)));
    return Vec8(s, s);
  }
  return load8(slot, element(slot, x, y, item.channel));
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
  const int operands = kBinary == kBinaryNone ? 1 : 2;
  const int out_slot = operands + kResidual;
  const Item item = this_item(out_slot);
  if (!item.inside) return;
  Vec8 x = operand(0, kSpreadA, item);
  if (operands == 2) {
    const Vec8 b = operand(kB, kSpreadB, item);
    x = Vec8(binary(x.lo, b.lo), binary(x.hi, b.hi));
  }
  if (kAffine == 1) {
    const float scale = word_float(kWordOwn), shift = word_float(kWordOwn + 1);
    x = Vec8(x.lo * scale + shift, x.hi * scale + shift);
  } else if (kAffine == 2) {
    const int weights = out_slot + 1, shift = 8 * word(kWordBlocks) + item.channel;
    x.lo = x.lo * load_float4(weights, item.channel) + load_float4(weights, shift);
    x.hi = x.hi * load_float4(weights, item.channel + 4) + load_float4(weights, shift + 4);
  }
  finish(item, x, operands, out_slot);
}
