// SPDX-License-Identifier: MIT
// The entries of a zip archive that lies in memory, as PyTorch writes them: stored, never compressed. Nothing
// is unpacked: an entry is a part of the archive's own bytes, so that reading takes no memory beyond the list
// of entries, which is smaller than the directory it came from. Formula source: APPNOTE.TXT 6.3 of PKWARE.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unblur {

class ZipArchive {
 public:
  struct Entry {
    std::string_view name;
    std::span<const std::byte> data;
    std::uint32_t crc = 0;
  };

  /// `bytes` must outlive it. Throws ModelError naming the entry: damaged or truncated archives, compressed
  /// or encrypted entries, names that lead elsewhere or appear twice, entries that together exceed the
  /// archive.
  explicit ZipArchive(std::span<const std::byte> bytes);

  [[nodiscard]] std::span<const Entry> entries() const { return entries_; }  ///< in the order of their names
  /// Null if there is none of that name.
  [[nodiscard]] const Entry* find(std::string_view name) const;
  /// The bytes of an entry, its checksum compared. Throws ModelError if there is none or it is damaged.
  [[nodiscard]] std::span<const std::byte> read(std::string_view name) const;

 private:
  std::vector<Entry> entries_;
};

}  // namespace unblur
