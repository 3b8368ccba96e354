// SPDX-License-Identifier: MIT
// A stored frame to the model's tensor: RGB in the model's range, the frame's edge repeated to the right and
// below up to the model's size multiple. One invocation per pixel of the tensor. Slots: raw frame, tensor.
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

void main() {
  const int x = int(gl_GlobalInvocationID.x), y = word(11) + int(gl_WorkGroupID.y);
  const int width = word(8);
  if (x >= width) return;
  const vec3 rgb = clamp(times_matrix(components(min(ivec2(x, y), frame_size() - 1))), vec3(0), vec3(1));
  const vec3 value = kRangeLow + rgb * (kRangeHigh - kRangeLow);
  store8(kTensor, (y * width + x) * word(9) + word(10), Vec8(vec4(value, 0), vec4(0)));
}
