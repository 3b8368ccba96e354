// SPDX-License-Identifier: MIT
#include "clip_plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace unblur {
namespace {

constexpr double kTau = 2 * std::numbers::pi;
constexpr int kMargin = 4;  // px around the pixels that a texture is read at
constexpr int kMaxInstants = 48;
constexpr int kMinInstants = 8;
enum Stream : std::uint64_t { kSceneStream = 1, kLookStream = 2, kFocusStream = 4, kMotionStream = 1000 };

// First and last instant that any row of any frame sees.
double first_time(const ClipPlan&) { return -1.0; }
double last_time(const ClipPlan& plan) { return plan.frames; }

// The eight flips and turns about the middle of a w x h rectangle, as integer matrices.
Mat3 dihedral(int which, double width, double height) {
  const double mirror = (which & 1) != 0 ? -1 : 1;
  Mat3 m{mirror, 0, 0, 0, (which & 2) != 0 ? -1.0 : 1.0, 0, 0, 0, 1};
  if ((which & 4) != 0) m = multiply(Mat3{0, 1, 0, 1, 0, 0, 0, 0, 1}, m);
  const Point c{(width - 1) / 2, (height - 1) / 2};
  const Point moved = map_point(m, c);
  m[2] = c.x - moved.x;
  m[5] = c.y - moved.y;
  return m;
}

double draw_scale(CounterRng& rng, const SynthesisOptions& options) {
  const double base = rng.chance(0.4) ? 1.0 : rng.uniform(0.5, 1.0);
  return rng.chance(options.half_size) ? 0.5 * base : base;
}

LayerPlan draw_background(CounterRng& rng, const SynthesisOptions& options, const PhotoLibrary& photos) {
  LayerPlan layer;
  layer.scale = draw_scale(rng, options);
  const PhotoCrop crop = photos.draw_crop(rng, static_cast<int>(std::ceil(options.width / layer.scale)),
                                          static_cast<int>(std::ceil(options.height / layer.scale)));
  layer.photo = crop.photo;
  layer.x = static_cast<int>(std::lround(crop.x * layer.scale));
  layer.y = static_cast<int>(std::lround(crop.y * layer.scale));
  const int turn = options.turns ? rng.below(options.width == options.height ? 8 : 4) : 0;
  layer.placement = dihedral(turn, options.width, options.height);
  layer.plane = {rng.uniform(0.6, 1.2), rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5)};
  if (rng.chance(0.5)) layer.plane.slant_x = layer.plane.slant_y = 0;
  return layer;
}

void draw_outline(CounterRng& rng, LayerPlan& layer, double radius) {
  layer.radius = radius;
  layer.aspect = rng.chance(0.25) ? rng.uniform(3, 8) : rng.uniform(1, 2.5);
  layer.mask_angle = rng.uniform(0, kTau);
  layer.feather = rng.uniform(0.7, 2.0);
  for (std::size_t k = 0; k < layer.lobes.size(); ++k) {
    layer.lobes[k] = rng.normal() * 0.22 / static_cast<double>(k + 1);
    layer.lobe_phases[k] = rng.uniform(0, kTau);
  }
}

LayerPlan draw_layer(CounterRng& rng, const SynthesisOptions& options, const PhotoLibrary& photos) {
  LayerPlan layer;
  const double side = std::min(options.width, options.height);
  const double radius = side * rng.log_uniform(0.08, 0.45);
  const bool cutout = !photos.cutouts().empty() && rng.chance(0.5);
  double half_width = radius, half_height = radius;
  if (cutout) {
    layer.cutout = true;
    layer.photo = rng.below(static_cast<int>(photos.cutouts().size()));
    const Photo& photo = photos.cutouts()[static_cast<std::size_t>(layer.photo)];
    layer.scale = std::min(1.0, 2 * radius / std::max(photo.width, photo.height));
    half_width = 0.5 * photo.width * layer.scale;
    half_height = 0.5 * photo.height * layer.scale;
    layer.x = layer.y = -kMargin;
  } else {
    layer.scale = draw_scale(rng, options);
    draw_outline(rng, layer, radius);
    const int reach = static_cast<int>(std::ceil(2 * radius / layer.scale));
    const PhotoCrop crop = photos.draw_crop(rng, reach, reach);
    layer.photo = crop.photo;
    layer.x = static_cast<int>(std::lround(crop.x * layer.scale)) - kMargin;
    layer.y = static_cast<int>(std::lround(crop.y * layer.scale)) - kMargin;
  }
  layer.width = static_cast<int>(std::ceil(2 * half_width)) + 2 * kMargin;
  layer.height = static_cast<int>(std::ceil(2 * half_height)) + 2 * kMargin;
  const Point centre{rng.uniform(0, options.width), rng.uniform(0, options.height)};
  // Whole pixels, so that a layer that does not move is not resampled either.
  const Mat3 shift{1, 0, std::round(0.5 * (layer.width - 1) - centre.x),
                   0, 1, std::round(0.5 * (layer.height - 1) - centre.y),
                   0, 0, 1};
  const int turn = options.turns ? rng.below(2) : 0;
  layer.placement = multiply(dihedral(turn, layer.width, layer.height), shift);
  layer.brightness = rng.uniform(0.7, 1.4);
  layer.plane = {rng.uniform(0.8, 2.5), rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5)};
  layer.own.centre = centre;
  return layer;
}

