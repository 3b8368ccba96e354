// SPDX-License-Identifier: MIT
// What is random about a clip, drawn on the host before any pixel exists: the same (seed, index) gives the
// same plan on every machine, and a plan can be judged (blur length) without rendering it.
// Source of all ranges: real-time-model.md 4.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "motion.h"
#include "photos.h"

namespace unblur {

/// Blur length bins of real-time-model.md 4.3, px: [0,2) [2,8) [8,16) [16,32) [32,inf).
inline constexpr std::array<double, 4> kBinEdges{2, 8, 16, 32};
inline constexpr int kBinCount = 5;
[[nodiscard]] int bin_of(double blur_length) noexcept;
[[nodiscard]] const char* bin_name(int bin) noexcept;  ///< "0-2", "2-8", "8-16", "16-32", "32+"

/// Instants of an exposure that paths are trained and scored at, first and last included (Motion-ETR's 15).
inline constexpr int kPathPoints = 15;

struct SynthesisOptions {
  int frames = 4;
  int width = 128, height = 128;  ///< px; multiples of 8
  double min_speed = 0.5,
         max_speed = 40;         ///< px per frame interval of the 75th percentile pixel, log-uniform
  double still_camera = 0.25;    ///< share of clips with an almost still camera (below 0.5 px/frame)
  double zero_motion = 0.10;     ///< share of clips in which nothing moves
  double repeated_frame = 0.15;  ///< share of clips that are one frame repeated
  double rolling_shutter = 0.20;
  double min_duty = 0.1, max_duty = 1.0;  ///< exposure as a share of the frame interval
  double half_size = 0.15;                ///< share of photographs taken at half size
  double defocus = 0;                     ///< share of layers out of focus: soft pictures that are not moving
  int max_layers = 3;
  bool noise = true;
  bool codec = true;
  bool saturation = true;  ///< highlights lifted before averaging
  bool appearance = true;  ///< random camera curve, gain, contrast, colour, grey
  bool turns = true;       ///< flips and 90 degree turns of the photographs
  /// One weight per blur bin: the bin is drawn by weight and motion is drawn until it falls into it (at most
  /// 64 times). All zero: bins as they come.
  std::array<double, kBinCount> bin_weights{};
  int trajectory_points = 0;  ///< instants of the exposure trajectory stored per frame; 0 stores none
};

enum class CurveKind : std::uint8_t { kSrgb, kGamma };

/// Camera response: linear = (contrast(code))^gamma or the sRGB curve; `contrast` is x^a / (x^a + (1-x)^a).
struct CameraCurve {
  CurveKind kind = CurveKind::kSrgb;
  double gamma = 2.2, contrast = 1;
};

/// What happens to the averaged linear picture.
struct Degradation {
  CameraCurve curve;
  std::array<double, 3> gain{1, 1, 1};  ///< per channel, linear
  double highlight = 1;                 ///< factor that code 1.0 gets; 1 at code 0.9
  bool grey = false;
  double photon_gain = 0;  ///< noise variance per linear unit
  double read_sigma = 0;   ///< linear
  bool correlated_noise = false;
  double sharpening = 0;  ///< unsharp amount in encoded values
  int jpeg_quality = 0;   ///< 0: none
  bool chroma_420 = false;
};

/// One textured plane. Layer 0 is the background and has no mask.
struct LayerPlan {
  int photo = 0;
  bool cutout = false;  ///< `photo` is in cutouts(), alpha is its own
  double scale = 1;     ///< texture px per photograph px, 0.25..1
  double brightness = 1;
  double defocus = 0;  ///< radius of the disc of confusion, texture px; 0: in focus
  // Rectangle of the texture in scaled photograph px; beyond the photograph it continues by reflection.
  int x = 0, y = 0, width = 0, height = 0;
  // Soft mask of a photograph's crop: a star-shaped outline about the texture's centre.
  double radius = 0, aspect = 1, mask_angle = 0, feather = 1;
  std::array<double, 5> lobes{}, lobe_phases{};
  Mat3 placement = kIdentity3;  ///< frame at rest -> texture
  Plane plane;
  LayerMotion own;
  double own_amount = 0;
  MotionTable motion;  ///< frame -> texture at any time
};

struct ClipPlan {
  std::uint64_t seed = 0, index = 0;
  int frames = 0, width = 0, height = 0;
  bool repeated = false;
  bool still = false;
  double readout = 0;         ///< rolling shutter: time from the first to the last row, frame intervals
  std::vector<double> duty;   ///< per frame
  std::vector<int> instants;  ///< sub-frames per frame
  std::vector<LayerPlan> layers;
  Degradation degradation;
  int trajectory_points = 0;
  double speed = 0;  ///< 75th percentile, px per frame interval
  double blur_length =
      0;  ///< 75th percentile over pixels of the trajectory within the middle frame's exposure, px
  int redraws = 0;

  [[nodiscard]] int bin() const noexcept { return bin_of(blur_length); }
  /// Time of row y in frame k at `offset` from the row's own middle instant.
  [[nodiscard]] double row_time(int frame, double y, double offset) const noexcept {
    return frame + readout * ((y + 0.5) / height - 0.5) + offset;
  }
};

/// Draws sample `index`. Scene, motion n and noise use separate streams of (seed, index). Where `bin` is
/// given, motion and exposure are drawn again from counters 0, 1, ... until the clip falls into it (at most
/// `max_redraws`; the closest draw is kept).
[[nodiscard]] ClipPlan draw_plan(const SynthesisOptions& options, const PhotoLibrary& photos,
                                 std::uint64_t seed, std::uint64_t index,
                                 std::optional<int> bin = std::nullopt, int max_redraws = 64);

/// Index of the topmost layer whose mask covers the point at its rest shape, without rendering.
[[nodiscard]] int layer_at(const ClipPlan& plan, Point pixel, double time);
/// Whether a moving layer's mask covers a texture position (a cut-out: whether its rectangle does).
[[nodiscard]] bool covers(const LayerPlan& layer, Point texel) noexcept;
/// Alpha of a layer's analytic mask at a texture position; 1 for the background.
[[nodiscard]] double mask_alpha(const LayerPlan& layer, double x, double y) noexcept;

}  // namespace unblur
