// SPDX-License-Identifier: MIT
// 256 colours for a picture, for GIF. Internal to media/ffmpeg.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "graph/frame.h"

namespace unblur::ff {

struct PalettePicture {
  std::array<std::uint32_t, 256> colours{};  ///< 0xFFRRGGBB, as AV_PIX_FMT_PAL8 wants them
  std::vector<std::uint8_t> pixels;          ///< row by row
};

/// Chooses colours by median cut (Heckbert, "Color image quantization for frame buffer display", 1982) over 5
/// bits per channel, and spreads the rounding errors as Floyd and Steinberg (1976) do. `rgb`: kRgb, 8 bits.
[[nodiscard]] PalettePicture to_palette(const Frame& rgb);

}  // namespace unblur::ff
