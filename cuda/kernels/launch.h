// SPDX-License-Identifier: MIT
// Launches of the kernels on a CUDA stream. Raw device pointers and sizes; no CUDA or LibTorch header. Every
// launch returns 0 or a cudaError_t (`error_text`), and does not wait. Shapes and pointers were checked by
// the caller.
#pragma once

#include "bilinear.h"
#include "correlation.h"
#include "deform.h"
#include "pixel_volume.h"

namespace unblur::cuda {

enum class Element : std::uint8_t { kF16, kBF16, kF32, kF64 };

/// Tensors of type Element; flows, offsets, masks and gradients that are summed up are float, or double for
/// kF64.
struct WarpArguments {
  const void *x, *flow, *grad_out;  ///< grad_out: backward only
  void *out, *grad_x, *grad_flow;   ///< out: forward only; gradients zeroed, or null
  Shape4 shape;
  Outside outside;
};
int warp_forward(Element type, const WarpArguments& a, void* stream);
int warp_backward(Element type, const WarpArguments& a, void* stream);

struct CorrelationArguments {
  const void *a, *b, *grad_out;
  void *out, *grad_a, *grad_b;  ///< of type Element
  CorrelationShape shape;
};
int correlation_forward(Element type, const CorrelationArguments& a, void* stream);
int correlation_backward(Element type, const CorrelationArguments& a, void* stream);

struct PixelVolumeArguments {
  const void *previous, *current, *grad_out;
  const float* flow;
  void *out, *grad_previous, *grad_current;
  PixelVolumeShape shape;
};
int pixel_volume_forward(Element type, const PixelVolumeArguments& a, void* stream);
int pixel_volume_backward(Element type, const PixelVolumeArguments& a, void* stream);

struct DeformArguments {
  const void *x, *offset, *mask, *grad_columns;  ///< mask may be null
  void *columns, *grad_x, *grad_offset, *grad_mask;
  DeformShape shape;
};
int deform_columns(Element type, const DeformArguments& a, void* stream);
int deform_backward(Element type, const DeformArguments& a, void* stream);

[[nodiscard]] const char* error_text(int error);

}  // namespace unblur::cuda
