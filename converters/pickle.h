// SPDX-License-Identifier: MIT
// A restricted reader of Python pickles (protocols 2 to 4): it builds a tree of plain values and runs
// nothing. A pickle may name functions and classes; only those of a list are taken, and even these are not
// called: a call is a value with its arguments, which the caller interprets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

namespace unblur {

/// Names a value of a Pickle. Values may be shared, and a hostile pickle may hold cycles.
using PickleRef = std::uint32_t;

struct PickleValue {
  enum class Kind : std::uint8_t {
    kNone,
    kBool,        ///< integer: 0 or 1
    kInteger,     ///< integer
    kLong,        ///< beyond 64 bits; text: little-endian two's complement
    kReal,        ///< real
    kText,        ///< text, UTF-8 as far as the writer kept to it
    kBytes,       ///< text
    kGlobal,      ///< text: "module.name", one of the allowed ones
    kTuple,       ///< items
    kList,        ///< items
    kDict,        ///< items: key, value, key, value, ... in the order of writing
    kCall,        ///< items: a kGlobal and its arguments, a kTuple
    kPersistent,  ///< items: the identifier
  };
  Kind kind = Kind::kNone;
  std::int64_t integer = 0;
  double real = 0;
  std::string_view text;  ///< into the bytes that were read, or into the list of allowed names
  std::vector<PickleRef> items;
};

class Pickle {
 public:
  static constexpr std::size_t kMaxMemory = 5U << 20U;  ///< bytes; values of some 3000 tensors

  /// Reads one pickle at the start of `bytes`, which must outlive it. Globals that are not in `allowed`
  /// ("collections.OrderedDict") are refused by name. `collections.OrderedDict()` becomes a kDict; what BUILD
  /// attaches to a dictionary (`_metadata`) is dropped. Throws ModelError on anything else than protocols 2
  /// to 4 write for plain data, on more than 4 MiB, and before its values would take more than kMaxMemory.
  Pickle(std::span<const std::byte> bytes, std::span<const std::string_view> allowed);

  [[nodiscard]] const PickleValue& at(PickleRef ref) const { return values_[ref]; }
  [[nodiscard]] const PickleValue& root() const { return values_[root_]; }
  [[nodiscard]] std::size_t length() const { return length_; }  ///< bytes that it took
  [[nodiscard]] std::size_t size() const { return values_.size(); }

 private:
  friend class PickleMachine;
  std::deque<PickleValue> values_;  ///< grows without copies
  PickleRef root_ = 0;
  std::size_t length_ = 0;
};

}  // namespace unblur
