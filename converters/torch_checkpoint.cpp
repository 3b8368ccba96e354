// SPDX-License-Identifier: MIT
// The two containers of torch.save. The object inside is read by torch_object.cpp.
#include "torch_checkpoint.h"

#include <fmt/format.h>

#include <fstream>
#include <limits>

#include "graph/error.h"
#include "graph/json_text.h"
#include "pickle.h"
#include "zip_archive.h"

namespace unblur {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

/// 0x1950a86a20f9469cfc6c, little endian, with its leading zero bits: ten bytes.
constexpr std::string_view kStreamMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t kStreamProtocol = 1001;

/// Of all dense tensors. Whatever shares storages may exceed the file a little.
std::uint64_t budget(std::uint64_t file_size) { return file_size + kTorchSharedBytes; }

std::uint64_t bytes_of(const TorchStorage& storage) {
  const auto width = static_cast<std::int64_t>(size_of(storage.type));
  if (storage.count > std::numeric_limits<std::int64_t>::max() / width) {
    throw ModelError(fmt::format("storage {} of {} elements", printable(storage.key), storage.count));
  }
  return static_cast<std::uint64_t>(storage.count * width);
}

// ---- zip ----

/// "archive/" of "archive/data.pkl".
std::string_view root_of(const ZipArchive& archive) {
  constexpr std::string_view kObject = "data.pkl";
  std::string_view root;
  int objects = 0;
  for (const ZipArchive::Entry& entry : archive.entries()) {
    if (entry.name != kObject && !entry.name.ends_with("/data.pkl")) continue;
    root = entry.name.substr(0, entry.name.size() - kObject.size());
    ++objects;
  }
  if (objects == 1) return root;
  throw ModelError(
      fmt::format("no PyTorch checkpoint: the zip archive has {} entries 'data.pkl', not one", objects));
}

TorchCheckpoint parse_zip(Bytes bytes) {
  const ZipArchive archive(bytes);
  const std::string_view root = root_of(archive);
  if (const std::string name = fmt::format("{}byteorder", root); archive.find(name) != nullptr) {
    const Bytes order = archive.read(name);
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little") {
      throw ModelError("written on a big-endian machine: not supported");
    }
  }
  TorchObject object =
      parse_torch_object(archive.read(fmt::format("{}data.pkl", root)), budget(bytes.size()));
  const auto load = [&](const TorchStorage& storage) {
    const Bytes data = archive.read(fmt::format("{}data/{}", root, storage.key));
    if (data.size() != bytes_of(storage)) {
      throw ModelError(fmt::format("storage {} has {} bytes, the pickle says {} elements of {}",
                                   printable(storage.key), data.size(), storage.count,
                                   name_of(storage.type)));
    }
    return data;
  };
  return {"PyTorch zip", load_tensors(object, load), std::move(object.values)};
}

// ---- stream ----

const PickleValue* find(const Pickle& pickle, std::string_view key) {
  const PickleValue& root = pickle.root();
  if (root.kind != Kind::kDict) return nullptr;
  for (std::size_t i = 0; i < root.items.size(); i += 2) {
    if (pickle.at(root.items[i]).text == key) return &pickle.at(root.items[i + 1]);
  }
  return nullptr;
}

/// Three pickles stand before the object: magic number, protocol, and facts about the machine.
std::size_t skip_preamble(Bytes bytes) {
  std::size_t at = 0;
  const auto next = [&] {
    Pickle pickle(bytes.subspan(at), {});
    at += pickle.length();
    return pickle;
  };
  const Pickle magic = next();
  if (magic.root().kind != Kind::kLong || magic.root().text != kStreamMagic) {
    throw ModelError("no PyTorch checkpoint: a pickle without its magic number");
  }
  if (const Pickle protocol = next(); protocol.root().integer != kStreamProtocol) {
    throw ModelError(fmt::format("PyTorch stream of protocol {}; {} is supported", protocol.root().integer,
                                 kStreamProtocol));
  }
  const Pickle system = next();
  const PickleValue* little = find(system, "little_endian");
  if (little == nullptr || little->integer != 1) {
    throw ModelError("written on a big-endian machine, or without saying so: not supported");
  }
  return at;
}