// A stream of its own: clips are the same where nothing is out of focus.
void draw_focus(CounterRng rng, const SynthesisOptions& options, ClipPlan& plan) {
  for (LayerPlan& layer : plan.layers) {
    if (!layer.cutout && rng.chance(options.defocus)) layer.defocus = rng.log_uniform(0.8, 4);
  }
}

Degradation draw_degradation(CounterRng& rng, const SynthesisOptions& options) {
  Degradation d;
  if (options.appearance) {
    if (rng.chance(0.6)) {
      d.curve = {CurveKind::kGamma, rng.uniform(1.8, 2.6), rng.uniform(0.85, 1.25)};
    }
    const double gain = rng.chance(0.2) ? rng.log_uniform(1, 3) : rng.log_uniform(0.4, 1);
    for (double& channel : d.gain) channel = gain * rng.log_uniform(0.85, 1.18);
    d.grey = rng.chance(0.02);
  }
  if (options.saturation && rng.chance(0.4)) d.highlight = rng.log_uniform(1, 8);
  if (options.noise) {
    d.photon_gain = rng.log_uniform(1e-4, 1e-2);
    d.read_sigma = rng.chance(0.7) ? rng.uniform(0, 0.01) * rng.uniform() : 0.0;
    d.correlated_noise = rng.chance(0.4);
  }
  if (options.appearance && rng.chance(0.5)) d.sharpening = rng.uniform(0, 0.5);
  if (options.codec && rng.chance(0.7)) {
    d.jpeg_quality = 50 + rng.below(46);
    d.chroma_420 = rng.chance(0.5);
  }
  return d;
}

// 75th percentile over a coarse grid of the speed of a map's frame points, px per frame interval.
template <typename MapAt>
double speed_of(const MapAt& map_at, const ClipPlan& plan) {
  std::vector<double> speeds;
  const int steps = std::min(plan.frames, 4);
  for (int k = 0; k < steps; ++k) {
    const double time = plan.frames == 1 ? 0 : k * (plan.frames - 1.0) / std::max(steps - 1, 1);
    const Mat3 a = map_at(time - 0.5), b = map_at(time + 0.5);
    for (int gy = 0; gy < 4; ++gy) {
      for (int gx = 0; gx < 4; ++gx) {
        const Point p{(gx + 0.5) / 4 * plan.width, (gy + 0.5) / 4 * plan.height};
        const Point from = map_point(a, p), to = map_point(b, p);
        speeds.push_back(std::hypot(to.x - from.x, to.y - from.y));
      }
    }
  }
  std::sort(speeds.begin(), speeds.end());
  return speeds[speeds.size() * 3 / 4];
}

// Factor that brings a motion to the wanted speed; displacement is nearly linear in it.
template <typename MapOf>
double amount_for(const MapOf& map_of, const ClipPlan& plan, double speed) {
  double amount = 1;
  for (int i = 0; i < 4; ++i) {
    const double now = speed_of([&](double time) { return map_of(amount, time); }, plan);
    if (!(now > 1e-9) || !std::isfinite(now)) break;
    amount *= std::clamp(speed / now, 0.01, 10.0);
  }
  return amount;
}

