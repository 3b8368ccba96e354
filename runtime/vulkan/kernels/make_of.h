// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <variant>

#include "vulkan/kernel.h"

namespace unblur::vk {

/// What `family` makes of `op`; nothing where it has no call operator for it.
template <typename Family>
[[nodiscard]] std::optional<Kernel> make_of(const Family& family, const Op& op) {
  return std::visit(
      [&family](const auto& one) -> std::optional<Kernel> {
        if constexpr (requires { family(one); }) {
          return family(one);
        } else {
          return std::nullopt;
        }
      },
      op);
}

}  // namespace unblur::vk
