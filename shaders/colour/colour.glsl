// SPDX-License-Identifier: MIT
// Reading stored frames: samples out of words, code values to RGB as runtime/graph/colour.cpp does it (same
// order of sums). Constants fixed by the frame format are specialization constants, sizes are words.
// Raw frames hold their planes one after the other, rows padded to whole words.
#ifndef UNBLUR_COLOUR_GLSL
#define UNBLUR_COLOUR_GLSL
#include "interface.glsl"

layout(constant_id = kSpecOwn) const int kLayout = 0;  // PixelLayout
layout(constant_id = kSpecOwn + 1) const int kBytes = 1;  // per sample
layout(constant_id = kSpecOwn + 2) const int kSiteX = 0;  // ChromaSite
layout(constant_id = kSpecOwn + 3) const int kSiteY = 0;
layout(constant_id = kSpecOwn + 4) const float kScale0 = 1.0;  // normalised = code * scale + shift
layout(constant_id = kSpecOwn + 5) const float kScale1 = 1.0;
layout(constant_id = kSpecOwn + 6) const float kScale2 = 1.0;
layout(constant_id = kSpecOwn + 7) const float kShift0 = 0.0;
layout(constant_id = kSpecOwn + 8) const float kShift1 = 0.0;
layout(constant_id = kSpecOwn + 9) const float kShift2 = 0.0;
layout(constant_id = kSpecOwn + 10) const float kM0 = 1.0;  // the 3x3 matrix in use, row-major
layout(constant_id = kSpecOwn + 11) const float kM1 = 0.0;
layout(constant_id = kSpecOwn + 12) const float kM2 = 0.0;
layout(constant_id = kSpecOwn + 13) const float kM3 = 0.0;
layout(constant_id = kSpecOwn + 14) const float kM4 = 1.0;
layout(constant_id = kSpecOwn + 15) const float kM5 = 0.0;
layout(constant_id = kSpecOwn + 16) const float kM6 = 0.0;
layout(constant_id = kSpecOwn + 17) const float kM7 = 0.0;
layout(constant_id = kSpecOwn + 18) const float kM8 = 1.0;
layout(constant_id = kSpecOwn + 19) const float kRangeLow = 0.0;  // model value = low + rgb * (high - low)
layout(constant_id = kSpecOwn + 20) const float kRangeHigh = 1.0;

const int kRgb = 0;
const int kGrey = 1;
const int kYuv420 = 2;
const int kYuv422 = 3;
const int kYuv444 = 4;
const int kSiteFull = 0;
const int kSiteCosited = 1;
const int kSiteBetween = 2;

ivec2 frame_size() { return ivec2(word(0), word(1)); }
int plane_start(int plane) { return word(2 + plane); }  // in words
int plane_pitch(int plane) { return word(5 + plane); }

ivec2 plane_size(int plane) {
  const ivec2 size = frame_size();
  if (plane == 0) return size;
  return ivec2(kLayout == kYuv420 || kLayout == kYuv422 ? (size.x + 1) >> 1 : size.x,
               kLayout == kYuv420 ? (size.y + 1) >> 1 : size.y);
}

/// Sample `i` of a row, interleaved ones counted one by one.
int sample_code(int slot, int plane, int i, int y) {
  const int row = plane_start(plane) + y * plane_pitch(plane);
  if (kBytes == 1) return int(bitfieldExtract(load_uint(slot, row + (i >> 2)), 8 * (i & 3), 8));
  return int(bitfieldExtract(load_uint(slot, row + (i >> 1)), 16 * (i & 1), 16));
}

/// Weights of up to three neighbours from `first` on; the edges of the plane repeat.
struct Taps {
  int first, count;
  vec3 weight;
};

/// Interpolation between chroma sites for luma sample i.
Taps taps_up(int site, int i) {
  if (site == kSiteFull) return Taps(i, 1, vec3(1, 0, 0));
  const bool even = (i & 1) == 0;
  if (site == kSiteCosited) return even ? Taps(i >> 1, 1, vec3(1, 0, 0)) : Taps(i >> 1, 2, vec3(0.5, 0.5, 0));
  return even ? Taps((i >> 1) - 1, 2, vec3(0.25, 0.75, 0)) : Taps(i >> 1, 2, vec3(0.75, 0.25, 0));
}

/// Mean of the luma samples around chroma sample i.
Taps taps_down(int site, int i) {
  if (site == kSiteFull) return Taps(i, 1, vec3(1, 0, 0));
  if (site == kSiteCosited) return Taps(2 * i - 1, 3, vec3(0.25, 0.5, 0.25));
  return Taps(2 * i, 2, vec3(0.5, 0.5, 0));
}

vec3 times_matrix(vec3 v) {
  return vec3(kM0 * v.x + kM1 * v.y + kM2 * v.z, kM3 * v.x + kM4 * v.y + kM5 * v.z,
              kM6 * v.x + kM7 * v.y + kM8 * v.z);
}
#endif
