// SPDX-License-Identifier: MIT
// Paths during an exposure, as runtime/graph/exposure.h defines them: t from -1 to 1, content displaced by
// `start` at -1, by `end` at 1, by nothing at 0.
#ifndef UNBLUR_PATH_GLSL
#define UNBLUR_PATH_GLSL

const int kPathQuadratic = 0;
const int kPathBent = 1;  // in straight lines ("bilin", "lin", flow)
const int kPathSteps = 8;

float path_time(int k) { return 2.0 * float(k) / float(kPathSteps) - 1.0; }

vec2 on_path(int mode, vec2 start, vec2 end, float t) {
  if (mode == kPathQuadratic) return 0.5 * t * ((t - 1.0) * start + (t + 1.0) * end);
  return max(-t, 0.0) * start + max(t, 0.0) * end;
}
#endif
