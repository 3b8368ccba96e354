// SPDX-License-Identifier: MIT
// Colour conversion between stored frames and the RGB that models see. The Vulkan colour kernels use
// the same coefficients; the CPU functions here serve the LibTorch executor and are the tests' truth.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "graph/frame.h"

namespace unblur {

/// rgb = matrix * (yuv_code * scale - offset): normalised Y in [0,1], Cb/Cr in [-0.5,0.5], non-linear RGB.
struct ColourTransform {
  std::array<float, 9> to_rgb{};      ///< row-major, R G B from Y Cb Cr
  std::array<float, 9> from_rgb{};    ///< its inverse
  std::array<float, 3> code_scale{};  ///< normalised = code * scale + shift, per plane
  std::array<float, 3> code_shift{};
};
/// ITU-R BT.601-7, BT.709-6, BT.2020-2 (non-constant luminance); RGB layouts give the identity.
[[nodiscard]] ColourTransform colour_transform(const FrameFormat& format);

/// RGB in [0,1], planar [3,h,w], of a frame. Chroma is upsampled bilinearly by its location.
[[nodiscard]] std::vector<float> frame_to_rgb(const Frame& frame);

/// The frame with `strength` times the correction (`restored` - `original`, both planar RGB [3,h,w]) added
/// in the frame's own code values: the correction is converted, chroma averaged, added, rounded
/// to nearest and clamped to the legal codes. A zero correction returns the very same samples, so
/// that strength 0 and an identity model are bit-exact in every format.
[[nodiscard]] Frame apply_correction(const Frame& frame, std::span<const float> original,
                                     std::span<const float> restored, float strength);

}  // namespace unblur