void add_jerk(CounterRng& rng, const ClipPlan& plan, CameraShake& shake, LayerMotion* own) {
  const int frame = rng.below(plan.frames);
  const double at = frame + plan.duty[static_cast<std::size_t>(frame)] * rng.uniform(-0.35, 0.35);
  const double angle = rng.uniform(0, kTau), amount = rng.uniform(0.5, 2), width = rng.uniform(0.03, 0.12);
  if (own != nullptr) {
    own->signals[0].add_jerk(amount * std::cos(angle), at, width);
    own->signals[1].add_jerk(amount * std::sin(angle), at, width);
  } else {
    shake.signals[0].add_jerk(amount * std::cos(angle), at, width);
    shake.signals[1].add_jerk(amount * std::sin(angle), at, width);
  }
}

void tabulate(ClipPlan& plan, LayerPlan& layer, const CameraShake& shake, double camera_amount,
              bool reversed) {
  const double first = first_time(plan);
  const int count =
      static_cast<int>(std::lround((last_time(plan) - first) * MotionTable::kStepsPerFrame)) + 1;
  std::vector<Mat3> maps;
  maps.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const double table_time = first + static_cast<double>(i) / MotionTable::kStepsPerFrame;
    const double time = reversed ? plan.frames - 1 - table_time : table_time;
    Mat3 map = camera_amount > 0 ? camera_map(shake, layer.plane, camera_amount, time) : kIdentity3;
    if (layer.own_amount > 0) map = multiply(layer_map(layer.own, layer.own_amount, time), map);
    maps.push_back(multiply(layer.placement, map));
  }
  layer.motion = MotionTable(first, std::move(maps));
}

// Without redrawing hundreds of times: a speed that gives a blur length within the bin for this exposure.
double aimed_speed(CounterRng& rng, const SynthesisOptions& options, const ClipPlan& plan, int bin) {
  const double lo = bin == 0 ? 0.1 : kBinEdges[static_cast<std::size_t>(bin - 1)];
  const double hi = bin == kBinCount - 1 ? 48 : kBinEdges[static_cast<std::size_t>(bin)];
  const double duty = plan.duty[plan.duty.size() / 2];
  return std::clamp(rng.log_uniform(lo, hi) / duty, options.min_speed, options.max_speed);
}

void draw_exposure(CounterRng& rng, const SynthesisOptions& options, ClipPlan& plan) {
  plan.duty.assign(static_cast<std::size_t>(plan.frames), rng.uniform(options.min_duty, options.max_duty));
  if (plan.frames > 1 && rng.chance(0.1)) {
    const int from = 1 + rng.below(plan.frames - 1);
    std::fill(plan.duty.begin() + from, plan.duty.end(), rng.uniform(options.min_duty, options.max_duty));
  }
  plan.readout = rng.chance(options.rolling_shutter) ? rng.uniform(0.1, 0.9) : 0.0;
}

// Length of the path of the surface at `p` within the exposure of frame k, px.
double path_length(const ClipPlan& plan, const LayerPlan& layer, Point p, int frame) {
  constexpr int kSegments = 12;
  const double duty = plan.duty[static_cast<std::size_t>(frame)];
  const Point surface = map_point(layer.motion.at(plan.row_time(frame, p.y, 0)), p);
  double length = 0;
  Point previous;
  for (int i = 0; i <= kSegments; ++i) {
    const double time = plan.row_time(frame, p.y, duty * (static_cast<double>(i) / kSegments - 0.5));
    const Point now = map_point(inverse(layer.motion.at(time)), surface);
    if (i > 0) length += std::hypot(now.x - previous.x, now.y - previous.y);
    previous = now;
  }
  return length;
}

void measure(ClipPlan& plan) {
  constexpr int kStride = 8;
  std::vector<double> lengths;
  const int frame = plan.frames / 2;
  for (int y = kStride / 2; y < plan.height; y += kStride) {
    for (int x = kStride / 2; x < plan.width; x += kStride) {
      const Point p{static_cast<double>(x), static_cast<double>(y)};
      const int layer = layer_at(plan, p, plan.row_time(frame, y, 0));
      lengths.push_back(path_length(plan, plan.layers[static_cast<std::size_t>(layer)], p, frame));
    }
  }
  const auto rank = static_cast<std::ptrdiff_t>(lengths.size() * 3 / 4);
  std::nth_element(lengths.begin(), lengths.begin() + rank, lengths.end());
  plan.blur_length = lengths[static_cast<std::size_t>(rank)];
}

