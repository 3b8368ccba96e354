// SPDX-License-Identifier: MIT
// The picture area: two sides, the split between them, their difference, zoom, dense maps of motion, the
// sharp picture moved along its trajectory.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "picture_area.glsl"

layout(location = 0) out vec4 colour;

const int kBase = 0;
const int kBefore = 1;
const int kAfter = 2;

uint word_at(int side, int which, int i) {
  if (side == 0) return which == kBase ? base_a.v[i] : which == kBefore ? before_a.v[i] : after_a.v[i];
  return which == kBase ? base_b.v[i] : which == kBefore ? before_b.v[i] : after_b.v[i];
}

vec3 pixel(int side, int which, ivec2 size, ivec2 at) {
  at = clamp(at, ivec2(0), size - 1);
  return unpack_colour(word_at(side, which, at.y * size.x + at.x));
}

vec3 blended(int side, int which, ivec2 size, vec2 at) {
  const vec2 q = at - 0.5;
  const ivec2 i = ivec2(floor(q));
  const vec2 f = q - vec2(i);
  const vec3 top = mix(pixel(side, which, size, i), pixel(side, which, size, i + ivec2(1, 0)), f.x);
  const vec3 bottom =
      mix(pixel(side, which, size, i + ivec2(0, 1)), pixel(side, which, size, i + ivec2(1, 1)), f.x);
  return mix(top, bottom, f.y);
}

/// At pixel level, and one to one, pixels are shown as they are.
bool shows_pixels() { return view.exposure_on == 0 && (view.zoom >= 2.0 || view.zoom == 1.0); }

vec3 filtered(int side, int which, ivec2 size, vec2 at) {
  if (shows_pixels()) return pixel(side, which, size, ivec2(floor(at)));
  return blended(side, which, size, at);
}

/// A side at a place of the stored picture.
vec3 side_at(int side, vec2 at) {
  const ivec2 size = ivec2(view.picture_width, view.picture_height);
  const int kind = view.sides[side].kind;
  const float strength = view.sides[side].strength;
  if (kind == 0) return vec3(view.background);
  if (kind == 1 || strength == 0.0) return filtered(side, kBase, size, at);
  if (kind == 2) {
    const vec3 after = filtered(side, kAfter, size, at);
    return strength == 1.0 ? after : mix(filtered(side, kBase, size, at), after, strength);
  }
  const ivec2 small = ivec2(view.sides[side].before_width, view.sides[side].before_height);
  const vec2 small_at = at * vec2(small) / vec2(size);
  const vec3 change = blended(side, kAfter, small, small_at) - blended(side, kBefore, small, small_at);
  return clamp(filtered(side, kBase, size, at) + strength * change, 0.0, 1.0);
}

/// The mean over the part of the picture that a canvas pixel covers.
vec3 side_around(int side, vec2 upright) {
  const int taps = clamp(int(ceil(1.0 / view.zoom - 0.05)), 1, 4);
  vec3 sum = vec3(0);
  for (int j = 0; j < taps; ++j) {
    for (int i = 0; i < taps; ++i) {
      const vec2 offset = ((vec2(i, j) + 0.5) / float(taps) - 0.5) / view.zoom;
      sum += side_at(side, stored_from_upright(upright + offset));
    }
  }
  return sum / float(taps * taps);
}

vec3 exposed(int side, vec2 upright) {
  if (view.exposure_on == 0 || view.sides[side].kind < 2) return side_around(side, upright);
  const vec2 at = stored_from_upright(upright);
  const vec4 m = motion_near(at);
  // The gather offset is minus the content's displacement.
  return side_at(side, at - on_path(view.path_mode, m.xy, m.zw, view.exposure));
}

vec3 hatched(vec2 at) {
  const int stripe = int(floor((at.x + at.y) / 16.0)) & 1;
  return stripe == 0 ? vec3(0.75, 0.1, 0.55) : vec3(0.1);
}

vec3 map_colour(vec2 upright) {
  const vec4 m = motion_near(stored_from_upright(upright));
  vec2 whole = m.zw - m.xy;
  // Directions as they are seen: turned and mirrored with the picture.
  if (view.rotation == 1) whole = vec2(-whole.y, whole.x);
  else if (view.rotation == 2) whole = -whole;
  else if (view.rotation == 3) whole = vec2(whole.y, -whole.x);
  if (view.mirror != 0) whole.x = -whole.x;
  const float radius = length(whole) / view.full_scale;
  float angle = whole == vec2(0) ? 0.0 : atan(whole.y, whole.x);
  if (view.directed == 0) angle *= 2.0;  // opposite motions look alike
  const float turn = fract(angle / (2.0 * kPi) + 1.0);
  const int entry = min(int(turn * float(kDirections)), kDirections - 1);
  const vec3 hue = unpack_colour(colours.v[view.map == 1 ? entry : kDirections + entry]);
  if (view.map == 2) return hue * min(radius, 1.0);
  return radius <= 1.0 ? mix(vec3(1), hue, radius) : 0.75 * hue;
}

void main() {
  vec2 at = gl_FragCoord.xy - vec2(view.left, view.top);
  const vec2 area = area_size();
  int side = view.mode == kModeB ? 1 : view.mode == kModeBlink ? view.blink : 0;
  if (view.mode == kModeSplit && at.x >= view.divider * view.width) side = 1;
  if (view.mode == kModeSideBySide && at.x >= area.x) {
    side = 1;
    at.x -= area.x;
  }
  const vec2 upright = vec2(view.centre_x, view.centre_y) + (at - 0.5 * area) / view.zoom;
  if (any(lessThan(upright, vec2(0))) || any(greaterThanEqual(upright, upright_size()))) {
    colour = vec4(vec3(view.background), 1);
    return;
  }
  vec3 rgb;
  if (view.sides[side].fault != 0 || (view.mode == kModeDifference && view.sides[1].fault != 0)) {
    rgb = hatched(at);
  } else if (view.mode == kModeDifference) {
    rgb = clamp(view.gain * abs(exposed(0, upright) - exposed(1, upright)), 0.0, 1.0);
  } else {
    rgb = exposed(side, upright);
  }
  const bool maps_here = side == 1 || (view.mode != kModeSplit && view.mode != kModeSideBySide);
  if (view.map != 0 && view.motion_width > 0 && maps_here) rgb = mix(rgb, map_colour(upright), 0.8);
  colour = vec4(rgb, 1);
}
