// SPDX-License-Identifier: MIT
// The convolution kernels that convolution.cpp chooses from. Each builder returns nothing where its kernel
// cannot compute the step or the device cannot run it. Deformable convolutions have forms of conv_reg,
// conv_tile and conv_direct, built by the same functions and chosen under the same names.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "vulkan/kernels/conv_pack.h"

namespace unblur::vk {

/// A step with everything that the builders derive from it.
struct ConvStep {
  const Step& step;
  const Caps& caps;
  ConvShape shape;
  ConvWeights weights;
  std::optional<MatrixTile>
      tile;  ///< asked for instead of the builder's choice; 0 in a field leaves that one
  ConvStep(const Step& s, const Caps& c) : step(s), caps(c), shape(conv_shape(s)), weights(s, shape) {}
};

[[nodiscard]] std::optional<Kernel> make_conv_reg(const ConvStep& conv);
[[nodiscard]] std::optional<Kernel> make_conv_tile(const ConvStep& conv);
[[nodiscard]] std::optional<Kernel> make_conv_cm(const ConvStep& conv);
[[nodiscard]] std::optional<Kernel> make_conv_small(const ConvStep& conv);
[[nodiscard]] std::optional<Kernel> make_conv_dw(const ConvStep& conv);
[[nodiscard]] std::optional<Kernel> make_conv_direct(const ConvStep& conv);

/// Their names, what `forced` may be for a convolution.
[[nodiscard]] std::vector<std::string_view> convolution_kernels();

}  // namespace unblur::vk
