// SPDX-License-Identifier: MIT
// Operators that only move samples: concat and slice at channels that are no multiple of 8, pixel shuffle
// and unshuffle in both orders, k x k neighbourhoods. Each output channel is one scalar load: a gather on
// lavapipe costs the same per component however it is written, and these kernels touch few channels.
// Slots: inputs, out. Words from kWordOwn: first channel of operands 1 to 4 in the concatenation; for a
// single operand minus the first channel that is taken.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kMove = kMoveConcat;
layout(constant_id = kSpecOwn + 1) const int kOperands = 1;
layout(constant_id = kSpecOwn + 2) const int kFactor = 1;  // of the shuffle, or the neighbourhood's side
layout(constant_id = kSpecOwn + 3) const int kUnit = 1;    // output channels that belong together

int divide_by_factor(int i) { return divide_small(i, 1.0 / float(kFactor)); }
int divide_by_unit(int i) { return divide_small(i, 1.0 / float(kUnit)); }

/// Sample of the operands' concatenation.
float load_joined(int x, int y, int c) {
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
  return load1_any(slot, (y * view_width(0) + x) * stride + offset + c - first);
}

/// out[c](y,x) = in[channel](y / r, x / r): the channel depends on where in its block the pixel lies. kUnit is
/// the number of samples of a block for the order channel-major, 1 for block-major.
float shuffle(Item item, int c) {
  const int x = divide_by_factor(item.x), y = divide_by_factor(item.y);
  const int phase = (item.y - y * kFactor) * kFactor + item.x - x * kFactor;
  return load_joined(x, y, kUnit == 1 ? phase * word(kWordChannels) + c : c * kUnit + phase);
}

/// out[(c, phase)](y,x) = in[c](y * r + phase / r, x * r + phase % r), kUnit phases of a channel being
/// neighbours in the output, or kUnit channels of a phase.
float unshuffle(Item item, int high, int low) {
  const int channel = kMove == kMoveUnshuffle ? high : low, phase = kMove == kMoveUnshuffle ? low : high;
  const int dy = divide_by_factor(phase);
  return load_joined(item.x * kFactor + phase - dy * kFactor, item.y * kFactor + dy, channel);
}

/// Sample of a k x k neighbourhood, kUnit taps.
float neighbourhood(Item item, int channel, int tap) {
  const int ky = divide_by_factor(tap);
  const int w = view_width(0), h = view_height(0);
  const int x = item.x + tap - ky * kFactor - kFactor / 2, y = item.y + ky - kFactor / 2;
  const float v = load_joined(clamp(x, 0, w - 1), clamp(y, 0, h - 1), channel);
  return x >= 0 && x < w && y >= 0 && y < h ? v : 0.0;
}

/// Output channel c = high * kUnit + low.
float sample_of(Item item, int c, int high, int low) {
  switch (kMove) {
    case kMoveConcat: return load_joined(item.x, item.y, c);
    case kMoveShuffle: return shuffle(item, c);
    case kMoveNeighbourhood: return neighbourhood(item, high, low);
    default: return unshuffle(item, high, low);
  }
}

void main() {
  const Item item = this_item(kOperands);
  const int last = word(kWordChannels) - 1;
  int high = divide_by_unit(item.channel), low = item.channel - high * kUnit;
  float v[8];
  [[unroll]] for (int e = 0; e < 8; ++e) {
    // Padding channels repeat the last one; the store zeroes them.
    v[e] = kNarrow == 1 && e >= 4 ? 0.0 : sample_of(item, min(item.channel + e, last), high, low);
    if (item.channel + e < last) {
      const bool wraps = low == kUnit - 1;
      high += wraps ? 1 : 0;
      low = wraps ? 0 : low + 1;
    }
  }
  store_item(item, Vec8(vec4(v[0], v[1], v[2], v[3]), vec4(v[4], v[5], v[6], v[7])), kOperands);
}
