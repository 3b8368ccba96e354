// SPDX-License-Identifier: MIT
// From averaged linear light to what a camera stores: noise, camera curve, sharpening, codec. Pictures are
// float32 [T,3,H,W]. Source: real-time-model.md 4.1, points 4 to 6.
#pragma once

#include <torch/types.h>

#include "clip_plan.h"
#include "render.h"

namespace unblur {

/// Codes in [0,1] of linear values (clipped to [0,1]) by the table of response_tables().
[[nodiscard]] torch::Tensor encode_linear(const torch::Tensor& linear, const ResponseTables& tables);

/// Nearly normal numbers of a key (sums of four uniform words: reach 3.46 sigma), made of integers only, so
/// that every machine gets the same. float32 on the CPU.
[[nodiscard]] torch::Tensor counter_noise(std::uint64_t key, torch::IntArrayRef sizes);

/// Adds Poisson + Gaussian noise to linear values; the correlated kind passes a Bayer mosaic, bilinear
/// demosaicing and a 2x2 chroma average (noise only: the picture keeps its sharpness).
[[nodiscard]] torch::Tensor add_noise(const torch::Tensor& linear, const Degradation& look,
                                      std::uint64_t key);

/// JPEG's loss: YCbCr (BT.601, full range), 8x8 DCT, quantisation with the tables of ITU-T T.81 annex K at
/// libjpeg's `quality` 1..100, and back, clamped to [0,1]. Codes in [0,1]; H and W multiples of 8 (16 with
/// `chroma_420`).
[[nodiscard]] torch::Tensor jpeg_loss(const torch::Tensor& codes, int quality, bool chroma_420);

/// Everything after averaging: linear [T,3,H,W] -> uint8 [T,3,H,W].
[[nodiscard]] torch::Tensor degrade(const torch::Tensor& linear, const Degradation& look,
                                    const ResponseTables& tables, std::uint64_t key);

/// round(255 x) as uint8.
[[nodiscard]] torch::Tensor to_bytes(const torch::Tensor& codes);

}  // namespace unblur
