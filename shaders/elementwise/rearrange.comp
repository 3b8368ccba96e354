// SPDX-License-Identifier: MIT
// Operators that only move samples: concat and slice at channels that are no multiple of 8, pixel shuffle
// and unshuffle in both orders, k x k neighbourhoods. Each output channel is one scalar load: a gather on
// lavapipe costs the same per component however it is written, and these kernels touch few channels.
// Slots: inputs, out. Words from kWordOwn. Concat: first output channel of operands 1 to 4; slice, a concat
// of one: minus the first channel it takes. Else: factor or k, its inverse as float, channels that form a
// unit of the output, the inverse of that number.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kMove = kMoveConcat;
layout(constant_id = kSpecOwn + 1) const int kOperands = 1;
layout(constant_id = kSpecOwn + 2) const int kOrder = 0;  // ShuffleOrder

float concat(Item item, int c) {
  int slot = 0, first = kOperands == 1 ? word(kWordOwn) : 0;
  int stride = view_stride(0), offset = view_offset(0);
  [[unroll]] for (int k = 1; k < kOperands; ++k) {
    const int start = word(kWordOwn + k - 1);
    if (c >= start) {
      slot = k;
      first = start;
      stride = view_stride(k);
      offset = view_offset(k);
    }
  }
  return load1_any(slot, (item.y * view_width(0) + item.x) * stride + offset + c - first);
}

/// out[c](y,x) = in[channel](y / r, x / r): the channel depends on where in its block the pixel lies.
float shuffle(Item item, int c) {
  const int r = word(kWordOwn);
  const float inverse = word_float(kWordOwn + 1);
  const int x = divide_small(item.x, inverse), y = divide_small(item.y, inverse);
  const int phase = (item.y - y * r) * r + item.x - x * r;
  const int channel = kOrder == 0 ? c * r * r + phase : phase * word(kWordChannels) + c;
  return load1(0, element(0, x, y, channel));
}

/// out[(c, phase)](y,x) = in[c](y * r + phase / r, x * r + phase % r).
float unshuffle(Item item, int c) {
  const int r = word(kWordOwn), unit = word(kWordOwn + 2);
  const int high = divide_small(c, word_float(kWordOwn + 3));
  const int low = c - high * unit;
  const int channel = kOrder == 0 ? high : low, phase = kOrder == 0 ? low : high;
  const int dy = divide_small(phase, word_float(kWordOwn + 1));
  return load1(0, element(0, item.x * r + phase - dy * r, item.y * r + dy, channel));
}

float neighbourhood(Item item, int c) {
  const int k = word(kWordOwn), unit = word(kWordOwn + 2);
  const int channel = divide_small(c, word_float(kWordOwn + 3));
  const int tap = c - channel * unit;
  const int ky = divide_small(tap, word_float(kWordOwn + 1));
  const int w = view_width(0), h = view_height(0);
  const int x = item.x + tap - ky * k - k / 2, y = item.y + ky - k / 2;
  const bool inside = x >= 0 && x < w && y >= 0 && y < h;
  const float v = load1(0, element(0, clamp(x, 0, w - 1), clamp(y, 0, h - 1), channel));
  return inside ? v : 0.0;
}

float sample_of(Item item, int c) {
  switch (kMove) {
    case kMoveConcat: return concat(item, c);
    case kMoveShuffle: return shuffle(item, c);
    case kMoveUnshuffle: return unshuffle(item, c);
    default: return neighbourhood(item, c);
  }
}

void main() {
  const Item item = this_item(kOperands);
  const int last = word(kWordChannels) - 1;
  float v[8];
  [[unroll]] for (int e = 0; e < 8; ++e) {  // padding channels repeat the last one; the store zeroes them
    v[e] = sample_of(item, min(item.channel + e, last));
  }
  store_item(item, Vec8(vec4(v[0], v[1], v[2], v[3]), vec4(v[4], v[5], v[6], v[7])), kOperands);
}
