// SPDX-License-Identifier: MIT
// Convolutions chosen for the edges of the kernels (tiles, channel blocks, borders, phases, epilogues), and
// the plain double-precision loop that says what they should give.
#pragma once

#include <string>
#include <vector>

#include "vulkan/kernel.h"

namespace unblur::vk::test {

struct ConvolutionCase {
  std::string name;
  int channels = 8, height = 9, width = 13;
  Op op;
  Epilogue epilogue;
  /// Channels in front of the input, output and residual in wider buffers (a multiple of 8; the pixel
  /// stride grows by it and by 8 more).
  int channel_offset = 0;
};

/// Everything that a run needs, with random parameters and inputs that are exact in `storage`.
struct PreparedCase {
  Step step;
  TensorMap parameters;
  std::vector<std::vector<float>> inputs;  ///< planar, per view of step.inputs
  std::vector<double> expected;            ///< planar, of step.output
  double scale = 0;                        ///< largest sum of absolute terms, for tolerances
};

[[nodiscard]] std::vector<ConvolutionCase> convolution_cases();
/// The step points into `prepared.parameters`.
void prepare(const ConvolutionCase& c, Storage storage, PreparedCase& prepared);

}  // namespace unblur::vk::test
