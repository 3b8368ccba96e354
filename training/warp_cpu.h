// SPDX-License-Identifier: MIT
// The inner loop of synthesis on the CPU: warp textures, composite them, average instants. The tensor form in
// render.cpp computes the same; this one needs no coordinate tensors and is about ten times faster.
#pragma once

#include <cstdint>
#include <vector>

namespace unblur {

/// A texture of premultiplied linear RGBA, `texels` [height][width][4], 16-byte aligned.
struct TextureView {
  const float* texels = nullptr;
  int width = 0, height = 0;
};

/// `maps` is [layer][instant][row][9]: the gather of each row, pixel (x, y, 1) -> texel.
/// Writes the mean over instants of the composite, [height][width][4] (alpha unused), and, where `labels` is
/// not null, the topmost layer whose alpha exceeds one half at instant 0, [height][width]; `mixed` marks (1)
/// pixels where some alpha lies within (0.02, 0.98). Sampling is Catmull-Rom; layer 0 repeats its border,
/// others are transparent outside.
void render_on_cpu(const std::vector<TextureView>& layers, const float* maps, int instants, int width,
                   int height, float* out, std::uint8_t* labels, std::uint8_t* mixed);

}  // namespace unblur
