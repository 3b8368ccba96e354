// SPDX-License-Identifier: MIT
// Two models over the same frames: the picture of one and the named outputs of the other.
#pragma once

#include <memory>

#include "graph/executor.h"

namespace unblur {

/// A backend that binds every model together with `picture`: Result::frame comes from `picture`,
/// Result::outputs from the model that was bound; times and memory are sums. `inner` must outlive it.
[[nodiscard]] std::unique_ptr<Backend> pair_with(Backend& inner, std::shared_ptr<const Model> picture);

}  // namespace unblur
