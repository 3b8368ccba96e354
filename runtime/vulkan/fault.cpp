// SPDX-License-Identifier: MIT
#include "vulkan/fault.h"

#ifdef UNBLUR_TEST_FAULTS

#include <vulkan/vulkan.h>

#include <atomic>
#include <charconv>
#include <string>

#include "vulkan/check.h"
#include "vulkan/environment.h"

namespace unblur::vk {
namespace {

/// What stands behind "KIND@" in UNBLUR_FAULT; empty if it asks for something else. Read every time, so that
/// one test process can try several faults.
std::string fault_place(std::string_view kind) {
  const std::string text = environment_text("UNBLUR_FAULT");
  if (text.size() <= kind.size() || !text.starts_with(kind) || text[kind.size()] != '@') return {};
  return text.substr(kind.size() + 1);
}

bool is_turn(std::string_view kind, std::atomic<int>& counter) {
  const std::string place = fault_place(kind);
  const int now = counter++;
  if (place.empty()) return false;
  if (place == "next") return true;
  int wanted = -1;
  std::from_chars(place.data(), place.data() + place.size(), wanted);
  return now == wanted;
}

}  // namespace

void fault_on_allocation() {
  static std::atomic<int> counter{0};
  if (is_turn("out-of-memory", counter)) UNBLUR_VK(VK_ERROR_OUT_OF_DEVICE_MEMORY);
}

void fault_on_submit() {
  static std::atomic<int> counter{0};
  if (is_turn("device-lost", counter)) UNBLUR_VK(VK_ERROR_DEVICE_LOST);
}

bool fault_at_node(std::string_view kind, std::string_view node) { return fault_place(kind) == node; }

}  // namespace unblur::vk

#endif
