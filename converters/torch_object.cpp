// SPDX-License-Identifier: MIT
// From the pickle of a checkpoint to named tensors.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "graph/error.h"
#include "graph/json_text.h"
#include "pickle.h"
#include "torch_checkpoint.h"

namespace unblur {
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxRank = 8, kMaxValues = 1024, kMaxKey = 64;
constexpr std::size_t kMaxMemory = 2U << 20U;  // of names, sizes and storages

/// All that state dictionaries need. Everything else (torch.storage._load_from_bytes, builtins.eval, ...) is
/// refused where the pickle names it.
constexpr std::array<std::string_view, 26> kAllowed{
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.Size",
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.BFloat16Storage",
    "torch.LongStorage",
    "torch.IntStorage",
    "torch.ShortStorage",
    "torch.CharStorage",
    "torch.ByteStorage",
    "torch.BoolStorage",
    "torch.cuda.DoubleStorage",
    "torch.cuda.FloatStorage",
    "torch.cuda.HalfStorage",
    "torch.cuda.BFloat16Storage",
    "torch.cuda.LongStorage",
    "torch.cuda.IntStorage",
    "torch.cuda.ShortStorage",
    "torch.cuda.CharStorage",
    "torch.cuda.ByteStorage",
    "torch.cuda.BoolStorage",
};

struct StorageType {
  std::string_view name;
  DType type;
};
constexpr StorageType kStorageTypes[] = {{"DoubleStorage", DType::kF64}, {"FloatStorage", DType::kF32},
                                         {"HalfStorage", DType::kF16},   {"BFloat16Storage", DType::kBF16},
                                         {"LongStorage", DType::kI64},   {"IntStorage", DType::kI32},
                                         {"ShortStorage", DType::kI16},  {"CharStorage", DType::kI8},
                                         {"ByteStorage", DType::kU8},    {"BoolStorage", DType::kBool}};

/// Walks the values of a pickle and collects tensors by name.
class Collector {
 public:
  Collector(const Pickle& pickle, std::uint64_t budget) : pickle_(pickle), budget_(budget) {}

  TorchObject collect() && {
    visit(pickle_.root(), "", 0);
    object_.length = pickle_.length();
    return std::move(object_);
  }

 private:
  /// Accounts for memory before it is taken: names are a hundred times larger than the bytes that add one.
  void charge(std::size_t bytes) {
    if (bytes > kMaxMemory - charged_) throw ModelError("the pickle holds too many tensors");
    charged_ += bytes;
  }
  [[noreturn]] static void fail(const std::string& name, const std::string& what) {
    throw ModelError(fmt::format("tensor {}: {}", printable(name), what));
  }
  const PickleValue& item(const PickleValue& value, std::size_t i, const std::string& name) const {
    if (i >= value.items.size()) fail(name, "arguments are missing");
    return pickle_.at(value.items[i]);
  }

  void visit(const PickleValue& value, const std::string& name, int depth) {
    // Shared values make trees of 2^n visits out of n bytes, and cycles endless ones.
    if (++visits_ > 4 * pickle_.size() + 1024) throw ModelError("the pickle nests shared values without end");
    if (depth > kMaxDepth) throw ModelError(fmt::format("the pickle is nested deeper than {}", kMaxDepth));
    switch (value.kind) {
      case Kind::kDict:
        for (std::size_t i = 0; i < value.items.size(); i += 2) {
          visit(pickle_.at(value.items[i + 1]), joined(name, pickle_.at(value.items[i])), depth + 1);
        }
        return;
      case Kind::kList:
      case Kind::kTuple:
        for (std::size_t i = 0; i < value.items.size(); ++i) {
          visit(pickle_.at(value.items[i]), joined(name, std::to_string(i)), depth + 1);
        }
        return;
      case Kind::kCall:
        return add_tensor(value, name, depth);
      default:
        return add_value(value, name);
    }
  }

  static std::string joined(const std::string& name, std::string_view key) {
    constexpr std::size_t kMaxName = 512;
    if (name.size() + key.size() > kMaxName) throw ModelError("a name is longer than 512 bytes");
    return name.empty() ? std::string(key) : fmt::format("{}.{}", name, key);
  }
  static std::string joined(const std::string& name, const PickleValue& key) {
    if (key.kind == Kind::kText) return joined(name, key.text);
    if (key.kind == Kind::kInteger) return joined(name, std::to_string(key.integer));
    throw ModelError(fmt::format("{}: a key that is neither text nor an integer", printable(name)));
  }

