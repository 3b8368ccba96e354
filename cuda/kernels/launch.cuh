// SPDX-License-Identifier: MIT
// From an element type to a grid.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "launch.h"

namespace unblur::cuda {

template <class Kernel>
__global__ void __launch_bounds__(256) for_each_index(const Kernel kernel, const std::int64_t count) {
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
       i += step)
    kernel(i);
}

template <class Kernel>
int launch(const Kernel& kernel, void* stream) {
  constexpr std::int64_t kThreads = 256, kMostBlocks = 1 << 20;
  const std::int64_t count = kernel.count();
  if (count == 0) return 0;
  const auto blocks = static_cast<unsigned>(std::min((count + kThreads - 1) / kThreads, kMostBlocks));
  for_each_index<<<blocks, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(kernel, count);
  return static_cast<int>(cudaGetLastError());
}

/// Calls f with a null pointer of the element's type.
template <class F>
int with_element(Element type, F&& f) {
  switch (type) {
    case Element::kF16:
      return f(static_cast<__half*>(nullptr));
    case Element::kBF16:
      return f(static_cast<__nv_bfloat16*>(nullptr));
    case Element::kF32:
      return f(static_cast<float*>(nullptr));
    case Element::kF64:
      return f(static_cast<double*>(nullptr));
  }
  return static_cast<int>(cudaErrorInvalidValue);
}

}  // namespace unblur::cuda
