// SPDX-License-Identifier: MIT
// What Vulkan tests share: one device and pipeline store per process, and a main() that fails every test
// during which the validation layer said something.
#pragma once

#include <memory>

#include "vulkan/device.h"
#include "vulkan/pipeline.h"

namespace unblur::vk::test {

[[nodiscard]] const std::shared_ptr<Device>& device();  ///< the only one, by VK_DRIVER_FILES
[[nodiscard]] const std::shared_ptr<Pipelines>& shared_pipelines();
[[nodiscard]] inline Pipelines& pipelines() { return *shared_pipelines(); }

}  // namespace unblur::vk::test
