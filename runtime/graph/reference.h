// SPDX-License-Identifier: MIT
// Every operator as a plain float64 loop that reads like its formula in ops.h: the truth that the operator
// tests of both executors and `unblur selftest` compare with. Slow on purpose.
#pragma once

#include <span>
#include <vector>

#include "graph/graph.h"

namespace unblur {

/// Values of one sample, planar [c,h,w].
struct ReferenceTensor {
  Shape shape;
  std::vector<double> values;

  ReferenceTensor() = default;
  explicit ReferenceTensor(const Shape& s) : shape(s), values(static_cast<std::size_t>(s.c) * s.h * s.w) {}
  ReferenceTensor(const Shape& s, std::span<const float> v) : shape(s), values(v.begin(), v.end()) {}
  [[nodiscard]] double& at(int c, int y, int x) { return values[index(c, y, x)]; }
  [[nodiscard]] double at(int c, int y, int x) const { return values[index(c, y, x)]; }
  [[nodiscard]] bool inside(int y, int x) const { return y >= 0 && y < shape.h && x >= 0 && x < shape.w; }
  /// 0 outside the frame.
  [[nodiscard]] double or_zero(int c, int y, int x) const { return inside(y, x) ? at(c, y, x) : 0.0; }

 private:
  [[nodiscard]] std::size_t index(int c, int y, int x) const {
    return (static_cast<std::size_t>(c) * shape.h + y) * shape.w + x;
  }
};

/// The output of an operator. Throws ModelError on operands that it does not take, for op::Input and
/// op::State. The only float32 arithmetic is the sum of position and flow in the pixel volume, which defines
/// it.
[[nodiscard]] ReferenceTensor evaluate_reference(const Op& op, std::span<const ReferenceTensor> inputs,
                                                 const TensorMap& parameters = {});

}  // namespace unblur
