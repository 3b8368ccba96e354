// SPDX-License-Identifier: MIT
#include "graph/json_text.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "graph/error.h"

namespace unblur {
namespace {
constexpr int kMaxDepth = 16;  // our own files need five
constexpr std::size_t kMaxText = 512;
}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view what) {
  using nlohmann::json;
  std::vector<std::set<std::string>> keys;  // of the objects that are open
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > kMaxDepth) throw ModelError(fmt::format("{}: nested deeper than {}", what, kMaxDepth));
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys.back().insert(key).second) {
        throw ModelError(fmt::format("{}: {} appears twice", what, printable(key)));
      }
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception&) {
    // The library's own message quotes the input byte by byte, which helps nobody here.
    throw ModelError(fmt::format("{}: not valid JSON", what));
  }
}

std::string printable(std::string_view name) {
  constexpr std::size_t kShown = 80;
  std::string out = "'";
  for (const char c : name.substr(0, kShown)) out += c >= 0x20 && c < 0x7f ? c : '?';
  out += name.size() > kShown ? "...'" : "'";
  return out;
}

const nlohmann::json& member(const nlohmann::json& object, const char* key, std::string_view where) {
  if (!object.is_object()) throw ModelError(fmt::format("{}: not an object", where));
  const auto found = object.find(key);
  if (found == object.end()) throw ModelError(fmt::format("{}: '{}' is missing", where, key));
  return *found;
}

std::int64_t integer(const nlohmann::json& value, std::int64_t low, std::int64_t high, const char* key,
                     std::string_view where) {
  if (value.is_number_integer()) {
    const bool huge = value.is_number_unsigned() && value.get<std::uint64_t>() > INT64_MAX;
    const auto number = huge ? INT64_MAX : value.get<std::int64_t>();
    if (!huge && number >= low && number <= high) return number;
  }
  throw ModelError(fmt::format("{}: '{}' must be an integer from {} to {}", where, key, low, high));
}

std::string text(const nlohmann::json& value, const char* key, std::string_view where) {
  if (!value.is_string()) throw ModelError(fmt::format("{}: '{}' must be text", where, key));
  const auto& content = value.get_ref<const std::string&>();
  if (content.size() > kMaxText) {
    throw ModelError(fmt::format("{}: '{}' is longer than {} bytes", where, key, kMaxText));
  }
  return content;
}

}  // namespace unblur
