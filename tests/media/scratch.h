// SPDX-License-Identifier: MIT
// A folder of its own for a test, and pictures with known samples.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "graph/frame.h"

namespace unblur::test {

class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "unblur-media-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
};

inline int sample(const Frame& f, int plane, int i) {
  const std::byte* at = f.plane(plane) + static_cast<std::ptrdiff_t>(i) * f.format.bytes_per_sample();
  std::uint16_t v = static_cast<std::uint8_t>(*at);
  if (f.format.bit_depth > 8) std::memcpy(&v, at, 2);
  return v;
}

inline void set_sample(Frame& f, int plane, int i, int value) {
  std::byte* at = f.plane(plane) + static_cast<std::ptrdiff_t>(i) * f.format.bytes_per_sample();
  const auto v = static_cast<std::uint16_t>(value);
  std::memcpy(at, &v, static_cast<std::size_t>(f.format.bytes_per_sample()));
}

/// Gradients inside the RGB gamut of every matrix; `seed` moves them. Chroma changes by less than a code
/// value of 8 bits per sample, so that interpolating it loses nothing.
inline Frame gradients(const FrameFormat& format, int seed = 0) {
  Frame f(format);
  const int unit = 1 << (format.bit_depth - 8);
  for (int p = 0; p < format.plane_count(); ++p) {
    const int w = format.plane_width(p) * format.samples_per_pixel(), h = format.plane_height(p);
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const int luma = 100 * unit + (3 * x + 5 * y + 7 * seed) * unit % (50 * unit);
        const int chroma = (124 + p) * unit + (x + 2 * y + seed) * unit / 8;
        set_sample(f, p, y * w + x, p == 0 ? luma : chroma);
      }
    }
  }
  return f;
}

}  // namespace unblur::test
