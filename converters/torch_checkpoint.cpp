// SPDX-License-Identifier: MIT
// The two containers of torch.save. The object inside is read by torch_object.cpp.
#include "torch_checkpoint.h"

#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <memory>
#include <set>

#include "graph/error.h"
#include "graph/json_text.h"
#include "pickle.h"

namespace unblur {
namespace {

using Bytes = std::span<const std::byte>;
using Kind = PickleValue::Kind;

constexpr std::uint64_t kSlack = 1U << 20U;
constexpr zip_int64_t kMaxEntries = 1 << 17;
/// 0x1950a86a20f9469cfc6c, little endian, with its leading zero bits: ten bytes.
constexpr std::string_view kStreamMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::int64_t kStreamProtocol = 1001;

std::uint64_t budget(std::uint64_t file_size) { return 4 * file_size + kSlack; }

std::uint64_t bytes_of(const TorchStorage& storage) {
  const auto width = static_cast<std::int64_t>(size_of(storage.type));
  if (storage.count > std::numeric_limits<std::int64_t>::max() / width) {
    throw ModelError(fmt::format("storage {} of {} elements", printable(storage.key), storage.count));
  }
  return static_cast<std::uint64_t>(storage.count * width);
}

// ---- zip ----

struct CloseZip {
  void operator()(zip_t* z) const { zip_discard(z); }
  void operator()(zip_file_t* f) const { zip_fclose(f); }
};

/// A zip archive in memory. Nothing is ever unpacked to the disk; entries are found by name.
class Archive {
 public:
  explicit Archive(Bytes bytes) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
    if (source != nullptr) zip_.reset(zip_open_from_source(source, ZIP_RDONLY, &error));
    if (!zip_) {
      const std::string why = zip_error_strerror(&error);
      zip_error_fini(&error);
      if (source != nullptr) zip_source_free(source);
      throw ModelError(fmt::format("damaged zip archive: {}", why));
    }
    list(bytes.size());
  }

  /// "archive/" of "archive/data.pkl".
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] bool has(const std::string& name) const { return sizes_.contains(root_ + name); }

  [[nodiscard]] std::vector<std::byte> read(const std::string& name) const {
    const auto found = sizes_.find(root_ + name);
    if (found == sizes_.end()) throw ModelError(fmt::format("entry {} is missing", printable(root_ + name)));
    const std::unique_ptr<zip_file_t, CloseZip> file(zip_fopen(zip_.get(), found->first.c_str(), 0));
    if (!file) fail(found->first, zip_strerror(zip_.get()));
    std::vector<std::byte> bytes(found->second);
    for (std::size_t done = 0; done < bytes.size();) {
      const zip_int64_t n = zip_fread(file.get(), bytes.data() + done, bytes.size() - done);
      if (n <= 0) fail(found->first, n < 0 ? zip_file_strerror(file.get()) : "truncated");
      done += static_cast<std::size_t>(n);
    }
    // The checksum is compared at the very end of the entry.
    std::byte beyond{};
    if (zip_fread(file.get(), &beyond, 1) != 0) fail(found->first, "damaged, or longer than announced");
    return bytes;
  }

 private:
  [[noreturn]] static void fail(const std::string& name, std::string_view what) {
    throw ModelError(fmt::format("entry {}: {}", printable(name), what));
  }

  void list(std::uint64_t file_size) {
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    if (count > kMaxEntries) throw ModelError(fmt::format("zip archive of {} entries", count));
    std::uint64_t packed = 0, unpacked = 0;
    std::vector<std::string> objects;
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t stat;
      zip_stat_init(&stat);
      constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE |
                                       ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
      if (zip_stat_index(zip_.get(), static_cast<zip_uint64_t>(i), 0, &stat) != 0 ||
          (stat.valid & kNeeded) != kNeeded) {
        throw ModelError("damaged zip archive: an entry without name or size");
      }
      const std::string name = stat.name;
      check_entry(name, stat);
      if (stat.comp_size > file_size - packed) fail(name, "overlaps others: all entries exceed the file");
      packed += stat.comp_size;
      if (stat.size > budget(file_size) - unpacked) {
        fail(name, fmt::format("unpacks to {} bytes, too many for a file of {}", stat.size, file_size));
      }
      unpacked += stat.size;
      if (!sizes_.emplace(name, stat.size).second) fail(name, "appears twice");
      if (name == "data.pkl" || name.ends_with("/data.pkl")) objects.push_back(name);
    }
    if (objects.size() != 1) {
      throw ModelError(fmt::format(
          "no PyTorch checkpoint: the zip archive has {} entries 'data.pkl', not one", objects.size()));
    }
    root_ = objects[0].substr(0, objects[0].size() - std::string_view("data.pkl").size());
  }

  static void check_entry(const std::string& name, const zip_stat_t& stat) {
    const std::string framed = "/" + name + "/";
    if (name.starts_with('/') || name.find('\\') != std::string::npos ||
        framed.find("/../") != std::string::npos) {
      fail(name, "a path that leads elsewhere");
    }
    if (stat.encryption_method != ZIP_EM_NONE) fail(name, "is encrypted");
    if (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE) {
      fail(name, fmt::format("compression method {} is not supported", stat.comp_method));
    }
    if (stat.comp_method == ZIP_CM_STORE && stat.comp_size != stat.size) {
      fail(name, "is stored, but with another size");
    }
  }

  std::unique_ptr<zip_t, CloseZip> zip_;
  std::map<std::string, std::uint64_t> sizes_;
  std::string root_;
};

TorchCheckpoint parse_zip(Bytes bytes) {
  const Archive archive(bytes);
  if (archive.has("byteorder")) {
    const std::vector<std::byte> order = archive.read("byteorder");
    if (std::string_view(reinterpret_cast<const char*>(order.data()), order.size()) != "little") {
      throw ModelError("written on a big-endian machine: not supported");
    }
  }
  const std::vector<std::byte> pickle = archive.read("data.pkl");
  TorchObject object = parse_torch_object(pickle, budget(bytes.size()));
  const auto load = [&](const TorchStorage& storage) {
    std::vector<std::byte> data = archive.read("data/" + storage.key);
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
    return std::vector<std::byte>(part->second.begin(), part->second.end());
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
