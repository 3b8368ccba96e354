// SPDX-License-Identifier: MIT
// What the shaders of the viewer's picture area know. ViewData is mirrored in viewer/gpu/view_data.h; members
// are scalars, so that std430 has no holes.
#ifndef UNBLUR_PICTURE_AREA_GLSL
#define UNBLUR_PICTURE_AREA_GLSL
#include "path.glsl"

struct ViewSide {
  int kind;                      // 0 nothing yet, 1 the input, 2 a result, 3 a correction at smaller size
  int before_width, before_height;  // of `before` and `after`
  float strength;
  int fault;                     // 1: painted as not usable
  int unused;
};

layout(set = 0, binding = 0, std430) readonly buffer View {
  float left, top, width, height;  // picture area, px of the canvas
  float centre_x, centre_y, zoom;  // px of the upright picture at the area's centre; canvas px per picture px
  int picture_width, picture_height;  // as stored
  int rotation, mirror;               // quarter turns clockwise
  int mode;                           // ViewMode
  float divider, gain;
  int blink;
  int exposure_on;
  float exposure;  // -1 to 1
  int path_mode;
  int map;  // 0 none, 1 Middlebury, 2 HSV
  float full_scale;
  int directed;
  int motion_width, motion_height;
  float background;  // grey
  int grid;          // px between paths
  float line_width;  // canvas px
  float arrow_reach;  // px of the picture for the full scale
  int style;         // 0 paths, 1 arrows
  ViewSide sides[2];
} view;

layout(set = 0, binding = 1, std430) readonly buffer Table { uint v[]; } colours;
layout(set = 0, binding = 2, std430) readonly buffer Picture0 { uint v[]; } base_a;
layout(set = 0, binding = 3, std430) readonly buffer Picture1 { uint v[]; } before_a;
layout(set = 0, binding = 4, std430) readonly buffer Picture2 { uint v[]; } after_a;
layout(set = 0, binding = 5, std430) readonly buffer Picture3 { uint v[]; } base_b;
layout(set = 0, binding = 6, std430) readonly buffer Picture4 { uint v[]; } before_b;
layout(set = 0, binding = 7, std430) readonly buffer Picture5 { uint v[]; } after_b;
layout(set = 0, binding = 8, std430) readonly buffer Motion { uint v[]; } motion;

const int kModeSplit = 0;
const int kModeSideBySide = 1;
const int kModeA = 2;
const int kModeB = 3;
const int kModeDifference = 4;
const int kModeBlink = 5;
const float kPi = 3.14159265358979;

// The table of colours: 256 directions on the Middlebury wheel, 256 hues, kPathSteps + 1 times.
const int kDirections = 256;
const int kTimes = 2 * kDirections;

vec3 unpack_colour(uint word) {
  return vec3(word & 1023u, word >> 10 & 1023u, word >> 20 & 1023u) / 1023.0;
}

vec2 area_size() { return vec2(view.mode == kModeSideBySide ? 0.5 * view.width : view.width, view.height); }

vec2 upright_size() {
  const vec2 size = vec2(view.picture_width, view.picture_height);
  return (view.rotation & 1) == 0 ? size : size.yx;
}

/// Turns a place in the upright picture to where it is stored, and back.
vec2 stored_from_upright(vec2 at) {
  const vec2 size = vec2(view.picture_width, view.picture_height);
  if (view.mirror != 0) at.x = upright_size().x - at.x;
  if (view.rotation == 1) return vec2(at.y, size.y - at.x);
  if (view.rotation == 2) return size - at;
  if (view.rotation == 3) return vec2(size.x - at.y, at.x);
  return at;
}
vec2 upright_from_stored(vec2 at) {
  const vec2 size = vec2(view.picture_width, view.picture_height);
  if (view.rotation == 1) at = vec2(size.y - at.y, at.x);
  else if (view.rotation == 2) at = size - at;
  else if (view.rotation == 3) at = vec2(at.y, size.x - at.x);
  if (view.mirror != 0) at.x = upright_size().x - at.x;
  return at;
}

/// Content's displacement at the start (xy) and end (zw) of the exposure around a place of the stored picture.
vec4 motion_near(vec2 at) {
  const ivec2 size = ivec2(view.motion_width, view.motion_height);
  if (size.x == 0) return vec4(0);
  const ivec2 cell = clamp(ivec2(at * vec2(size) / vec2(view.picture_width, view.picture_height)), ivec2(0), size - 1);
  const int i = 2 * (cell.y * size.x + cell.x);
  const vec4 m = vec4(unpackHalf2x16(motion.v[i]), unpackHalf2x16(motion.v[i + 1]));
  const uvec4 exponent = floatBitsToUint(m) & uvec4(0x7f800000u);
  return any(equal(exponent, uvec4(0x7f800000u))) ? vec4(0) : m;
}
#endif
