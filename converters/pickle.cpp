// SPDX-License-Identifier: MIT
#include "pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <string>

#include "graph/error.h"
#include "graph/json_text.h"

namespace unblur {

constexpr std::size_t kMaxBytes = 4U << 20U;
constexpr PickleRef kMark = 0xFFFFFFFF, kAbsent = kMark;

/// The stack machine of the format. One function per family of opcodes; each returns false on those of
/// others.
class PickleMachine {
 public:
  using Kind = PickleValue::Kind;

  PickleMachine(Pickle& pickle, std::span<const std::byte> bytes, std::span<const std::string_view> allowed)
      : values_(pickle.values_),
        bytes_(reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kMaxBytes)),
        cut_(bytes.size() > kMaxBytes),
        allowed_(allowed) {
    values_ = {{Kind::kNone}, {Kind::kBool, 0}, {Kind::kBool, 1}, {Kind::kTuple}};
  }

  void run(Pickle& pickle) {
    while (true) {
      const std::uint8_t code = byte();
      if (code == '.') break;
      if (!number(code) && !text(code) && !container(code) && !stack(code) && !memo(code) && !name(code)) {
        throw ModelError(fmt::format("pickle: opcode 0x{:02x} is not allowed", code));
      }
    }
    pickle.root_ = pop();
    if (!stack_.empty()) throw ModelError("pickle: values are left on the stack");
    pickle.length_ = position_;
  }

