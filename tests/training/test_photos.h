// SPDX-License-Identifier: MIT
// Photographs made by formula, so that tests need no data pack.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "photos.h"

namespace unblur {

/// Smooth texture of random waves (periods 5 to 40 px) with a few hard edges; different for every `seed`.
inline Photo wave_photo(int width, int height, std::uint64_t seed) {
  CounterRng rng(seed, 0, 99);
  struct Wave {
    double fx, fy, phase, amplitude;
  };
  std::vector<Wave> waves;
  for (int i = 0; i < 12; ++i) {
    const double frequency = 6.283 / rng.log_uniform(5, 40), angle = rng.uniform(0, 6.283);
    waves.push_back({frequency * std::cos(angle), frequency * std::sin(angle), rng.uniform(0, 6.283), 12});
  }
  Photo photo;
  photo.name = "waves" + std::to_string(seed) + ".png";
  photo.width = width;
  photo.height = height;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      double value = 110 + ((x / 37 + y / 53) % 2 == 0 ? 25 : -25);
      for (const Wave& w : waves) value += w.amplitude * std::sin(w.fx * x + w.fy * y + w.phase);
      for (int c = 0; c < 3; ++c)
        photo.rgb.push_back(static_cast<std::uint8_t>(std::clamp(value + 10 * c, 0.0, 255.0)));
    }
  }
  return photo;
}

inline PhotoLibrary wave_library(int count = 4, int side = 400) {
  std::vector<Photo> photos;
  for (int i = 0; i < count; ++i)
    photos.push_back(wave_photo(side, side - 20 * i, static_cast<std::uint64_t>(i)));
  return PhotoLibrary(std::move(photos), 0.2);
}

}  // namespace unblur
