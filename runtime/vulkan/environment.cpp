// SPDX-License-Identifier: MIT
#include "vulkan/environment.h"

#include <cstdlib>

namespace unblur::vk {

std::string environment_text(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? std::string() : std::string(text);
}

std::optional<bool> environment_override(const char* name) {
  const std::string text = environment_text(name);
  if (text.empty()) return std::nullopt;
  return text != "0" && text != "off" && text != "false";
}

std::filesystem::path cache_folder() {
  if (const std::filesystem::path xdg = environment_text("XDG_CACHE_HOME"); xdg.is_absolute()) {
    return xdg / "unblur";
  }
  const std::filesystem::path home = environment_text("HOME");
  return home.is_absolute() ? home / ".cache" / "unblur" : std::filesystem::path();
}

bool environment_flag(const char* name) { return environment_override(name).value_or(false); }

}  // namespace unblur::vk
