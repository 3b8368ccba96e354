// SPDX-License-Identifier: MIT
// Reads checkpoints that PyTorch's `torch.save` wrote, without PyTorch and without running anything in them.
//
// Both containers: the zip archive (`<name>/data.pkl`, `<name>/data/<key>`; since 1.6) and the older stream
// (magic number, protocol, system information, object, storage keys, storages).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/tensor.h"

namespace unblur {

struct TorchCheckpoint {
  std::string container;  ///< "PyTorch zip" or "PyTorch stream"
  /// Dense, row-major, whatever the strides in the file. Dictionaries and lists are joined with dots:
  /// "state_dict.module.conv.weight". Device tags are ignored.
  TensorMap tensors;
  std::map<std::string, std::string> values;  ///< numbers and texts beside the tensors, named alike
};

/// Whether a file that starts with these bytes (16 suffice) is a zip archive or a pickle.
[[nodiscard]] bool looks_like_torch(std::span<const std::byte> head) noexcept;

/// What reading a file may take beside its bytes and its tensors: the values of its pickle and their names.
constexpr std::uint64_t kTorchParserBytes = 8U << 20U;
/// By how much all tensors together may exceed the file (views of one storage count each).
constexpr std::uint64_t kTorchSharedBytes = 1U << 20U;

/// Throws ModelError on whatever is malformed, unsupported or hostile; globals that tensors do not need are
/// refused by name, and so are compressed zip entries, which PyTorch does not write. A file is refused before
/// anything is allocated for its tensors: until then reading takes less than its size and kTorchParserBytes.
[[nodiscard]] TorchCheckpoint parse_torch_checkpoint(std::span<const std::byte> bytes);
/// The same, naming the file. Throws InputError if it cannot be opened.
[[nodiscard]] TorchCheckpoint read_torch_checkpoint(const std::filesystem::path& path);

// ---- the parts, for tests and the fuzzer ----

/// Elements of one type under a key; what pickles refer to.
struct TorchStorage {
  std::string key;
  DType type = DType::kF32;
  std::int64_t count = 0;
};
/// The bytes of a storage, exactly as many as it says. Throws ModelError if it cannot.
using LoadStorage = std::function<std::span<const std::byte>(const TorchStorage&)>;

/// A tensor as the pickle describes it: a view into a storage, checked to lie within.
struct TorchView {
  std::string name;
  std::size_t storage = 0;  ///< index into TorchObject::storages
  std::int64_t offset = 0;  ///< elements
  Dims dims, strides;
};
struct TorchObject {
  std::vector<TorchStorage> storages;
  std::vector<TorchView> views;
  std::map<std::string, std::string> values;
  std::size_t length = 0;  ///< bytes of the pickle
};

/// Reads the pickle of a checkpoint; tensors that would take more than `budget` bytes are refused.
[[nodiscard]] TorchObject parse_torch_object(std::span<const std::byte> pickle, std::uint64_t budget);
/// Makes every view of `object` dense, once all storages were found.
[[nodiscard]] TensorMap load_tensors(const TorchObject& object, const LoadStorage& load);

}  // namespace unblur
