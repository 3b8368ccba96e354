// SPDX-License-Identifier: MIT
// The operator's attributes and tensors as the kernels' sizes. For sources that see LibTorch; no kernel does.
#pragma once

#include <ATen/core/Tensor.h>

#include "deform.h"
#include "graph/ops.h"

namespace unblur::cuda {

/// Sizes of one picture of x [n,c,h,w] with offsets [n,2*d*taps,out_h,out_w]; the caller chooses the rows of
/// the columns.
inline DeformShape deform_shape(const op::DeformConv2d& o, const at::Tensor& x, const at::Tensor& offset) {
  return {.c = x.size(1),
          .h = x.size(2),
          .w = x.size(3),
          .out_h = offset.size(2),
          .out_w = offset.size(3),
          .kernel_h = o.kernel.h,
          .kernel_w = o.kernel.w,
          .stride_h = o.stride.h,
          .stride_w = o.stride.w,
          .pad_h = o.pad.top,
          .pad_w = o.pad.left,
          .dilation_h = o.dilation.h,
          .dilation_w = o.dilation.w,
          .deformable_groups = o.deformable_groups};
}

}  // namespace unblur::cuda
