// SPDX-License-Identifier: MIT
// What the taps of a deformable convolution meet (UNBLUR_DEFORM, op::DeformConv2d): positions in fp32, bilinear
// samples that are 0 outside. conv_reg, conv_tile and conv_direct read these in place of pixels.
#ifndef UNBLUR_DEFORM_GLSL
#define UNBLUR_DEFORM_GLSL
#include "convolution.glsl"
#include "taps.glsl"

const int kOffset = 1;
const int kMask = 2;
const int kPerDeformGroup = kGroups * kInPerGroup / kDeformGroups;

/// Four pixels, as the index of their first channel, and their weights, the mask in them.
struct Place {
  ivec4 at;
  vec4 weight;
};

/// Where tap (ty, tx) of output pixel (x, y) reads deformable group `group`.
Place place_of(int x, int y, int ty, int tx, int group) {
  const int tap = (group * kTapsY + ty) * kTapsX + tx;
  const vec2 offset = load2(kOffset, element(kOffset, x, y, 2 * tap));
  const int width = view_width(kInput), height = view_height(kInput), stride = view_stride(kInput);
  const Taps v = taps_zero(float(y * kStrideY + ty * kDilationY - kBeforeY) + offset.x, height);
  const Taps u = taps_zero(float(x * kStrideX + tx * kDilationX - kBeforeX) + offset.y, width);
  const ivec2 row = ivec2(v.a, v.b) * width;
  Place place;
  place.at = (ivec4(row.xx, row.yy) + ivec4(u.a, u.b, u.a, u.b)) * stride + view_offset(kInput);
  place.weight = vec4(v.wa, v.wa, v.wb, v.wb) * vec4(u.wa, u.wb, u.wa, u.wb);
  if (kMasked == 1) place.weight *= load1(kMask, element(kMask, x, y, tap));
  return place;
}

/// Channels c..c+3, c a multiple of 4 within one deformable group.
vec4 samples(Place place, int c) {
  return place.weight.x * load_block(kInput, place.at.x + c) + place.weight.y * load_block(kInput, place.at.y + c) +
         place.weight.z * load_block(kInput, place.at.z + c) + place.weight.w * load_block(kInput, place.at.w + c);
}
float one_sample(Place place, int c) {
  return dot(place.weight, vec4(load1(kInput, place.at.x + c), load1(kInput, place.at.y + c),
                                load1(kInput, place.at.z + c), load1(kInput, place.at.w + c)));
}
#endif
