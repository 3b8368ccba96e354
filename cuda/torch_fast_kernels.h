// SPDX-License-Identifier: MIT
// Plain loops behind torch_fast.cpp, compiled for AVX2 where the processor has it. Arrays are
// [pixel][channel] rows; flows are two planes [h][w] in pixels.
#pragma once

#include <cstdint>

namespace unblur::fast {

/// y = x / sqrt(mean(x^2) + eps) per pixel, x centred before where asked; `scale` gets the divisor's inverse.
void norm_forward(const float* x, float* y, float* scale, std::int64_t count, std::int64_t channels,
                  bool centred, float eps);
/// out = scale * (g - [mean(g) if centred] - y * mean(g * y)).
void norm_backward(const float* g, const float* y, const float* scale, float* out, std::int64_t count,
                   std::int64_t channels, bool centred);

/// to_x = g * scale; to_scale += sum over pixels of g * x.
void channel_scale_backward(const float* g, const float* x, const float* scale, float* to_x, float* to_scale,
                            std::int64_t count, std::int64_t channels);

/// out[c] = both[c] * both[channels + c].
void gate_forward(const float* both, float* out, std::int64_t count, std::int64_t channels);
void gate_backward(const float* g, const float* both, float* out, std::int64_t count, std::int64_t channels);

struct WarpShape {
  std::int64_t height, width, channels;
  bool zero_outside = false;  ///< taps outside count 0; else the border is repeated
};
void warp_forward(const WarpShape& s, const float* x, const float* flow, float* out);
/// `to_x` is added to where it is not null, `to_flow` written.
void warp_backward(const WarpShape& s, const float* g, const float* x, const float* flow, float* to_x,
                   float* to_flow);

/// Samples that a deformable convolution of one picture takes. Kernel taps start at (-top, -left).
struct DeformShape {
  std::int64_t height, width, channels;  ///< of the picture
  std::int64_t out_height, out_width;
  std::int64_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, top, left;
  std::int64_t groups;  ///< deformable ones
};
/// columns[pixel][tap][channel] of `count` output pixels from `first` on. `offset` [groups][taps][2] and
/// `mask` [groups][taps] (or null) are planes [out_height][out_width].
void deform_columns(const DeformShape& s, const float* x, const float* offset, const float* mask,
                    std::int64_t first, std::int64_t count, float* columns);
/// `to_columns` is the gradient of those. `to_x` is added to where it is not null, `to_offset` written,
/// `to_mask` too where there is a mask.
void deform_columns_backward(const DeformShape& s, const float* x, const float* offset, const float* mask,
                             std::int64_t first, std::int64_t count, const float* to_columns, float* to_x,
                             float* to_offset, float* to_mask);

struct CorrelationShape {
  std::int64_t height, width, channels, radius;
  float factor;
};
/// out[(dy+R)*(2R+1)+(dx+R)] = factor * a(y,x) . b(y+dy,x+dx), 0 outside.
void correlation_forward(const CorrelationShape& s, const float* a, const float* b, float* out);
/// `to_a` is written, `to_b` added to.
void correlation_backward(const CorrelationShape& s, const float* g, const float* a, const float* b,
                          float* to_a, float* to_b);

}  // namespace unblur::fast
