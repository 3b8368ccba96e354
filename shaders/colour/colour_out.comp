// SPDX-License-Identifier: MIT
// The correction (restored - original) added to the stored frame in its own code values, as
// apply_correction in runtime/graph/colour.cpp does it, and the guard's statistics on the way. One invocation
// per 32-bit word of a plane's row. Slots: raw frame, original tensor, restored tensor, raw result,
// statistics.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "../colour/colour.glsl"

layout(constant_id = kSpecOwn + 21) const int kPlane = 0;
layout(constant_id = kSpecOwn + 22) const int kLow0 = 0;  // legal codes
layout(constant_id = kSpecOwn + 23) const int kHigh0 = 255;
layout(constant_id = kSpecOwn + 24) const int kLow1 = 0;
layout(constant_id = kSpecOwn + 25) const int kHigh1 = 255;

const int kRaw = 0;
const int kOriginal = 1;
const int kRestored = 2;
const int kResult = 3;
const int kStatistics = 4;
// words 8..: tensor width, original's pixel stride and offset, restored's pixel stride and offset, strength
const int kWidth = 8;
const int kStrength = 13;

// Statistics, as bits of non-negative floats, which order like the floats: range of the output, range of the
// input, count of samples that are not finite.
const int kOutMin = 0;
const int kOutMax = 1;
const int kInMin = 2;
const int kInMax = 3;
const int kNotFinite = 4;

#ifdef UNBLUR_BDA
void statistic_min(int i, uint x) {
  if (x < load_uint(kStatistics, i)) atomicMin(Words1(push.buffers[kStatistics]).v[i], x);
}
void statistic_max(int i, uint x) {
  if (x > load_uint(kStatistics, i)) atomicMax(Words1(push.buffers[kStatistics]).v[i], x);
}
void store_word(int i, uint x) { Words1(push.buffers[kResult]).v[i] = x; }
#else
void statistic_min(int i, uint x) {
  if (x < load_uint(kStatistics, i)) atomicMin(slot4.v[(first_word(kStatistics) + i) >> 1][i & 1], x);
}
void statistic_max(int i, uint x) {
  if (x > load_uint(kStatistics, i)) atomicMax(slot4.v[(first_word(kStatistics) + i) >> 1][i & 1], x);
}
void store_word(int i, uint x) { slot3.v[(first_word(kResult) + i) >> 1][i & 1] = x; }
#endif

float lowest_out = 1.0, highest_out = 0.0, lowest_in = 1.0, highest_in = 0.0;
bool not_finite = false;

vec3 to_rgb(vec3 value) { return clamp((value - kRangeLow) / (kRangeHigh - kRangeLow), vec3(0), vec3(1)); }

/// The change of a pixel in RGB. Equal tensors give exactly zero.
vec3 change_at(ivec2 at) {
  const int pixel = at.y * word(kWidth) + at.x;
  const vec3 before = load4(kOriginal, pixel * word(kWidth + 1) + word(kWidth + 2)).xyz;
  const vec3 after = load4(kRestored, pixel * word(kWidth + 3) + word(kWidth + 4)).xyz;
  // By bits: a compiler may assume that isnan() is never true.
  const uvec3 exponent = floatBitsToUint(after) & uvec3(0x7f800000u);
  not_finite = not_finite || any(equal(exponent, uvec3(0x7f800000u)));
  const vec3 from = to_rgb(before), to = to_rgb(after);
  lowest_in = min(lowest_in, min(from.x, min(from.y, from.z)));
  highest_in = max(highest_in, max(from.x, max(from.y, from.z)));
  lowest_out = min(lowest_out, min(to.x, min(to.y, to.z)));
  highest_out = max(highest_out, max(to.x, max(to.y, to.z)));
  return word_float(kStrength) * (to - from);
}

/// The correction of sample `i` of a row, in code values. The matrix constants hold from_rgb.
float correction(int i, int y) {
  if (kLayout == kRgb) {
    const vec3 change = change_at(ivec2(i / 3, y));
    const int c = i - i / 3 * 3;
    return c == 0 ? change.x / kScale0 : c == 1 ? change.y / kScale1 : change.z / kScale2;
  }
  if (kPlane == 0) return times_matrix(change_at(ivec2(i, y))).x / kScale0;
  const Taps tx = taps_down(kSiteX, i), ty = taps_down(kSiteY, y);
  const ivec2 last = frame_size() - 1;
  float sum = 0.0;
  for (int j = 0; j < ty.count; ++j) {
    const int row_y = clamp(ty.first + j, 0, last.y);
    float row = 0.0;
    for (int k = 0; k < tx.count; ++k) {
      const vec3 yuv = times_matrix(change_at(ivec2(clamp(tx.first + k, 0, last.x), row_y)));
      row += tx.weight[k] * (kPlane == 1 ? yuv.y / kScale1 : yuv.z / kScale2);
    }
    sum += ty.weight[j] * row;
  }
  return sum;
}

void main() {
  const int index = int(gl_GlobalInvocationID.x), y = int(gl_WorkGroupID.y);
  if (index >= plane_pitch(kPlane)) return;
  const int samples_in_row = plane_size(kPlane).x * (kLayout == kRgb ? 3 : 1);
  const int per_word = 4 / kBytes;
  const int low = kPlane == 0 ? kLow0 : kLow1, high = kPlane == 0 ? kHigh0 : kHigh1;
  uint packed = 0u;
  for (int k = 0; k < per_word; ++k) {
    const int i = index * per_word + k;
    if (i >= samples_in_row) break;
    const int code = sample_code(kRaw, kPlane, i, y);
    const int moved = code + int(floor(correction(i, y) + 0.5));
    const int legal = clamp(moved, min(low, code), max(high, code));
    packed = bitfieldInsert(packed, uint(legal), 8 * kBytes * k, 8 * kBytes);
  }
  store_word(plane_start(kPlane) + y * plane_pitch(kPlane) + index, packed);
  if (kPlane == 0) {
    statistic_min(kOutMin, floatBitsToUint(lowest_out));
    statistic_max(kOutMax, floatBitsToUint(highest_out));
    statistic_min(kInMin, floatBitsToUint(lowest_in));
    statistic_max(kInMax, floatBitsToUint(highest_in));
    if (not_finite) statistic_max(kNotFinite, 1u);
  }
}
