// SPDX-License-Identifier: MIT
// Cooperative matrices are trusted only after they have computed something right on this device: drivers have
// advertised broken ones.
#pragma once

#include <memory>

#include "vulkan/device.h"

namespace unblur::vk {

/// Runs conv_cm and conv_direct on one small layer. Where they differ the device is opened again without
/// cooperative matrices, with a warning; else it is returned as it is, at once on devices that have none.
[[nodiscard]] std::shared_ptr<Device> without_broken_matrices(std::shared_ptr<Device> device);

}  // namespace unblur::vk
