// SPDX-License-Identifier: MIT
// JSON from files that nobody vouches for: bounded depth, no duplicate keys, and every complaint a
// ModelError. For runtime/graph and converters.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace unblur {

/// Parses `text`; `what` names it in messages ("header of model.safetensors").
[[nodiscard]] nlohmann::json parse_json(std::string_view text, std::string_view what);

/// A name from a file, fit for a message: quoted, control and non-ASCII bytes replaced, at most 80 bytes.
[[nodiscard]] std::string printable(std::string_view name);

/// The member `key` of `object`, or ModelError "<where>: ... is missing".
[[nodiscard]] const nlohmann::json& member(const nlohmann::json& object, const char* key,
                                           std::string_view where);
/// An integer within [low, high], or ModelError naming `where` and `key`.
[[nodiscard]] std::int64_t integer(const nlohmann::json& value, std::int64_t low, std::int64_t high,
                                   const char* key, std::string_view where);
/// A string of at most 512 bytes.
[[nodiscard]] std::string text(const nlohmann::json& value, const char* key, std::string_view where);

}  // namespace unblur