// Sub-frames so that no visible point steps by more than a pixel (up to kMaxInstants).
void choose_instants(ClipPlan& plan) {
  plan.instants.assign(static_cast<std::size_t>(plan.frames), 1);
  if (plan.still) return;
  for (int k = 0; k < plan.frames; ++k) {
    double longest = 0;
    for (const LayerPlan& layer : plan.layers) {
      for (int corner = 0; corner < 5; ++corner) {
        const Point p{corner == 4 ? plan.width / 2.0 : (corner & 1) * (plan.width - 1.0),
                      corner == 4 ? plan.height / 2.0 : (corner >> 1) * (plan.height - 1.0)};
        longest = std::max(longest, path_length(plan, layer, p, k));
      }
    }
    plan.instants[static_cast<std::size_t>(k)] =
        std::clamp(static_cast<int>(std::ceil(longest)), kMinInstants, kMaxInstants);
  }
}

void draw_motion(CounterRng rng, const SynthesisOptions& options, std::optional<int> aim, ClipPlan& plan) {
  draw_exposure(rng, options, plan);
  const double kind = rng.uniform();
  plan.still = kind < options.zero_motion;
  const bool still_camera = kind < options.zero_motion + options.still_camera;
  plan.speed = plan.still     ? 0
               : still_camera ? rng.log_uniform(0.05, std::max(0.5, options.min_speed))
               : aim          ? aimed_speed(rng, options, plan, *aim)
                              : rng.log_uniform(options.min_speed, options.max_speed);
  // Knots of signals cover the table's times, both directions of time.
  CameraShake shake = draw_shake(rng, plan.width, plan.height, first_time(plan), last_time(plan));
  shake.centre_time = 0.5 * (plan.frames - 1);
  if (rng.chance(0.25)) add_jerk(rng, plan, shake, nullptr);
  const bool reversed = rng.chance(0.5);
  double amount = 0;
  if (!plan.still) {
    const Plane background = plan.layers[0].plane;
    amount =
        amount_for([&](double a, double t) { return camera_map(shake, background, a, t); }, plan, plan.speed);
  }
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    LayerPlan& layer = plan.layers[i];
    layer.own_amount = 0;
    if (i > 0 && !plan.still) {
      layer.own = draw_layer_motion(rng, layer.own.centre, std::max(layer.radius, 16.0), first_time(plan),
                                    last_time(plan));
      layer.own.centre_time = shake.centre_time;
      if (rng.chance(0.25)) add_jerk(rng, plan, shake, &layer.own);
      const double speed = rng.log_uniform(std::min(0.5, options.max_speed), options.max_speed);
      layer.own_amount =
          amount_for([&](double a, double t) { return layer_map(layer.own, a, t); }, plan, speed);
    }
    tabulate(plan, layer, shake, amount, reversed);
  }
  measure(plan);
}

// Reflection makes the background endless, so its texture is just what the clip looks at.
void fit_background(ClipPlan& plan) {
  LayerPlan& layer = plan.layers[0];
  double x0 = 1e9, y0 = 1e9, x1 = -1e9, y1 = -1e9;
  for (const Mat3& map : layer.motion.maps()) {
    for (int corner = 0; corner < 4; ++corner) {
      const Point p =
          map_point(map, {(corner & 1) * (plan.width - 1.0), (corner >> 1) * (plan.height - 1.0)});
      x0 = std::min(x0, p.x);
      x1 = std::max(x1, p.x);
      y0 = std::min(y0, p.y);
      y1 = std::max(y1, p.y);
    }
  }
  constexpr double kReach = 1600;  // a wild draw may look anywhere; beyond this its border is repeated
  const int left = static_cast<int>(std::floor(std::max(x0, -kReach))) - kMargin;
  const int top = static_cast<int>(std::floor(std::max(y0, -kReach))) - kMargin;
  layer.width = static_cast<int>(std::ceil(std::min(x1, kReach))) + kMargin + 1 - left;
  layer.height = static_cast<int>(std::ceil(std::min(y1, kReach))) + kMargin + 1 - top;
  layer.x += left;
  layer.y += top;
  const Mat3 shift{1, 0, static_cast<double>(-left), 0, 1, static_cast<double>(-top), 0, 0, 1};
  std::vector<Mat3> maps = layer.motion.maps();
  for (Mat3& map : maps) map = multiply(shift, map);
  layer.motion = MotionTable(layer.motion.first(), std::move(maps));
}

