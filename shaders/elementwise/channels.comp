// SPDX-License-Identifier: MIT
// Normalisation, softmax and reductions over the channels of a pixel: one invocation per pixel walks its
// channels block by block, sums in fp32. Slots: in, out. Word kWordOwn: 1 / channels, then eps.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "view.glsl"

layout(constant_id = kSpecOwn) const int kKind = kChannelsSum;

const float kLowest = -3.402823466e38;

// Padding channels are zeros, but a channel that counts may not be confused with them.
Vec8 block_or(int pixel, int first, int channels, float padding) {
  Vec8 v = load8(0, pixel + first);
  if (first + 8 > channels) {
    const ivec4 c = ivec4(first, first + 1, first + 2, first + 3);
    v.lo = mix(vec4(padding), v.lo, lessThan(c, ivec4(channels)));
    v.hi = mix(vec4(padding), v.hi, lessThan(c + 4, ivec4(channels)));
  }
  return v;
}

float total(vec4 v) { return (v.x + v.y) + (v.z + v.w); }

float sum_of(int pixel, int channels) {
  vec4 s = vec4(0);
  for (int first = 0; first < channels; first += 8) {
    const Vec8 v = load8(0, pixel + first);
    s += v.lo + v.hi;
  }
  return total(s);
}

float squares_around(int pixel, int channels, float centre) {
  vec4 s = vec4(0);
  for (int first = 0; first < channels; first += 8) {
    const Vec8 v = block_or(pixel, first, channels, centre);
    const vec4 a = v.lo - centre, b = v.hi - centre;
    s += a * a + b * b;
  }
  return total(s);
}

float maximum_of(int pixel, int channels) {
  vec4 m = vec4(kLowest);
  for (int first = 0; first < channels; first += 8) {
    const Vec8 v = block_or(pixel, first, channels, kLowest);
    m = max(m, max(v.lo, v.hi));
  }
  return max(max(m.x, m.y), max(m.z, m.w));
}

float exponentials_of(int pixel, int channels, float highest) {
  vec4 s = vec4(0);
  for (int first = 0; first < channels; first += 8) {
    const Vec8 v = block_or(pixel, first, channels, kLowest);
    s += exp(v.lo - highest) + exp(v.hi - highest);
  }
  return total(s);
}

// out = (x - shift) * scale, or exp(x - shift) * scale.
void store_scaled(Item item, int pixel, int channels, float shift, float scale) {
  for (int first = 0; first < channels; first += 8) {
    Vec8 v = load8(0, pixel + first);
    v = Vec8(v.lo - shift, v.hi - shift);
    if (kKind == kChannelsSoftmax) v = Vec8(exp(v.lo), exp(v.hi));
    item.channel = first;
    store_item(item, Vec8(v.lo * scale, v.hi * scale), 1);
  }
}

void main() {
  const Item item = this_item(1);  // the word of blocks is 1 here: an item is a pixel
  const int channels = word(kWordOwn + 2);
  const float inverse = word_float(kWordOwn), eps = word_float(kWordOwn + 1);
  const int pixel = element(0, item.x, item.y, 0);
  if (kKind == kChannelsCentred) {
    const float mean = sum_of(pixel, channels) * inverse;
    const float variance = squares_around(pixel, channels, mean) * inverse;
    store_scaled(item, pixel, channels, mean, 1.0 / sqrt(variance + eps));
  } else if (kKind == kChannelsRms) {
    const float square = squares_around(pixel, channels, 0.0) * inverse;
    store_scaled(item, pixel, channels, 0.0, 1.0 / sqrt(square + eps));
  } else if (kKind == kChannelsSoftmax) {
    const float highest = maximum_of(pixel, channels);
    const float s = exponentials_of(pixel, channels, highest);
    store_scaled(item, pixel, channels, highest, 1.0 / s);
  } else {
    float v = kKind == kChannelsMax ? maximum_of(pixel, channels) : sum_of(pixel, channels);
    if (kKind == kChannelsMean) v *= inverse;
    store_item(item, Vec8(vec4(v, 0, 0, 0), vec4(0)), 1);
  }
}
