// SPDX-License-Identifier: MIT
// The SPIR-V modules compiled into the program.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace unblur::vk {

/// The words of a variant of shaders/variants.cmake ("warp", "warp_ssbo"); nothing if this build lacks it
/// (cooperative-matrix shaders need a newer glslang than Debian's). The span lives as long as the program.
[[nodiscard]] std::optional<std::span<const std::uint32_t>> find_shader(std::string_view name) noexcept;

/// All names, in the order of the table.
[[nodiscard]] std::vector<std::string_view> shader_names();

}  // namespace unblur::vk
