// SPDX-License-Identifier: MIT
// State dictionaries as PyTorch stores them, in either container.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/model.h"
#include "torch_writer.h"

namespace unblur::test {

/// Names in the file's order; entries that point to one tensor share its storage.
using TorchEntries = std::vector<std::pair<std::string, const Tensor*>>;

inline std::string torch_file(const TorchEntries& entries, bool as_stream) {
  std::vector<std::pair<std::string, std::string>> items;
  std::vector<ZipEntry> files{{}};
  std::vector<std::pair<std::string, std::pair<std::int64_t, std::string>>> storages;
  std::map<const Tensor*, std::string> keys;
  for (const auto& [name, tensor] : entries) {
    const auto [at, added] = keys.try_emplace(tensor, std::to_string(keys.size()));
    const std::string& key = at->second;
    std::vector<std::int64_t> strides(tensor->dims.size(), 1);
    for (std::size_t i = strides.size(); i-- > 1;) strides[i - 1] = strides[i] * tensor->dims[i];
    items.emplace_back(name,
                       pickled::tensor(pickled::storage("FloatStorage", key, tensor->count(), as_stream), 0,
                                       tensor->dims, strides));
    if (!added) continue;
    const std::string data(reinterpret_cast<const char*>(tensor->bytes.data()), tensor->bytes.size());
    files.push_back({"archive/data/" + key, data});
    storages.emplace_back(key, std::pair{tensor->count(), data});
  }
  const std::string object = pickled::ordered_dict(items);
  files[0] = {"archive/data.pkl", pickled::whole(object)};
  return as_stream ? stream(object, storages) : zip(files);
}

/// One storage each, names under `prefix`.
inline std::string torch_file(const TensorMap& weights, const std::string& prefix, bool as_stream) {
  TorchEntries entries;
  for (const auto& [name, tensor] : weights) entries.emplace_back(prefix + name, &tensor);
  return torch_file(entries, as_stream);
}

}  // namespace unblur::test
