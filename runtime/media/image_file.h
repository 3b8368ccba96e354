// SPDX-License-Identifier: MIT
// Pictures on disk: PNG and baseline or progressive JPEG in, PNG out.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "graph/frame.h"

namespace unblur {

/// What to do with an alpha channel: most callers want a plain picture.
struct Image {
  Frame frame;                      ///< kRgb or kGrey, 8 or 16 bits, full range
  std::vector<std::uint8_t> alpha;  ///< width*height, 8 bit, empty where the file has none
};

/// Largest accepted side and pixel count; a bigger header is refused before anything is allocated.
inline constexpr int kMaxImageSide = 32768;
inline constexpr std::int64_t kMaxImagePixels = std::int64_t{1} << 28;

/// True where the name ends in .png, .jpg or .jpeg (any case).
[[nodiscard]] bool is_image_name(const std::filesystem::path& path);

/// Reads a file by its content, not its name. PNG of 1 to 16 bits, grey, palette or RGB; alpha is kept aside
/// and not multiplied in. JPEG is decoded to RGB (or grey) at 8 bits. No colour profile is applied. Throws
/// InputError (absent, truncated, unsupported, too large).
[[nodiscard]] Image read_image(const std::filesystem::path& path);

/// The same from bytes in memory; `name` stands in messages.
[[nodiscard]] Image decode_image(std::span<const std::byte> bytes, const std::string& name);

/// kRgb or kGrey of 8 or 16 bits as the bytes of a PNG file (depths between are widened to 16).
/// `compression` is zlib's 1..9. Throws ProcessingError.
[[nodiscard]] std::vector<std::byte> encode_png(const Frame& frame, int compression = 6);

/// The same as a file, complete or not at all (write_file). Throws ProcessingError.
void write_png(const std::filesystem::path& path, const Frame& frame, int compression = 6);

}  // namespace unblur
