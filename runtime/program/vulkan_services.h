// SPDX-License-Identifier: MIT
// What the program needs from Vulkan.
#pragma once

#include "program/program.h"

namespace unblur {

[[nodiscard]] Services vulkan_services();

}  // namespace unblur
