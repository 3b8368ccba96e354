// SPDX-License-Identifier: MIT
// The safetensors layout: 8 bytes little-endian header length, a JSON header, then the tensors' bytes
// without holes or overlaps. The header is checked completely against the size of the file before a
// single tensor is allocated.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "graph/error.h"
#include "graph/file.h"
#include "graph/json_text.h"
#include "graph/model.h"

namespace unblur {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMaxHeader = 16U << 20U;  // a graph of 2 000 nodes takes half a megabyte
constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxRank = 8;
constexpr const char* kMetadataKey = "__metadata__";
constexpr std::array kTypes{DType::kF64, DType::kF32, DType::kF16, DType::kBF16, DType::kI64,
                            DType::kI32, DType::kI16, DType::kI8,  DType::kU8,   DType::kBool};

struct Entry {
  std::string name;
  DType type = DType::kF32;
  Dims dims;
  std::uint64_t begin = 0, end = 0;  ///< within the data that follows the header
};

struct Header {
  std::vector<Entry> entries;  ///< in the order of their bytes
  std::map<std::string, std::string> metadata;
};

std::uint64_t read_length(std::span<const std::byte> bytes) {
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;)
    length = length << 8U | std::to_integer<std::uint64_t>(bytes[i]);
  return length;
}

/// The length of the header of a file of `file_size` bytes that starts with `prefix`.
std::uint64_t header_length(std::span<const std::byte> prefix, std::uint64_t file_size) {
  if (file_size < kLengthBytes) {
    throw ModelError(fmt::format("not a safetensors file: {} bytes, at least 8 are needed", file_size));
  }
  const std::uint64_t length = read_length(prefix);
  if (length > kMaxHeader) {
    throw ModelError(fmt::format("not a safetensors file: header of {} bytes, at most {} are allowed", length,
                                 kMaxHeader));
  }
  if (length > file_size - kLengthBytes) {
    throw ModelError(fmt::format("truncated: the header needs {} bytes and the file has {}",
                                 length + kLengthBytes, file_size));
  }
  return length;
}

DType parse_type(const Json& value, std::string_view where) {
  const std::string name = text(value, "dtype", where);
  for (const DType type : kTypes) {
    if (name_of(type) == name) return type;
  }
  throw ModelError(fmt::format("{}: element type {} is not supported", where, printable(name)));
}

Entry parse_entry(const std::string& name, const Json& value) {
  const std::string where = "tensor " + printable(name);
  Entry entry{.name = name, .type = parse_type(member(value, "dtype", where), where)};

  const Json& shape = member(value, "shape", where);
  if (!shape.is_array() || shape.size() > kMaxRank) {
    throw ModelError(fmt::format("{}: 'shape' must be a list of at most {} sizes", where, kMaxRank));
  }
  for (const Json& size : shape) entry.dims.push_back(integer(size, 0, INT64_MAX, "shape", where));

  const Json& offsets = member(value, "data_offsets", where);
  if (!offsets.is_array() || offsets.size() != 2) {
    throw ModelError(fmt::format("{}: 'data_offsets' must be [begin, end]", where));
  }
  entry.begin = static_cast<std::uint64_t>(integer(offsets[0], 0, INT64_MAX, "data_offsets", where));
  entry.end = static_cast<std::uint64_t>(integer(offsets[1], 0, INT64_MAX, "data_offsets", where));
  if (value.size() != 3) throw ModelError(fmt::format("{}: unknown attribute", where));

  const auto count = static_cast<std::uint64_t>(element_count(entry.dims));
  const std::uint64_t element = size_of(entry.type);
  if (entry.end < entry.begin || (entry.end - entry.begin) % element != 0 ||
      (entry.end - entry.begin) / element != count) {
    throw ModelError(fmt::format("{}: offsets {} to {} do not hold {} elements of {}", where, entry.begin,
                                 entry.end, count, name_of(entry.type)));
  }
  return entry;
}

