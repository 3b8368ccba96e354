// SPDX-License-Identifier: MIT
// Writes checkpoints as PyTorch does, byte by byte and without the reader's code, so that hostile ones can be
// written too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace unblur::test {

/// Little-endian integer of `bytes` bytes.
inline std::string little(std::uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(i < 8 ? value >> (8 * i) & 0xFFU : 0);
  return out;
}

/// Opcodes of a pickle of protocol 2; every function returns the part for its value.
namespace pickled {
inline std::string text(std::string_view s) { return "X" + little(s.size(), 4) + std::string(s); }
inline std::string integer(std::int64_t v) { return "\x8a\x08" + little(static_cast<std::uint64_t>(v), 8); }
inline std::string global(std::string_view module, std::string_view name) {
  return "c" + std::string(module) + "\n" + std::string(name) + "\n";
}
inline std::string tuple(const std::vector<std::string>& items) {
  std::string out = "(";
  for (const std::string& item : items) out += item;
  return out + "t";
}
inline std::string integers(const std::vector<std::int64_t>& values) {
  std::vector<std::string> items;
  for (const std::int64_t v : values) items.push_back(integer(v));
  return tuple(items);
}
inline std::string call(const std::string& function, const std::string& arguments) {
  return function + arguments + "R";
}
inline std::string ordered_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = global("collections", "OrderedDict") + ")R(";
  for (const auto& [key, value] : items) out += text(key) + value;
  return out + "u";
}
inline std::string storage(const std::string& type, const std::string& key, std::int64_t count, bool stream) {
  std::vector<std::string> id{text("storage"), global("torch", type), text(key), text("cuda:0"),
                              integer(count)};
  if (stream) id.emplace_back("N");
  return tuple(id) + "Q";
}
inline std::string tensor(const std::string& storage, std::int64_t offset,
                          const std::vector<std::int64_t>& dims, const std::vector<std::int64_t>& strides) {
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              tuple({storage, integer(offset), integers(dims), integers(strides), "\x89", ordered_dict({})}));
}
inline std::string whole(const std::string& object) { return "\x80\x02" + object + "."; }
}  // namespace pickled

struct ZipEntry {
  std::string name, data;
  std::uint32_t claimed = UINT32_MAX;  ///< size in the headers, if it shall be a lie
  int method = 0;
};

inline std::uint32_t crc32(std::string_view data) {
  std::uint32_t crc = ~0U;
  for (const char c : data) {
    crc ^= static_cast<unsigned char>(c);
    for (int i = 0; i < 8; ++i) crc = crc >> 1U ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

/// A zip archive. Entries are stored.
inline std::string zip(const std::vector<ZipEntry>& entries) {
  std::string file, directory;
  for (const ZipEntry& e : entries) {
    const std::uint64_t size = e.claimed != UINT32_MAX ? e.claimed : e.data.size();
    const std::string common = little(0, 2) + little(static_cast<unsigned>(e.method), 2) + little(0, 4) +
                               little(crc32(e.data), 4) + little(size, 4) + little(size, 4) +
                               little(e.name.size(), 2) + little(0, 2);
    directory += "PK\x01\x02" + little(20, 2) + little(20, 2) + common + little(0, 10) +
                 little(file.size(), 4) + e.name;
    file += "PK\x03\x04" + little(20, 2) + common + e.name + e.data;
  }
  const std::size_t start = file.size();
  return file + directory + "PK\x05\x06" + little(0, 4) + little(entries.size(), 2) +
         little(entries.size(), 2) + little(directory.size(), 4) + little(start, 4) + little(0, 2);
}

/// The older container. `keys` in the order of their data.
inline std::string stream(
    const std::string& object,
    const std::vector<std::pair<std::string, std::pair<std::int64_t, std::string>>>& storages) {
  using namespace pickled;
  std::string keys = "](";
  std::string data;
  for (const auto& [key, content] : storages) {
    keys += text(key);
    data += little(static_cast<std::uint64_t>(content.first), 8) + content.second;
  }
  const std::string magic("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 12);
  return whole(magic) + whole(integer(1001)) +
         whole("}(" + text("protocol_version") + integer(1001) + text("little_endian") + "\x88u") +
         whole(object) + whole(keys + "e") + data;
}

}  // namespace unblur::test
