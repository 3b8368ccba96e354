// SPDX-License-Identifier: MIT
// Keys by name, as scripts, the key help and messages write them: "space", "ctrl+shift+p", "f11", "?".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace unblur {

struct Key {
  int code = 0;  ///< GLFW_KEY_*, of the US layout
  bool ctrl = false, shift = false, alt = false;
  bool operator==(const Key&) const = default;
};

/// Names in any case; "?", "<", ">", "{" and "}" are shift and the key they stand on, "plus" is the key of
/// "+" and "=". Nothing where there is no such key.
[[nodiscard]] std::optional<Key> key_of(std::string_view name);
/// The name that key_of reads; "key 999" for a code that has none.
[[nodiscard]] std::string key_name(const Key& key);

}  // namespace unblur