Header parse_header(std::string_view json_text, std::uint64_t data_bytes) {
  const Json json = parse_json(json_text, "header");
  if (!json.is_object()) throw ModelError("header: not a JSON object");
  Header header;
  for (const auto& [key, value] : json.items()) {
    if (key != kMetadataKey) {
      header.entries.push_back(parse_entry(key, value));
      continue;
    }
    if (!value.is_object()) throw ModelError("header: '__metadata__' is not an object");
    for (const auto& [name, content] : value.items()) {
      if (!content.is_string()) throw ModelError(fmt::format("metadata {}: must be text", printable(name)));
      header.metadata.emplace(name, content.get<std::string>());
    }
  }

  std::ranges::sort(header.entries, [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
  });
  std::uint64_t position = 0;
  for (const Entry& entry : header.entries) {
    if (entry.begin != position) {
      throw ModelError(fmt::format("tensor {}: starts at byte {}, the one before ends at {}: {}",
                                   printable(entry.name), entry.begin, position,
                                   entry.begin < position ? "they overlap" : "a hole lies between"));
    }
    position = entry.end;
  }
  if (position != data_bytes) {
    throw ModelError(fmt::format("{}: the tensors need {} bytes of data and the file has {}",
                                 position > data_bytes ? "truncated" : "bytes after the last tensor",
                                 position, data_bytes));
  }
  return header;
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> as_bytes(const std::string& text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Header with its length in front, and the tensors in the order of their bytes: widest elements first, so
/// that every tensor is aligned, then by name.
struct Layout {
  std::string head;
  std::vector<const Tensor*> order;
};

Layout lay_out(const SafeTensors& content) {
  std::vector<const TensorMap::value_type*> items;
  for (const auto& item : content.tensors) {
    const auto& [name, tensor] = item;
    const auto bytes = static_cast<std::size_t>(tensor.count()) * size_of(tensor.type);
    if (name == kMetadataKey || bytes != tensor.bytes.size()) {
      throw ModelError(fmt::format("tensor {} cannot be written: {} of {} has {} bytes", printable(name),
                                   to_string(tensor.dims), name_of(tensor.type), tensor.bytes.size()));
    }
    items.push_back(&item);
  }
  std::ranges::stable_sort(
      items, [](const auto* a, const auto* b) { return size_of(a->second.type) > size_of(b->second.type); });

  Json json = Json::object();
  if (!content.metadata.empty()) json[kMetadataKey] = content.metadata;
  Layout layout;
  std::uint64_t position = 0;
  for (const auto* item : items) {
    const auto& [name, tensor] = *item;
    json[name] = {{"dtype", name_of(tensor.type)},
                  {"shape", tensor.dims},
                  {"data_offsets", {position, position + tensor.bytes.size()}}};
    position += tensor.bytes.size();
    layout.order.push_back(&tensor);
  }

  std::string text;
  try {
    text = json.dump();
  } catch (const Json::exception&) {
    throw ModelError("safetensors header: a name or metadata text is not valid UTF-8");
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxHeader) throw ModelError("safetensors header: larger than 16 MiB");
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    layout.head += static_cast<char>(text.size() >> (8 * i) & 0xffU);
  }
  layout.head += text;
  return layout;
}

}  // namespace

SafeTensors parse_safetensors(std::span<const std::byte> bytes) {
  const std::uint64_t length = header_length(bytes, bytes.size());
  const auto data = bytes.subspan(kLengthBytes + length);
  Header header = parse_header(as_text(bytes.subspan(kLengthBytes, length)), data.size());
  SafeTensors result{.metadata = std::move(header.metadata)};
  for (Entry& entry : header.entries) {
    Tensor tensor(entry.type, std::move(entry.dims));
    std::ranges::copy(data.subspan(entry.begin, entry.end - entry.begin), tensor.bytes.begin());
    result.tensors.emplace(std::move(entry.name), std::move(tensor));
  }
  return result;
}

SafeTensors read_safetensors(const std::filesystem::path& path) try {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw ModelError(error || !std::filesystem::exists(path) ? "no such file" : "not a regular file");
  }
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  const auto read = [&](std::span<std::byte> into) {
    file.read(reinterpret_cast<char*>(into.data()), static_cast<std::streamsize>(into.size()));
    if (!file) throw ModelError("cannot be read");
  };
  if (error || !file) throw ModelError("cannot be opened");

  std::array<std::byte, kLengthBytes> prefix{};
  if (size >= kLengthBytes) read(prefix);
  std::string json(header_length(prefix, size), '\0');
  read(std::as_writable_bytes(std::span(json)));
  Header header = parse_header(json, size - kLengthBytes - json.size());

  SafeTensors result{.metadata = std::move(header.metadata)};
  for (Entry& entry : header.entries) {
    Tensor tensor(entry.type, std::move(entry.dims));
    read(tensor.bytes);
    result.tensors.emplace(std::move(entry.name), std::move(tensor));
  }
  return result;
} catch (const ModelError& error) {
  throw ModelError(fmt::format("{}: {}", path.string(), error.what()));
}

std::vector<std::byte> serialise_safetensors(const SafeTensors& content) {
  const Layout layout = lay_out(content);
  std::vector<std::byte> bytes;
  const auto append = [&](std::span<const std::byte> part) {
    bytes.insert(bytes.end(), part.begin(), part.end());
  };
  append(as_bytes(layout.head));
  for (const Tensor* tensor : layout.order) append(tensor->bytes);
  return bytes;
}

void write_safetensors(const std::filesystem::path& path, const SafeTensors& content) {
  const Layout layout = lay_out(content);
  std::vector<std::span<const std::byte>> parts{as_bytes(layout.head)};
  for (const Tensor* tensor : layout.order) parts.emplace_back(tensor->bytes);
  write_file(path, parts);
}

}  // namespace unblur
