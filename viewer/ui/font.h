// SPDX-License-Identifier: MIT
// The font that the viewer brings along: DejaVu Sans 2.37 (viewer/fonts, with its licence).
#pragma once

#include <cstddef>
#include <span>

namespace unblur {

/// The bytes of the TrueType file.
[[nodiscard]] std::span<const std::byte> dejavu_sans();

}  // namespace unblur
