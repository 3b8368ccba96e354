// SPDX-License-Identifier: MIT
#pragma once

#include <ATen/core/Tensor.h>

namespace unblur {

/// Values of pictures in a network; everywhere else in training they are in [0,1].
struct ValueRange {
  double low = 0, high = 1;
  [[nodiscard]] double span() const noexcept { return high - low; }
  [[nodiscard]] at::Tensor to_network(const at::Tensor& x) const {
    return low == 0 && high == 1 ? x : x * span() + low;
  }
  [[nodiscard]] at::Tensor from_network(const at::Tensor& y) const {
    return low == 0 && high == 1 ? y : (y - low) / span();
  }
};

}  // namespace unblur
