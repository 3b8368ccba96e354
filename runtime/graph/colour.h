// SPDX-License-Identifier: MIT
// Colour conversion between stored frames and the RGB that models see. The Vulkan colour kernels use
// the same coefficients; the CPU functions here serve the LibTorch executor and are the tests' truth.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "graph/frame.h"

namespace unblur {

/// Per plane p: normalised[p] = code * code_scale[p] + code_shift[p], Y in [0,1], Cb and Cr in [-0.5,0.5];
/// then R'G'B' = to_rgb * (Y', Cb, Cr), non-linear as stored. RGB has identity matrices, and each of its
/// three channels is scaled like Y. Grey is Y with Cb = Cr = 0.
struct ColourTransform {
  std::array<float, 9> to_rgb{};      ///< row-major, R G B from Y Cb Cr
  std::array<float, 9> from_rgb{};    ///< its inverse
  std::array<float, 3> code_scale{};  ///< limited 8-bit Y: 1/219
  std::array<float, 3> code_shift{};  ///< limited 8-bit Y: -16/219
  std::array<int, 3> code_low{};      ///< legal codes, both included
  std::array<int, 3> code_high{};
};
/// ITU-R BT.601-7, BT.709-6, BT.2020-2 (non-constant luminance). Throws InputError on a bit depth outside 8
/// to 16.
[[nodiscard]] ColourTransform colour_transform(const FrameFormat& format);

/// Where chroma sample i of a format lies between luma samples, per direction: at 2i (co-sited), at 2i + 0.5
/// (between two), or at i (not subsampled).
enum class ChromaSite : std::uint8_t { kFull, kCosited, kBetween };
struct ChromaSites {
  ChromaSite x = ChromaSite::kFull, y = ChromaSite::kFull;
};
[[nodiscard]] ChromaSites chroma_sites(const FrameFormat& format);

/// RGB, planar [3,h,w], of a frame, clamped to [0,1]. Chroma is interpolated linearly between its sites per
/// direction, edge samples repeated. Throws InputError if the frame's bytes do not fit its format.
[[nodiscard]] std::vector<float> frame_to_rgb(const Frame& frame);

/// The frame with `strength` times the correction, clamp(`restored`, 0, 1) - `original` (both planar RGB
/// [3,h,w], `original` from frame_to_rgb), added in the frame's own code values. The correction is converted
/// by from_rgb / code_scale; chroma takes the mean of the corrections around its site per direction
/// (co-sited: weights 1/4, 1/2, 1/4; between: 1/2, 1/2; edge samples repeated). Rounding: code +
/// floor(correction + 0.5), clamped to the legal codes, or to the code itself where that is not legal. Hence
/// a zero correction returns the very same samples: strength 0 and an identity model are bit-exact in every
/// format.
[[nodiscard]] Frame apply_correction(const Frame& frame, std::span<const float> original,
                                     std::span<const float> restored, float strength);

}  // namespace unblur
