// SPDX-License-Identifier: MIT
// Normalisation, softmax and reductions over the channels of a pixel: one invocation per pixel, sums in
// fp32. Up to 64 channels are read once and held in registers; above, they are read for every pass.
// Slots: in, out. Words from kWordOwn: 1 / channels, eps, channels.
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kKind = kChannelsSum;
layout(constant_id = kSpecOwn + 1) const int kHeld = 0;  // blocks held in registers; 0: none are

const float kLowest = -3.402823466e38;

int pixel;  // its first element
Vec8 held[kChannelsMaxHeld];

int channels() { return word(kWordOwn + 2); }
int block_count() { return kHeld > 0 ? kHeld : (channels() + 7) >> 3; }

/// Block `b` with `padding` in the channels that do not count.
Vec8 block(int b, float padding) {
  Vec8 v;
  if (kHeld > 0) {
    v = held[b];
  } else {
    v = load8(0, pixel + 8 * b);
  }
  if (b == block_count() - 1) {
    const ivec4 c = 8 * b + ivec4(0, 1, 2, 3);
    v.lo = mix(vec4(padding), v.lo, lessThan(c, ivec4(channels())));
    v.hi = mix(vec4(padding), v.hi, lessThan(c + 4, ivec4(channels())));
  }
  return v;
}

float total(vec4 v) { return (v.x + v.y) + (v.z + v.w); }

float sum_of_channels() {
  vec4 s = vec4(0);
  [[unroll]] for (int b = 0; b < block_count(); ++b) {
    const Vec8 v = block(b, 0.0);
    s += v.lo + v.hi;
  }
  return total(s);
}

float squares_around(float centre) {
  vec4 s = vec4(0);
  [[unroll]] for (int b = 0; b < block_count(); ++b) {
    const Vec8 v = block(b, centre);
    const vec4 lo = v.lo - centre, hi = v.hi - centre;
    s += lo * lo + hi * hi;
  }
  return total(s);
}

float maximum_of_channels() {
  vec4 m = vec4(kLowest);
  [[unroll]] for (int b = 0; b < block_count(); ++b) {
    const Vec8 v = block(b, kLowest);
    m = max(m, max(v.lo, v.hi));
  }
  return max(max(m.x, m.y), max(m.z, m.w));
}

float exponentials_below(float highest) {
  vec4 s = vec4(0);
  [[unroll]] for (int b = 0; b < block_count(); ++b) {
    const Vec8 v = block(b, kLowest);
    s += exp(v.lo - highest) + exp(v.hi - highest);
  }
  return total(s);
}

/// out = (x - shift) * scale, or exp(x - shift) * scale.
void store_scaled(Item item, float shift, float scale) {
  [[unroll]] for (int b = 0; b < block_count(); ++b) {
    Vec8 v = block(b, shift);
    v = Vec8(v.lo - shift, v.hi - shift);
    if (kKind == kChannelsSoftmax) v = Vec8(exp(v.lo), exp(v.hi));
    item.channel = 8 * b;
    store_item(item, Vec8(v.lo * scale, v.hi * scale), 1);
  }
}

void main() {
  const Item item = this_item(1);  // the word of blocks is 1 here: an item is a pixel
  const float inverse = word_float(kWordOwn), eps = word_float(kWordOwn + 1);
  pixel = element(0, item.x, item.y, 0);
  [[unroll]] for (int b = 0; b < kHeld; ++b) held[b] = load_block(0, pixel + 8 * b);
  if (kKind == kChannelsCentred) {
    const float mean = sum_of_channels() * inverse;
    store_scaled(item, mean, 1.0 / sqrt(squares_around(mean) * inverse + eps));
  } else if (kKind == kChannelsRms) {
    store_scaled(item, 0.0, 1.0 / sqrt(squares_around(0.0) * inverse + eps));
  } else if (kKind == kChannelsSoftmax) {
    const float highest = maximum_of_channels();
    store_scaled(item, highest, 1.0 / exponentials_below(highest));
  } else {
    float v = kKind == kChannelsMax ? maximum_of_channels() : sum_of_channels();
    if (kKind == kChannelsMean) v *= inverse;
    store_item(item, Vec8(vec4(v, 0, 0, 0), vec4(0)), 1);
  }
}