 private:
  static constexpr PickleRef kNone = 0, kFalse = 1, kTrue = 2, kEmptyTuple = 3;

  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - position_) {
      throw ModelError(cut_ ? fmt::format("pickle: more than {} bytes", kMaxBytes) : "pickle: truncated");
    }
    const std::string_view part = bytes_.substr(position_, count);
    position_ += count;
    return part;
  }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  /// Little endian; `count` at most 8.
  std::uint64_t unsigned_integer(std::size_t count) {
    std::uint64_t value = 0;
    const std::string_view part = take(count);
    for (std::size_t i = count; i-- > 0;) value = value << 8U | static_cast<std::uint8_t>(part[i]);
    return value;
  }
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) throw ModelError("pickle: truncated");
    const std::string_view part = take(end - position_);
    ++position_;
    return part;
  }

  /// Accounts for memory before it is taken.
  void charge(std::uint64_t count, std::size_t size) {
    if (count > (Pickle::kMaxMemory - used_) / size) {
      throw ModelError(fmt::format("pickle: its values take more than {} bytes", Pickle::kMaxMemory));
    }
    used_ += count * size;
  }
  /// Vectors grow by doubling; `count` references more in one.
  void charge_references(std::size_t count) { charge(count, 2 * sizeof(PickleRef)); }

  void push(PickleRef ref) {
    if (stack_.size() == stack_.capacity()) charge_references(stack_.size() + 1);
    stack_.push_back(ref);
  }
  void push_value(PickleValue value) {
    constexpr std::size_t kAllocation = 32;  // what an allocation takes beside its content
    charge(1, sizeof(PickleValue) + (value.items.empty() ? 0 : kAllocation));
    charge_references(value.items.size());
    values_.push_back(std::move(value));
    push(static_cast<PickleRef>(values_.size() - 1));
  }
  PickleRef pop() {
    if (stack_.empty() || stack_.back() == kMark) throw ModelError("pickle: the stack is empty");
    const PickleRef ref = stack_.back();
    stack_.pop_back();
    return ref;
  }
  std::vector<PickleRef> pop_many(std::size_t count) {
    std::vector<PickleRef> items(count);
    for (std::size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }
  std::vector<PickleRef> pop_to_mark() {
    const auto mark = std::find(stack_.rbegin(), stack_.rend(), kMark);
    if (mark == stack_.rend()) throw ModelError("pickle: there is no mark");
    std::vector<PickleRef> items(mark.base(), stack_.end());
    stack_.erase(mark.base() - 1, stack_.end());
    return items;
  }
  void push_tuple(std::vector<PickleRef> items) {
    if (items.empty()) return push(kEmptyTuple);
    push_value({.kind = Kind::kTuple, .items = std::move(items)});
  }
  /// The list or dictionary on top of the stack takes `items`.
  void extend(Kind kind, const std::vector<PickleRef>& items) {
    const PickleRef target = pop();
    PickleValue& value = values_[target];
    if (value.kind != kind) throw ModelError("pickle: items are added to something that takes none");
    if (kind == Kind::kDict && items.size() % 2 != 0) throw ModelError("pickle: a key without a value");
    charge_references(items.size());
    value.items.insert(value.items.end(), items.begin(), items.end());
    push(target);
  }

  void push_long(std::uint64_t count) {
    const std::string_view digits = take(count);
    if (count > 8) return push_value({.kind = Kind::kLong, .text = digits});
    std::uint64_t value = count > 0 && (digits.back() & 0x80) != 0 ? ~std::uint64_t{0} : 0;
    for (std::size_t i = count; i-- > 0;) value = value << 8U | static_cast<std::uint8_t>(digits[i]);
    push_value({.kind = Kind::kInteger, .integer = static_cast<std::int64_t>(value)});
  }
  void push_real() {
    std::uint64_t bits = 0;
    for (const char c : take(8)) bits = bits << 8U | static_cast<std::uint8_t>(c);  // big endian
    push_value({.kind = Kind::kReal, .real = std::bit_cast<double>(bits)});
  }

  bool number(std::uint8_t code) {
    const auto integer = [&](std::int64_t v) { push_value({.kind = Kind::kInteger, .integer = v}); };
    switch (code) {
      case 0x80:  // PROTO
        if (const int protocol = byte(); protocol < 2 || protocol > 4) {
          throw ModelError(fmt::format("pickle: protocol {} is not supported, 2 to 4 are", protocol));
        }
        return true;
      case 0x95:  // FRAME: only a hint for buffered readers
        take(8);
        return true;
      case 'N':
        return push(kNone), true;
      case 0x88:
        return push(kTrue), true;
      case 0x89:
        return push(kFalse), true;
      case 'J':
        return integer(static_cast<std::int32_t>(unsigned_integer(4))), true;
      case 'K':
        return integer(static_cast<std::int64_t>(unsigned_integer(1))), true;
      case 'M':
        return integer(static_cast<std::int64_t>(unsigned_integer(2))), true;
      case 0x8a:
        return push_long(unsigned_integer(1)), true;
      case 0x8b:
        return push_long(unsigned_integer(4)), true;
      case 'G':
        return push_real(), true;
      default:
        return false;
    }
  }

  bool text(std::uint8_t code) {
    const auto push_text = [&](Kind kind, std::size_t length_bytes) {
      push_value({.kind = kind, .text = take(unsigned_integer(length_bytes))});
      return true;
    };
    switch (code) {
      case 'X':
        return push_text(Kind::kText, 4);
      case 0x8c:
        return push_text(Kind::kText, 1);
      case 0x8d:
        return push_text(Kind::kText, 8);
      case 'T':
        return push_text(Kind::kText, 4);  // str of Python 2
      case 'U':
        return push_text(Kind::kText, 1);
      case 'B':
        return push_text(Kind::kBytes, 4);
      case 'C':
        return push_text(Kind::kBytes, 1);
      case 0x8e:
        return push_text(Kind::kBytes, 8);
      default:
        return false;
    }
  }

  bool container(std::uint8_t code) {
    switch (code) {
      case ']':
        return push_value({.kind = Kind::kList}), true;
      case '}':
        return push_value({.kind = Kind::kDict}), true;
      case ')':
        return push(kEmptyTuple), true;
      case 't':
        return push_tuple(pop_to_mark()), true;
      case 0x85:
        return push_tuple(pop_many(1)), true;
      case 0x86:
        return push_tuple(pop_many(2)), true;
      case 0x87:
        return push_tuple(pop_many(3)), true;
      case 'a':
        return extend(Kind::kList, pop_many(1)), true;
      case 'e':
        return extend(Kind::kList, pop_to_mark()), true;
      case 's':
        return extend(Kind::kDict, pop_many(2)), true;
      case 'u':
        return extend(Kind::kDict, pop_to_mark()), true;
      default:
        return false;
    }
  }

  bool stack(std::uint8_t code) {
    switch (code) {
      case '(':
        return push(kMark), true;
      case '0':
        return pop(), true;
      case '1':
        return pop_to_mark(), true;
      case '2': {
        const PickleRef top = pop();
        push(top);
        return push(top), true;
      }
      default:
        return false;
    }
  }

  void remember(std::uint64_t slot) {
    const PickleRef top = pop();
    push(top);
    if (slot >= memo_.size()) {
      charge_references(slot + 1 - memo_.size());  // slots are counted up, so there are no large gaps
      memo_.resize(slot + 1, kAbsent);
    }
    memo_[slot] = top;
  }
  void recall(std::uint64_t slot) {
    if (slot >= memo_.size() || memo_[slot] == kAbsent) {
      throw ModelError(fmt::format("pickle: memo {} was never stored", slot));
    }
    push(memo_[slot]);
  }
  bool memo(std::uint8_t code) {
    switch (code) {
      case 'q':
        return remember(unsigned_integer(1)), true;
      case 'r':
        return remember(unsigned_integer(4)), true;
      case 0x94:
        return remember(memo_.size()), true;
      case 'h':
        return recall(unsigned_integer(1)), true;
      case 'j':
        return recall(unsigned_integer(4)), true;
      default:
        return false;
    }
  }

  void push_global(std::string_view module, std::string_view symbol) {
    const std::string full = fmt::format("{}.{}", module, symbol);
    const auto known = std::ranges::find(allowed_, std::string_view(full));
    if (known == allowed_.end()) {
      throw ModelError(fmt::format("the pickle asks for {}, which is not needed to hold tensors: refused",
                                   printable(full)));
    }
    push_value({.kind = Kind::kGlobal, .text = *known});
  }
  void push_stack_global() {
    const PickleRef symbol = pop(), module = pop();
    if (values_[symbol].kind != Kind::kText || values_[module].kind != Kind::kText) {
      throw ModelError("pickle: the name of a global is no text");
    }
    push_global(values_[module].text, values_[symbol].text);
  }
  void call() {
    const PickleRef arguments = pop(), callee = pop();
    if (values_[callee].kind != Kind::kGlobal || values_[arguments].kind != Kind::kTuple) {
      throw ModelError("pickle: a call of something that is no function");
    }
    if (values_[callee].text == "collections.OrderedDict") return push_value(ordered_dict(arguments));
    push_value({.kind = Kind::kCall, .items = {callee, arguments}});
  }
  /// OrderedDict() of Python 3, OrderedDict([[key, value], ...]) of Python 2.
  PickleValue ordered_dict(PickleRef arguments) const {
    PickleValue dict{.kind = Kind::kDict};
    const std::vector<PickleRef>& items = values_[arguments].items;
    if (items.empty()) return dict;
    const PickleValue& pairs = values_[items[0]];
    if (items.size() != 1 || pairs.kind != Kind::kList) throw ModelError("pickle: odd OrderedDict");
    for (const PickleRef ref : pairs.items) {
      const PickleValue& pair = values_[ref];
      if ((pair.kind != Kind::kList && pair.kind != Kind::kTuple) || pair.items.size() != 2) {
        throw ModelError("pickle: odd OrderedDict");
      }
      dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
    }
    return dict;
  }
  void drop_state() {
    pop();
    const PickleRef target = pop();
    if (values_[target].kind != Kind::kDict)
      throw ModelError("pickle: attributes of something that has none");
    push(target);
  }
  bool name(std::uint8_t code) {
    switch (code) {
      case 'c': {
        const std::string_view module = line();
        return push_global(module, line()), true;
      }
      case 0x93:
        return push_stack_global(), true;
      case 'R':
        return call(), true;
      case 'b':
        return drop_state(), true;
      case 'Q':
        return push_value({.kind = Kind::kPersistent, .items = pop_many(1)}), true;
      default:
        return false;
    }
  }

  std::deque<PickleValue>& values_;
  std::string_view bytes_;
  bool cut_;
  std::span<const std::string_view> allowed_;
  std::size_t position_ = 0, used_ = 0;
  std::vector<PickleRef> stack_, memo_;
};

Pickle::Pickle(std::span<const std::byte> bytes, std::span<const std::string_view> allowed) {
  PickleMachine(*this, bytes, allowed).run(*this);
}

}  // namespace unblur