  void add_value(const PickleValue& value, const std::string& name) {
    if (object_.values.size() >= kMaxValues) return;
    if (value.kind == Kind::kBool) object_.values[name] = value.integer != 0 ? "true" : "false";
    if (value.kind == Kind::kInteger) object_.values[name] = std::to_string(value.integer);
    if (value.kind == Kind::kReal) object_.values[name] = fmt::format("{}", value.real);
    if (value.kind == Kind::kText) object_.values[name] = printable(value.text);
  }

  void add_tensor(const PickleValue& call, const std::string& name, int depth) {
    const std::string_view function = pickle_.at(call.items[0]).text;
    const PickleValue& arguments = pickle_.at(call.items[1]);
    if (function == "torch.Size") return;
    if (function.starts_with("torch._utils._rebuild_parameter")) {
      return visit(item(arguments, 0, name), name, depth + 1);
    }
    if (!function.starts_with("torch._utils._rebuild_tensor")) {
      fail(name, fmt::format("a call of {} makes no tensor", function));
    }
    TorchView view{.name = name, .dims = integers(item(arguments, 2, name), name)};
    view.strides = integers(item(arguments, 3, name), name);
    view.offset = integer(item(arguments, 1, name), name);
    view.storage = storage(item(arguments, 0, name), view.offset, name);
    check(view);
    constexpr std::size_t kNode = 64;  // of the set of names
    charge(sizeof(TorchView) + kNode + 2 * name.size() + 4 * kMaxRank * sizeof(std::int64_t));
    if (!names_.insert(name).second) fail(name, "appears twice");
    object_.views.push_back(std::move(view));
  }

  static std::int64_t integer(const PickleValue& value, const std::string& name) {
    if (value.kind != Kind::kInteger || value.integer < 0)
      fail(name, "a size or offset is no natural number");
    return value.integer;
  }
  Dims integers(const PickleValue& value, const std::string& name) const {
    if (value.kind == Kind::kCall && pickle_.at(value.items[0]).text == "torch.Size") {
      return integers(item(pickle_.at(value.items[1]), 0, name), name);
    }
    if ((value.kind != Kind::kTuple && value.kind != Kind::kList) || value.items.size() > kMaxRank) {
      fail(name, fmt::format("sizes must be a list of at most {} numbers", kMaxRank));
    }
    Dims dims;
    for (const PickleRef ref : value.items) dims.push_back(integer(pickle_.at(ref), name));
    return dims;
  }

  /// ('storage', type, key, location, count[, (view key, offset, count)]): its index. Adds the offset of a
  /// view of old files.
  std::size_t storage(const PickleValue& value, std::int64_t& offset, const std::string& name) {
    if (value.kind != Kind::kPersistent) fail(name, "its storage is no persistent identifier");
    const PickleValue& id = item(value, 0, name);
    const PickleValue& tag = item(id, 0, name);
    const PickleValue& key = item(id, 2, name);
    if (tag.text != "storage" || key.kind != Kind::kText || key.text.size() > kMaxKey) {
      fail(name, "its storage is of an unknown kind");
    }
    TorchStorage found{.key = std::string(key.text),
                       .type = storage_type(item(id, 1, name), name),
                       .count = integer(item(id, 4, name), name)};
    if (id.items.size() > 5 && item(id, 5, name).kind == Kind::kTuple) {
      const std::int64_t start = integer(item(item(id, 5, name), 1, name), name);
      if (start > found.count) fail(name, "its storage starts behind its end");
      offset = std::min(offset, INT64_MAX - start) + start;
    }
    const auto [known, added] = keys_.emplace(found.key, object_.storages.size());
    if (added) {
      charge(2 * sizeof(TorchStorage) + 4 * kMaxKey);
      object_.storages.push_back(std::move(found));
    } else if (const TorchStorage& first = object_.storages[known->second];
               first.type != found.type || first.count != found.count) {
      fail(name, fmt::format("storage {} is of another type or size elsewhere", printable(found.key)));
    }
    return known->second;
  }
  static DType storage_type(const PickleValue& value, const std::string& name) {
    if (value.kind == Kind::kGlobal) {
      const std::string_view plain = value.text.substr(value.text.rfind('.') + 1);
      for (const StorageType& known : kStorageTypes) {
        if (known.name == plain) return known.type;
      }
    }
    fail(name, "the type of its storage is unknown");
  }

