// SPDX-License-Identifier: MIT
#include "core/keys.h"

#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace unblur {
namespace {

struct Name {
  std::string_view name;
  int code;
};
// Letters and digits are their own names and ASCII codes.
constexpr Name kNames[] = {{"space", GLFW_KEY_SPACE},
                           {"escape", GLFW_KEY_ESCAPE},
                           {"enter", GLFW_KEY_ENTER},
                           {"tab", GLFW_KEY_TAB},
                           {"backspace", GLFW_KEY_BACKSPACE},
                           {"insert", GLFW_KEY_INSERT},
                           {"delete", GLFW_KEY_DELETE},
                           {"left", GLFW_KEY_LEFT},
                           {"right", GLFW_KEY_RIGHT},
                           {"up", GLFW_KEY_UP},
                           {"down", GLFW_KEY_DOWN},
                           {"pageup", GLFW_KEY_PAGE_UP},
                           {"pagedown", GLFW_KEY_PAGE_DOWN},
                           {"home", GLFW_KEY_HOME},
                           {"end", GLFW_KEY_END},
                           {"f1", GLFW_KEY_F1},
                           {"f2", GLFW_KEY_F2},
                           {"f3", GLFW_KEY_F3},
                           {"f4", GLFW_KEY_F4},
                           {"f5", GLFW_KEY_F5},
                           {"f6", GLFW_KEY_F6},
                           {"f7", GLFW_KEY_F7},
                           {"f8", GLFW_KEY_F8},
                           {"f9", GLFW_KEY_F9},
                           {"f10", GLFW_KEY_F10},
                           {"f11", GLFW_KEY_F11},
                           {"f12", GLFW_KEY_F12},
                           {"plus", GLFW_KEY_EQUAL},
                           {"=", GLFW_KEY_EQUAL},
                           {"minus", GLFW_KEY_MINUS},
                           {"-", GLFW_KEY_MINUS},
                           {",", GLFW_KEY_COMMA},
                           {".", GLFW_KEY_PERIOD},
                           {"/", GLFW_KEY_SLASH},
                           {";", GLFW_KEY_SEMICOLON},
                           {"'", GLFW_KEY_APOSTROPHE},
                           {"[", GLFW_KEY_LEFT_BRACKET},
                           {"]", GLFW_KEY_RIGHT_BRACKET},
                           {"\\", GLFW_KEY_BACKSLASH},
                           {"`", GLFW_KEY_GRAVE_ACCENT}};

constexpr std::pair<std::string_view, std::string_view> kShifted[] = {
    {"?", "/"}, {"<", ","}, {">", "."}, {"{", "["}, {"}", "]"}};

bool is_own_name(int code) { return code < 128 && std::isalnum(code) != 0; }

}  // namespace

std::optional<Key> key_of(std::string_view name) {
  std::string lower;
  for (const char c : name) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  std::string_view rest = lower;
  Key key;
  const auto modifier = [&rest](std::string_view word) {
    if (!rest.starts_with(word) || rest.size() == word.size()) return false;
    rest.remove_prefix(word.size());
    return true;
  };
  for (bool more = true; more;) {
    more = false;
    if (modifier("ctrl+")) key.ctrl = more = true;
    if (modifier("shift+")) key.shift = more = true;
    if (modifier("alt+")) key.alt = more = true;
  }
  for (const auto& [shifted, plain] : kShifted) {
    if (rest != shifted) continue;
    key.shift = true;
    rest = plain;
  }
  if (rest.size() == 1 && is_own_name(static_cast<unsigned char>(rest[0]))) {
    key.code = std::toupper(static_cast<unsigned char>(rest[0]));
    return key;
  }
  const auto* found = std::ranges::find(kNames, rest, &Name::name);
  if (found == std::end(kNames)) return std::nullopt;
  key.code = found->code;
  return key;
}

std::string key_name(const Key& key) {
  if (key == Key{GLFW_KEY_SLASH, false, true, false}) return "?";
  std::string name;
  if (key.ctrl) name += "ctrl+";
  if (key.shift) name += "shift+";
  if (key.alt) name += "alt+";
  if (is_own_name(key.code)) return name + static_cast<char>(std::tolower(key.code));
  const auto* found = std::ranges::find(kNames, key.code, &Name::code);
  return found == std::end(kNames) ? fmt::format("{}key {}", name, key.code)
                                   : name + std::string(found->name);
}

}  // namespace unblur
