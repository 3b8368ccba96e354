// SPDX-License-Identifier: MIT
// One place where a VkResult becomes an exception: out of memory -> MemoryError, a lost device and everything
// else -> ProcessingError, with the call's text, file and line.
#pragma once

#include <vulkan/vulkan.h>

#include <string_view>

namespace unblur::vk {

[[nodiscard]] std::string_view result_name(VkResult result) noexcept;
[[noreturn]] void throw_result(VkResult result, const char* call, const char* file, int line);

inline void check(VkResult result, const char* call, const char* file, int line) {
  if (result != VK_SUCCESS) throw_result(result, call, file, line);
}

}  // namespace unblur::vk

// NOLINTNEXTLINE(cppcoreguidelines-macro-usage): the call's text, file and line belong into the message
#define UNBLUR_VK(call) ::unblur::vk::check((call), #call, __FILE__, __LINE__)
