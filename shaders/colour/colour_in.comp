// SPDX-License-Identifier: MIT
// A stored frame to the model's tensor: RGB in the model's range, the frame's edge repeated to the right and
// below up to the model's size multiple. One invocation per pixel of the tensor. Slots: raw frame, tensor.
// With UNBLUR_PICTURE the second slot is a picture for the screen instead: a word per pixel, ten bits per
// channel, red lowest (exact for RGB of 8 bits).
#version 460
#extension GL_GOOGLE_include_directive : require
#include "../colour/colour.glsl"

const int kRaw = 0;
const int kTensor = 1;
// words 8..: tensor width, pixel stride, channel offset, first row

vec2 chroma(ivec2 at) {
  const Taps tx = taps_up(kSiteX, at.x), ty = taps_up(kSiteY, at.y);
  const ivec2 last = plane_size(1) - 1;
  vec2 sum = vec2(0);
  for (int j = 0; j < ty.count; ++j) {
    const int y = clamp(ty.first + j, 0, last.y);
    vec2 row = vec2(0);
    for (int i = 0; i < tx.count; ++i) {
      const int x = clamp(tx.first + i, 0, last.x);
      const vec2 code = vec2(sample_code(kRaw, 1, x, y), sample_code(kRaw, 2, x, y));
      row += tx.weight[i] * (code * vec2(kScale1, kScale2) + vec2(kShift1, kShift2));
    }
    sum += ty.weight[j] * row;
  }
  return sum;
}

vec3 components(ivec2 at) {
  if (kLayout == kRgb) {
    const vec3 code = vec3(sample_code(kRaw, 0, 3 * at.x, at.y), sample_code(kRaw, 0, 3 * at.x + 1, at.y),
                           sample_code(kRaw, 0, 3 * at.x + 2, at.y));
    return code * vec3(kScale0, kScale1, kScale2) + vec3(kShift0, kShift1, kShift2);
  }
  const float y = float(sample_code(kRaw, 0, at.x, at.y)) * kScale0 + kShift0;
  return vec3(y, kLayout == kGrey ? vec2(0) : chroma(at));
}

#ifdef UNBLUR_PICTURE
void store_pixel(int i, vec3 rgb) {
  const uvec3 code = uvec3(rgb * 1023.0 + 0.5);
  const uint packed = code.x | code.y << 10 | code.z << 20;
#ifdef UNBLUR_BDA
  Words1(push.buffers[kTensor]).v[i] = packed;
#else
  slot1.v[(first_word(kTensor) + i) >> 1][i & 1] = packed;
#endif
}
#endif

void main() {
  const int x = int(gl_GlobalInvocationID.x), y = word(11) + int(gl_WorkGroupID.y);
  const int width = word(8);
  if (x >= width) return;
  const vec3 rgb = clamp(times_matrix(components(min(ivec2(x, y), frame_size() - 1))), vec3(0), vec3(1));
#ifdef UNBLUR_PICTURE
  store_pixel(y * width + x, rgb);
#else
  const vec3 value = kRangeLow + rgb * (kRangeHigh - kRangeLow);
  store8(kTensor, (y * width + x) * word(9) + word(10), Vec8(vec4(value, 0), vec4(0)));
#endif
}