  /// The view lies within its storage and all tensors within the budget.
  void check(const TorchView& view) {
    const TorchStorage& in = object_.storages[view.storage];
    if (view.strides.size() != view.dims.size()) fail(view.name, "sizes and strides differ in number");
    const std::int64_t count = element_count(view.dims);
    const auto width = static_cast<std::uint64_t>(size_of(in.type));
    __extension__ using Wide = __int128;  // holds the sum, since the product of the sizes fits 63 bits
    Wide last = view.offset;
    for (std::size_t i = 0; count > 0 && i < view.dims.size(); ++i) {
      last += Wide{view.dims[i] - 1} * view.strides[i];
    }
    if (count > 0 && last >= in.count) {
      fail(view.name, fmt::format("{} at {} reaches beyond the {} elements of storage {}",
                                  to_string(view.dims), view.offset, in.count, printable(in.key)));
    }
    if (static_cast<std::uint64_t>(count) > (budget_ - used_) / width) {
      fail(view.name, fmt::format("{} of {}: all tensors would take more than {} bytes, which a file of this "
                                  "size does not hold",
                                  to_string(view.dims), name_of(in.type), budget_));
    }
    used_ += static_cast<std::uint64_t>(count) * width;
  }

  const Pickle& pickle_;
  std::uint64_t budget_, used_ = 0;
  std::size_t visits_ = 0, charged_ = 0;
  std::unordered_set<std::string> names_;
  std::unordered_map<std::string, std::size_t> keys_;  ///< of storages, to their index
  TorchObject object_;
};

/// Copies the last dimension in runs; the ones before it are counted like an odometer.
Tensor dense(const TorchView& view, DType type, std::span<const std::byte> bytes) {
  Tensor out(type, view.dims);
  const std::size_t width = size_of(type);
  const std::int64_t total = out.count();
  if (total == 0) return out;
  const std::size_t rank = view.dims.size();
  const std::int64_t run = rank == 0 ? 1 : view.dims[rank - 1];
  const std::int64_t step = rank == 0 ? 1 : view.strides[rank - 1];
  std::vector<std::int64_t> at(rank, 0);
  std::byte* target = out.bytes.data();
  for (std::int64_t done = 0; done < total; done += run) {
    std::int64_t from = view.offset;
    for (std::size_t i = 0; i + 1 < rank; ++i) from += at[i] * view.strides[i];
    const std::byte* source = bytes.data() + static_cast<std::size_t>(from) * width;
    if (step == 1) {
      std::memcpy(target, source, static_cast<std::size_t>(run) * width);
    } else {
      for (std::int64_t i = 0; i < run; ++i) {
        std::memcpy(target + static_cast<std::size_t>(i) * width,
                    source + static_cast<std::size_t>(i * step) * width, width);
      }
    }
    target += static_cast<std::size_t>(run) * width;
    for (std::size_t i = rank - std::min<std::size_t>(rank, 1); i-- > 0;) {
      if (++at[i] < view.dims[i]) break;
      at[i] = 0;
    }
  }
  return out;
}

}  // namespace

TorchObject parse_torch_object(std::span<const std::byte> pickle, std::uint64_t budget) {
  const Pickle read(pickle, kAllowed);
  return Collector(read, budget).collect();
}

TensorMap load_tensors(const TorchObject& object, const LoadStorage& load) {
  std::vector<std::span<const std::byte>> parts;
  parts.reserve(object.storages.size());
  for (const TorchStorage& storage : object.storages) parts.push_back(load(storage));
  TensorMap tensors;
  for (const TorchView& view : object.views) {
    tensors.emplace(view.name, dense(view, object.storages[view.storage].type, parts[view.storage]));
  }
  return tensors;
}

}  // namespace unblur
