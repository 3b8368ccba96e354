// SPDX-License-Identifier: MIT
// Environment switches of the Vulkan layer, for bug reports and tests (docs/environment.md lists them).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace unblur::vk {

/// True for any value but empty, "0", "off" and "false".
[[nodiscard]] bool environment_flag(const char* name);
/// Nothing if unset or empty, else the flag's value: for switches that override a detected ability.
[[nodiscard]] std::optional<bool> environment_override(const char* name);
[[nodiscard]] std::string environment_text(const char* name);  ///< empty if unset

/// $XDG_CACHE_HOME/unblur or ~/.cache/unblur; empty where neither is an absolute path.
[[nodiscard]] std::filesystem::path cache_folder();

}  // namespace unblur::vk
