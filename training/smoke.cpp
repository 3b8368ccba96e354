// SPDX-License-Identifier: MIT
#include "smoke.h"

#include <algorithm>
#include <cmath>

namespace unblur {
namespace {

std::uint8_t to_code(double v) { return static_cast<std::uint8_t>(std::clamp(std::lround(v), 0L, 255L)); }

Photo generated_photo(int side, CounterRng rng, int number) {
  Photo photo;
  photo.name = "generated-" + std::to_string(number) + ".png";
  photo.width = photo.height = side;
  const auto at = [&](int x, int y, int c) -> std::uint8_t& {
    return photo
        .rgb[(static_cast<std::size_t>(y) * static_cast<std::size_t>(side) + static_cast<std::size_t>(x)) *
                 3 +
             static_cast<std::size_t>(c)];
  };
  photo.rgb.resize(static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3);
  for (int c = 0; c < 3; ++c) {
    const double base = rng.uniform(40, 200), gx = rng.uniform(-60, 60), gy = rng.uniform(-60, 60);
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x)
        at(x, y, c) = to_code(base + (gx * x + gy * y) / side + rng.uniform(-6, 6));
    }
  }
  for (int shape = 0; shape < side / 2; ++shape) {
    const int w = 2 + rng.below(side / 6), h = 2 + rng.below(side / 6), x0 = rng.below(side),
              y0 = rng.below(side);
    const double colour[3] = {rng.uniform(0, 255), rng.uniform(0, 255), rng.uniform(0, 255)};
    const bool round = rng.chance(0.5);
    for (int y = y0; y < std::min(y0 + h, side); ++y) {
      for (int x = x0; x < std::min(x0 + w, side); ++x) {
        const double u = 2.0 * (x - x0) / w - 1, v = 2.0 * (y - y0) / h - 1;
        if (round && u * u + v * v > 1) continue;
        for (int c = 0; c < 3; ++c) at(x, y, c) = to_code(colour[c]);
      }
    }
  }
  return photo;
}

}  // namespace

std::vector<Photo> generated_photos(int count, int side, std::uint64_t seed) {
  std::vector<Photo> photos;
  for (int i = 0; i < count; ++i)
    photos.push_back(generated_photo(side, CounterRng(seed, static_cast<std::uint64_t>(i), 77), i));
  return photos;
}

TrainConfig smoke_config(TrainConfig config) {
  config.directory += "-smoke";
  config.data.reuse = 1;
  config.data.sequences.clear();
  config.data.sequence_share = 0;
  config.data.windows = false;
  if (config.motion.share > 0 || config.motion.iterations > 0) config.motion.iterations = 2;
  config.motion.phase = {.share = 1, .batch = 2, .frames = 3, .crop = 64};
  if (config.joint.iterations > 0) config.joint.iterations = 2;
  config.joint.phases = {{.share = 1, .batch = 1, .frames = 5, .crop = 64}};
  config.joint.half_from = 0.5;
  config.joint.loss.temporal_from = 0.5;
  config.validation.clips = 0;
  return config;
}

}  // namespace unblur
