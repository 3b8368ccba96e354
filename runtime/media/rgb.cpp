// SPDX-License-Identifier: MIT
#include "media/rgb.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "graph/colour.h"

namespace unblur {

Frame rgb_frame(std::span<const float> planar, int width, int height, int bits) {
  FrameFormat format;
  format.width = width;
  format.height = height;
  format.bit_depth = bits;
  Frame out(format);
  const std::size_t plane = planar.size() / 3;
  const auto top = static_cast<float>((1 << bits) - 1);
  for (std::size_t i = 0; i < plane; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      const long v = std::lround(std::clamp(planar[c * plane + i], 0.0F, 1.0F) * top);
      const std::size_t at = 3 * i + c;
      if (bits == 8) {
        out.data[at] = static_cast<std::byte>(v);
      } else {
        const auto word = static_cast<std::uint16_t>(v);
        std::memcpy(out.data.data() + 2 * at, &word, 2);
      }
    }
  }
  return out;
}

Frame to_rgb(const Frame& frame, int bits) {
  const FrameFormat& in = frame.format;
  if (in.layout == PixelLayout::kRgb && in.bit_depth == bits) return frame;
  return rgb_frame(frame_to_rgb(frame), in.width, in.height, bits);
}

Frame rotated(const Frame& rgb, int degrees) {
  if (degrees == 0) return rgb;
  const int w = rgb.format.width, h = rgb.format.height;
  FrameFormat format = rgb.format;
  if (degrees != 180) std::swap(format.width, format.height);
  Frame out(format);
  const auto bytes = 3 * static_cast<std::size_t>(format.bytes_per_sample());
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const int tx = degrees == 90 ? h - 1 - y : degrees == 180 ? w - 1 - x : y;
      const int ty = degrees == 90 ? x : degrees == 180 ? h - 1 - y : w - 1 - x;
      std::memcpy(out.data.data() + static_cast<std::size_t>(ty * format.width + tx) * bytes,
                  rgb.data.data() + static_cast<std::size_t>(y * w + x) * bytes, bytes);
    }
  }
  return out;
}

}  // namespace unblur
