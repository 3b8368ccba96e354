// SPDX-License-Identifier: MIT
// Pictures in memory with their colour description: what readers deliver, executors convert and
// writers take. No colour arithmetic here; graph/colour.h has it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace unblur {

/// How samples lie in memory. Samples of more than 8 bits are 16-bit little endian words whose low
/// `bit_depth` bits carry the value. RGB is interleaved (one plane), YUV is planar (Y, U, V),
/// grey is one plane.
enum class PixelLayout : std::uint8_t { kRgb, kGrey, kYuv420, kYuv422, kYuv444 };

enum class ColourRange : std::uint8_t { kLimited, kFull };
/// RGB <-> YUV matrix (ITU-R BT.601-7, BT.709-6, BT.2020-2 non-constant luminance).
enum class ColourMatrix : std::uint8_t { kBt601, kBt709, kBt2020 };
/// Where chroma samples sit between luma samples (horizontal position first).
enum class ChromaLocation : std::uint8_t { kLeft, kCentre, kTopLeft };

struct ColourDescription {
  ColourRange range = ColourRange::kFull;
  ColourMatrix matrix = ColourMatrix::kBt709;
  ChromaLocation chroma = ChromaLocation::kLeft;
  bool operator==(const ColourDescription&) const = default;
};

/// Size and sample format of a picture; everything an executor must know to convert it.
struct FrameFormat {
  PixelLayout layout = PixelLayout::kRgb;
  int bit_depth = 8;  ///< 8 to 16
  int width = 0;      ///< px, of luma
  int height = 0;
  ColourDescription colour;
  bool operator==(const FrameFormat&) const = default;

  [[nodiscard]] int plane_count() const noexcept {
    return layout == PixelLayout::kRgb || layout == PixelLayout::kGrey ? 1 : 3;
  }
  [[nodiscard]] int plane_width(int plane) const noexcept {
    const bool half = plane > 0 && (layout == PixelLayout::kYuv420 || layout == PixelLayout::kYuv422);
    return half ? (width + 1) / 2 : width;
  }
  [[nodiscard]] int plane_height(int plane) const noexcept {
    return plane > 0 && layout == PixelLayout::kYuv420 ? (height + 1) / 2 : height;
  }
  [[nodiscard]] int bytes_per_sample() const noexcept { return bit_depth > 8 ? 2 : 1; }
  [[nodiscard]] int samples_per_pixel() const noexcept { return layout == PixelLayout::kRgb ? 3 : 1; }
  /// Bytes of one row of a plane without padding; planes are stored tightly, one after the other.
  [[nodiscard]] std::size_t row_bytes(int plane) const noexcept {
    return static_cast<std::size_t>(plane_width(plane)) *
           static_cast<std::size_t>(samples_per_pixel() * bytes_per_sample());
  }
  [[nodiscard]] std::size_t plane_bytes(int plane) const noexcept {
    return row_bytes(plane) * static_cast<std::size_t>(plane_height(plane));
  }
  [[nodiscard]] std::size_t plane_offset(int plane) const noexcept {
    std::size_t offset = 0;
    for (int i = 0; i < plane; ++i) offset += plane_bytes(i);
    return offset;
  }
  [[nodiscard]] std::size_t total_bytes() const noexcept { return plane_offset(plane_count()); }
};

/// A picture that owns its samples: planes tight and in order.
struct Frame {
  FrameFormat format;
  std::vector<std::byte> data;

  Frame() = default;
  explicit Frame(const FrameFormat& f) : format(f), data(f.total_bytes()) {}
  [[nodiscard]] std::byte* plane(int p) noexcept { return data.data() + format.plane_offset(p); }
  [[nodiscard]] const std::byte* plane(int p) const noexcept { return data.data() + format.plane_offset(p); }
};

}  // namespace unblur