/// Where the elements of each storage lie: a count of eight bytes, then the elements, in the order of `keys`.
std::map<std::string, Bytes> locate(const TorchObject& object, const Pickle& keys, Bytes bytes) {
  std::map<std::string_view, const TorchStorage*> known;
  for (const TorchStorage& storage : object.storages) known[storage.key] = &storage;
  std::map<std::string, Bytes> parts;
  if (keys.root().kind != Kind::kList) throw ModelError("the list of storage keys is missing");
  for (const PickleRef ref : keys.root().items) {
    const std::string key(keys.at(ref).text);
    const auto storage = known.find(key);
    if (storage == known.end()) {
      throw ModelError(fmt::format("storage {} belongs to no tensor", printable(key)));
    }
    constexpr std::size_t kCountBytes = 8;
    const std::uint64_t size = bytes_of(*storage->second);
    if (bytes.size() < kCountBytes || size > bytes.size() - kCountBytes) {
      throw ModelError(fmt::format("truncated: storage {} needs {} bytes", printable(key), size));
    }
    std::uint64_t count = 0;
    for (std::size_t i = kCountBytes; i-- > 0;)
      count = count << 8U | std::to_integer<std::uint64_t>(bytes[i]);
    if (count != static_cast<std::uint64_t>(storage->second->count)) {
      throw ModelError(fmt::format("storage {} has {} elements, the pickle says {}", printable(key), count,
                                   storage->second->count));
    }
    if (!parts.emplace(key, bytes.subspan(kCountBytes, size)).second) {
      throw ModelError(fmt::format("storage {} appears twice", printable(key)));
    }
    bytes = bytes.subspan(kCountBytes + size);
  }
  if (!bytes.empty()) throw ModelError(fmt::format("{} bytes after the last storage", bytes.size()));
  return parts;
}

TorchCheckpoint parse_stream(Bytes bytes) {
  std::size_t at = skip_preamble(bytes);
  TorchObject object = parse_torch_object(bytes.subspan(at), budget(bytes.size()));
  at += object.length;
  const Pickle keys(bytes.subspan(at), {});
  const std::map<std::string, Bytes> parts = locate(object, keys, bytes.subspan(at + keys.length()));
  const auto load = [&](const TorchStorage& storage) {
    const auto part = parts.find(storage.key);
    if (part == parts.end()) throw ModelError(fmt::format("storage {} is missing", printable(storage.key)));
    return part->second;
  };
  return {"PyTorch stream", load_tensors(object, load), std::move(object.values)};
}

bool is_zip(Bytes head) {
  return head.size() >= 4 && head[0] == std::byte{'P'} && head[1] == std::byte{'K'} &&
         head[2] == std::byte{3} && head[3] == std::byte{4};
}

}  // namespace

bool looks_like_torch(Bytes head) noexcept {
  return is_zip(head) || (head.size() >= 2 && head[0] == std::byte{0x80} && head[1] >= std::byte{2} &&
                          head[1] <= std::byte{5});
}

TorchCheckpoint parse_torch_checkpoint(Bytes bytes) {
  if (is_zip(bytes)) return parse_zip(bytes);
  if (looks_like_torch(bytes)) return parse_stream(bytes);
  throw ModelError("no PyTorch checkpoint: neither a zip archive nor a pickle");
}

TorchCheckpoint read_torch_checkpoint(const std::filesystem::path& path) try {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) throw InputError(fmt::format("{}: cannot be opened", path.string()));
  std::vector<std::byte> bytes(size);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (!file) throw InputError(fmt::format("{}: cannot be read", path.string()));
  return parse_torch_checkpoint(bytes);
} catch (const ModelError& error) {
  throw ModelError(fmt::format("{}: {}", path.string(), error.what()));
}

}  // namespace unblur
