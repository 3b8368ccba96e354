// SPDX-License-Identifier: MIT
// Whole files, complete or not at all.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace unblur {

/// Writes the parts one after the other to `<path>.part`, flushes them to the disk and renames. On any
/// failure (disk full, folder absent, ...) nothing is left behind and a ProcessingError says why.
void write_file(const std::filesystem::path& path, std::span<const std::span<const std::byte>> parts);

}  // namespace unblur