int draw_bin(CounterRng& rng, const std::array<double, kBinCount>& weights) {
  double total = 0;
  for (const double w : weights) total += w;
  double at = rng.uniform(0, total);
  for (int bin = 0; bin < kBinCount; ++bin) {
    at -= weights[static_cast<std::size_t>(bin)];
    if (at < 0) return bin;
  }
  return kBinCount - 1;
}

}  // namespace

int bin_of(double blur_length) noexcept {
  return static_cast<int>(std::upper_bound(kBinEdges.begin(), kBinEdges.end(), blur_length) -
                          kBinEdges.begin());
}

const char* bin_name(int bin) noexcept {
  constexpr std::array<const char*, kBinCount> kNames{"0-2", "2-8", "8-16", "16-32", "32+"};
  return kNames[static_cast<std::size_t>(std::clamp(bin, 0, kBinCount - 1))];
}

double mask_alpha(const LayerPlan& layer, double x, double y) noexcept {
  if (layer.radius <= 0) return 1;
  const double dx = x - 0.5 * (layer.width - 1), dy = y - 0.5 * (layer.height - 1);
  const double c = std::cos(layer.mask_angle), s = std::sin(layer.mask_angle);
  const double u = c * dx + s * dy, v = (-s * dx + c * dy) * layer.aspect;
  const double angle = std::atan2(v, u);
  double outline = 0.75;
  for (std::size_t k = 0; k < layer.lobes.size(); ++k) {
    outline += layer.lobes[k] * std::cos(static_cast<double>(k + 2) * angle + layer.lobe_phases[k]);
  }
  outline = std::clamp(outline, 0.15, 0.97) * layer.radius;
  // The distance is measured along the stretched axes, hence the smaller feather there.
  return std::clamp(0.5 + (outline - std::hypot(u, v)) / layer.feather, 0.0, 1.0);
}

bool covers(const LayerPlan& layer, Point p) noexcept {
  const bool inside = p.x > 0 && p.y > 0 && p.x < layer.width - 1 && p.y < layer.height - 1;
  return inside && mask_alpha(layer, p.x, p.y) > 0.5;
}

int layer_at(const ClipPlan& plan, Point pixel, double time) {
  for (std::size_t i = plan.layers.size(); i-- > 1;) {
    const LayerPlan& layer = plan.layers[i];
    if (covers(layer, map_point(layer.motion.at(time), pixel))) return static_cast<int>(i);
  }
  return 0;
}

ClipPlan draw_plan(const SynthesisOptions& options, const PhotoLibrary& photos, std::uint64_t seed,
                   std::uint64_t index, std::optional<int> bin, int max_redraws) {
  ClipPlan plan;
  plan.seed = seed;
  plan.index = index;
  plan.width = options.width;
  plan.height = options.height;
  plan.trajectory_points = options.trajectory_points;
  CounterRng scene(seed, index, kSceneStream);
  plan.repeated = scene.chance(options.repeated_frame);
  plan.frames = plan.repeated ? 1 : options.frames;
  std::optional<int> aim;
  if (!bin && *std::max_element(options.bin_weights.begin(), options.bin_weights.end()) > 0) {
    bin = aim = draw_bin(scene, options.bin_weights);
  }
  plan.layers.push_back(draw_background(scene, options, photos));
  const int layers = scene.below(options.max_layers + 1);
  for (int i = 0; i < layers; ++i) plan.layers.push_back(draw_layer(scene, options, photos));
  CounterRng look(seed, index, kLookStream);
  plan.degradation = draw_degradation(look, options);
  draw_focus(CounterRng(seed, index, kFocusStream), options, plan);

  const ClipPlan drawn = plan;
  double best = 1e30;
  for (int counter = 0; counter < std::max(max_redraws, 1); ++counter) {
    ClipPlan candidate = drawn;
    draw_motion(CounterRng(seed, index, kMotionStream + static_cast<std::uint64_t>(counter)), options, aim,
                candidate);
    candidate.redraws = counter;
    const double distance = bin ? std::abs(candidate.bin() - *bin) : 0;
    if (distance < best) {
      best = distance;
      plan = std::move(candidate);
    }
    if (best == 0) break;
  }
  fit_background(plan);
  choose_instants(plan);
  return plan;
}

}  // namespace unblur
