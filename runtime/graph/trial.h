// SPDX-License-Identifier: MIT
// An operator on random numbers and what plain loops make of them (graph/reference.h): the data of the
// operator tests and of `unblur selftest`.
#pragma once

#include <span>
#include <vector>

#include "graph/reference.h"

namespace unblur {

struct ValueRange {
  float low = -2.0F, high = 2.0F;
};

struct Trial {
  std::vector<std::vector<float>> inputs;  ///< planar, per operand
  TensorMap parameters;                    ///< weights of about 1 / sqrt(fan-in): results stay near 1
  ReferenceTensor truth;
};

/// The same on every machine. `ranges`: of the values per operand, missing ones are the default. `half`:
/// all values are exact in fp16.
[[nodiscard]] Trial make_trial(const Op& op, std::span<const Shape> shapes,
                               std::span<const ValueRange> ranges, bool half);

/// Largest |error| / max(1, |truth|); infinity for a wrong count and for a value that is not finite where the
/// truth is.
[[nodiscard]] double largest_error(std::span<const float> values, const ReferenceTensor& truth);

}  // namespace unblur
