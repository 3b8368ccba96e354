// SPDX-License-Identifier: MIT
#include "warp.h"

#include "launch.cuh"

namespace unblur::cuda {
namespace {

template <class T>
WarpForward<T> kernel_of(const WarpArguments& a) {
  return {static_cast<const T*>(a.x), static_cast<const Sum<T>*>(a.flow), static_cast<T*>(a.out), a.shape,
          a.outside};
}

}  // namespace

int warp_forward(Element type, const WarpArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) { return launch(kernel_of<T>(a), stream); });
}

int warp_backward(Element type, const WarpArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) {
    return launch(WarpBackward<T>{kernel_of<T>(a), static_cast<const T*>(a.grad_out),
                                  static_cast<Sum<T>*>(a.grad_x), static_cast<Sum<T>*>(a.grad_flow)},
                  stream);
  });
}

const char* error_text(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

}  // namespace unblur::cuda
