// SPDX-License-Identifier: MIT
// Paths of a grid of pixels as lines of kPathSteps pieces, or motion as arrows; an instance per grid point, six
// vertices per piece. Under the lines lies a darker, wider rim, drawn first.
#version 460
#extension GL_GOOGLE_include_directive : require
#include "picture_area.glsl"

layout(push_constant) uniform Push {
  float canvas_width, canvas_height;
  float area_left;  // of this half, where there are two
  float rim;        // px added to each side of a line
} push;
layout(location = 0) out vec4 colour;

const vec2 kCorners[6] = vec2[6](vec2(0, -1), vec2(1, -1), vec2(1, 1), vec2(0, -1), vec2(1, 1), vec2(0, 1));
const vec3 kArrow = vec3(1.0, 0.86, 0.35);

vec2 canvas_from_stored(vec2 stored) {
  const vec2 upright = upright_from_stored(stored);
  return vec2(push.area_left, view.top) + 0.5 * area_size() +
         (upright - vec2(view.centre_x, view.centre_y)) * view.zoom;
}

/// A corner of the piece from `from` to `to`, with square ends that reach a little further.
vec2 corner(vec2 from, vec2 to, vec2 where, float half_width) {
  const vec2 along = distance(from, to) > 1e-4 ? normalize(to - from) : vec2(1, 0);
  const vec2 across = vec2(-along.y, along.x);
  return mix(from - 0.5 * half_width * along, to + 0.5 * half_width * along, where.x) +
         half_width * where.y * across;
}

vec3 time_colour(int k) {
  const int at = view.directed != 0 ? k : abs(2 * k - kPathSteps);
  return unpack_colour(colours.v[kTimes + at]);
}

void main() {
  const int columns = (view.picture_width + view.grid - 1) / view.grid;
  const int row = gl_InstanceIndex / columns, column = gl_InstanceIndex - row * columns;
  const vec2 centre = (vec2(column, row) + 0.5) * float(view.grid);
  const vec4 m = motion_near(centre);
  const int piece = gl_VertexIndex / 6;
  const vec2 where = kCorners[gl_VertexIndex - 6 * piece];
  const float half_width = 0.5 * view.line_width + push.rim;
  vec2 at = vec2(-2);
  vec3 rgb = kArrow;
  const bool inside = all(lessThan(centre, vec2(view.picture_width, view.picture_height)));
  if (view.style == 0) {
    const float t0 = path_time(piece), t1 = path_time(piece + 1);
    const vec2 from = canvas_from_stored(centre + on_path(view.path_mode, m.xy, m.zw, t0));
    const vec2 to = canvas_from_stored(centre + on_path(view.path_mode, m.xy, m.zw, t1));
    at = corner(from, to, where, half_width);
    rgb = mix(time_colour(piece), time_colour(piece + 1), where.x);
    if (piece == kPathSteps) {  // the start, where it is told from the end
      const bool dot = view.directed != 0 && length(m.zw - m.xy) * view.zoom > 2.0 * view.line_width;
      const vec2 first = canvas_from_stored(centre + m.xy);
      at = first + (dot ? 2.2 : 0.0) * half_width * vec2(2.0 * where.x - 1.0, where.y) * 0.9;
      rgb = time_colour(0);
    }
  } else {
    vec2 whole = m.zw - m.xy;
    whole *= view.arrow_reach / max(view.full_scale, length(whole));
    const vec2 tail = canvas_from_stored(centre - 0.5 * whole), tip = canvas_from_stored(centre + 0.5 * whole);
    const float reach = distance(tail, tip);
    const vec2 along = reach > 1e-4 ? (tip - tail) / reach : vec2(1, 0);
    const vec2 across = vec2(-along.y, along.x);
    if (piece == 0) {
      at = corner(tail, tip, where, half_width);
    } else if (view.directed != 0 && reach > 2.0 * view.line_width && piece <= 2) {
      const float size = max(0.3 * reach, 2.0 * view.line_width);
      const vec2 barb = tip - size * along + (piece == 1 ? 0.5 : -0.5) * size * across;
      at = corner(barb, tip, where, half_width);
    }
  }
  colour = push.rim > 0.0 ? vec4(vec3(0), 0.6) : vec4(rgb, 1);
  const vec2 ndc = 2.0 * at / vec2(push.canvas_width, push.canvas_height) - 1.0;
  gl_Position = inside && at != vec2(-2) ? vec4(ndc, 0, 1) : vec4(-2, -2, 0, 1);
}
