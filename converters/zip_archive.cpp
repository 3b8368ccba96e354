// SPDX-License-Identifier: MIT
#include "zip_archive.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/error.h"
#include "graph/json_text.h"

namespace unblur {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint64_t kLocalHeader = 0x04034b50, kDirectoryEntry = 0x02014b50, kEnd = 0x06054b50;
constexpr std::uint64_t kWideEnd = 0x06064b50, kWideLocator = 0x07064b50;
constexpr std::size_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kWideEndSize = 56, kLocatorSize = 20;

[[noreturn]] void damaged(std::string_view what) {
  throw ModelError(fmt::format("damaged zip archive: {}", what));
}
[[noreturn]] void fail(std::string_view name, std::string_view what) {
  throw ModelError(fmt::format("entry {}: {}", printable(name), what));
}

Bytes part(Bytes bytes, std::uint64_t at, std::uint64_t count) {
  if (at > bytes.size() || count > bytes.size() - at) damaged("truncated");
  return bytes.subspan(at, count);
}
/// Little endian, `width` at most 8.
std::uint64_t number(Bytes bytes, std::uint64_t at, std::size_t width) {
  const Bytes digits = part(bytes, at, width);
  std::uint64_t value = 0;
  for (std::size_t i = width; i-- > 0;) value = value << 8U | std::to_integer<std::uint64_t>(digits[i]);
  return value;
}
std::string_view text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

struct Directory {
  std::uint64_t count = 0, size = 0, offset = 0;
};

/// The end record stands last, but for a comment of at most 64 KiB.
Directory find_directory(Bytes bytes) {
  constexpr std::size_t kMaxComment = 0xFFFF;
  if (bytes.size() < kEndSize) damaged("no end record");
  const std::size_t last = bytes.size() - kEndSize;
  for (std::size_t comment = 0; comment <= std::min(last, kMaxComment); ++comment) {
    const std::size_t at = last - comment;
    if (number(bytes, at, 4) != kEnd || number(bytes, at + 20, 2) != comment) continue;
    const Directory plain{number(bytes, at + 10, 2), number(bytes, at + 12, 4), number(bytes, at + 16, 4)};
    if (plain.count != 0xFFFF && plain.size != 0xFFFFFFFF && plain.offset != 0xFFFFFFFF) return plain;
    if (at < kLocatorSize || number(bytes, at - kLocatorSize, 4) != kWideLocator) return plain;
    const Bytes wide = part(bytes, number(bytes, at - kLocatorSize + 8, 8), kWideEndSize);
    if (number(wide, 0, 4) != kWideEnd) damaged("no 64-bit end record");
    return {number(wide, 32, 8), number(wide, 40, 8), number(wide, 48, 8)};
  }
  damaged("no end record");
}

struct Place {
  std::uint64_t packed, size, header;
};

/// Sizes and place of an entry; what does not fit 32 bits stands in its extra field 1, in this order.
Place place_of(Bytes entry, Bytes extra) {
  Place place{number(entry, 20, 4), number(entry, 24, 4), number(entry, 42, 4)};
  for (std::uint64_t at = 0; at + 4 <= extra.size();) {
    const Bytes field = part(extra, at + 4, number(extra, at + 2, 2));
    if (number(extra, at, 2) == 1) {
      std::size_t next = 0;
      for (std::uint64_t* value : {&place.size, &place.packed, &place.header}) {
        if (*value != 0xFFFFFFFF) continue;
        *value = number(field, next, 8);
        next += 8;
      }
    }
    at += 4 + field.size();
  }
  return place;
}

void check(std::string_view name, Bytes entry, const Place& place) {
  const std::string framed = fmt::format("/{}/", name);
  if (name.starts_with('/') || name.find('\\') != std::string_view::npos ||
      framed.find("/../") != std::string::npos) {
    fail(name, "a path that leads elsewhere");
  }
  if ((number(entry, 8, 2) & 1U) != 0) fail(name, "is encrypted");
  if (const std::uint64_t method = number(entry, 10, 2); method != 0) {
    fail(name, fmt::format("is compressed (method {}); PyTorch stores its entries as they are", method));
  }
  if (place.packed != place.size) fail(name, "is stored, but with another size");
}

/// The data behind the entry's own header, which must name it too.
Bytes data_of(Bytes bytes, std::string_view name, const Place& place) {
  const Bytes header = part(bytes, place.header, kLocalSize);
  if (number(header, 0, 4) != kLocalHeader) fail(name, "has no header");
  const std::uint64_t name_size = number(header, 26, 2), start = place.header + kLocalSize;
  if (text(part(bytes, start, name_size)) != name) fail(name, "has another name in its header");
  return part(bytes, start + name_size + number(header, 28, 2), place.size);
}

using Table = std::array<std::uint32_t, 256>;
constexpr Table make_table() {
  Table table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? 0xEDB88320U : 0U);
    table[i] = value;
  }
  return table;
}
constexpr Table kTable = make_table();

/// CRC-32 of ISO 3309, as zip archives have it.
std::uint32_t checksum(Bytes bytes) {
  std::uint32_t crc = ~0U;
  for (const std::byte b : bytes) crc = crc >> 8U ^ kTable[(crc ^ std::to_integer<std::uint32_t>(b)) & 0xFFU];
  return ~crc;
}

}  // namespace

ZipArchive::ZipArchive(Bytes bytes) {
  const Directory directory = find_directory(bytes);
  const Bytes list = part(bytes, directory.offset, directory.size);
  if (directory.count > list.size() / kEntrySize) damaged("its directory is too short");
  entries_.reserve(directory.count);
  std::uint64_t at = 0, total = 0;
  for (std::uint64_t i = 0; i < directory.count; ++i) {
    const Bytes entry = part(list, at, kEntrySize);
    if (number(entry, 0, 4) != kDirectoryEntry) damaged("an entry of its directory is none");
    const std::uint64_t name_size = number(entry, 28, 2), extra_size = number(entry, 30, 2);
    const std::string_view name = text(part(list, at + kEntrySize, name_size));
    const Place place = place_of(entry, part(list, at + kEntrySize + name_size, extra_size));
    check(name, entry, place);
    if (place.size > bytes.size() - total) fail(name, "overlaps others: all entries exceed the file");
    total += place.size;
    entries_.push_back({name, data_of(bytes, name, place), static_cast<std::uint32_t>(number(entry, 16, 4))});
    at += kEntrySize + name_size + extra_size + number(entry, 32, 2);
  }
  std::ranges::sort(entries_, {}, &Entry::name);
  if (const auto twice = std::ranges::adjacent_find(entries_, {}, &Entry::name); twice != entries_.end()) {
    fail(twice->name, "appears twice");
  }
}

const ZipArchive::Entry* ZipArchive::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(entries_, name, {}, &Entry::name);
  return found == entries_.end() || found->name != name ? nullptr : &*found;
}

Bytes ZipArchive::read(std::string_view name) const {
  const Entry* entry = find(name);
  if (entry == nullptr) throw ModelError(fmt::format("entry {} is missing", printable(name)));
  if (checksum(entry->data) != entry->crc) fail(name, "is damaged: its checksum differs");
  return entry->data;
}

}  // namespace unblur
