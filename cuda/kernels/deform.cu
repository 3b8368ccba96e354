// SPDX-License-Identifier: MIT
#include "deform.h"

#include "launch.cuh"

namespace unblur::cuda {
namespace {

template <class T>
DeformColumns<T> kernel_of(const DeformArguments& a) {
  return {static_cast<const T*>(a.x), static_cast<const Sum<T>*>(a.offset),
          static_cast<const Sum<T>*>(a.mask), static_cast<T*>(a.columns), a.shape};
}

}  // namespace

int deform_columns(Element type, const DeformArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) { return launch(kernel_of<T>(a), stream); });
}

int deform_backward(Element type, const DeformArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) {
    return launch(DeformBackward<T>{kernel_of<T>(a), static_cast<const T*>(a.grad_columns),
                                    static_cast<Sum<T>*>(a.grad_x), static_cast<Sum<T>*>(a.grad_offset),
                                    static_cast<Sum<T>*>(a.grad_mask)},
                  stream);
  });
}

}  // namespace unblur::cuda
