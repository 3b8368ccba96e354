// SPDX-License-Identifier: MIT
// The launches of cuda/kernels/launch.h as loops over host memory, for the test of the autograd functions.
#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "kernels/launch.h"
#include "kernels/warp.h"

namespace unblur::cuda {
namespace {

template <class Kernel>
void loop(const Kernel& kernel) {
  for (std::int64_t i = 0, count = kernel.count(); i < count; ++i) kernel(i);
}

template <class F>
int for_element(Element type, F&& f) {
  switch (type) {
    case Element::kF16:
      f(static_cast<c10::Half*>(nullptr));
      break;
    case Element::kBF16:
      f(static_cast<c10::BFloat16*>(nullptr));
      break;
    case Element::kF32:
      f(static_cast<float*>(nullptr));
      break;
    case Element::kF64:
      f(static_cast<double*>(nullptr));
      break;
  }
  return 0;
}

template <class T>
WarpForward<T> warp_of(const WarpArguments& a) {
  return {static_cast<const T*>(a.x), static_cast<const Sum<T>*>(a.flow), static_cast<T*>(a.out), a.shape,
          a.outside};
}
template <class T>
DeformColumns<T> columns_kernel(const DeformArguments& a) {
  return {static_cast<const T*>(a.x), static_cast<const Sum<T>*>(a.offset),
          static_cast<const Sum<T>*>(a.mask), static_cast<T*>(a.columns), a.shape};
}

}  // namespace

int warp_forward(Element type, const WarpArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) { loop(warp_of<T>(a)); });
}
int warp_backward(Element type, const WarpArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) {
    loop(WarpBackward<T>{warp_of<T>(a), static_cast<const T*>(a.grad_out), static_cast<Sum<T>*>(a.grad_x),
                         static_cast<Sum<T>*>(a.grad_flow)});
  });
}
int correlation_forward(Element type, const CorrelationArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) {
    loop(CorrelationForward<T>{static_cast<const T*>(a.a), static_cast<const T*>(a.b), static_cast<T*>(a.out),
                               a.shape});
  });
}
int correlation_backward(Element type, const CorrelationArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) {
    const auto* grad = static_cast<const T*>(a.grad_out);
    if (a.grad_a != nullptr)
      loop(CorrelationBackward<T>{grad, static_cast<const T*>(a.b), static_cast<T*>(a.grad_a), a.shape, 1});
    if (a.grad_b != nullptr)
      loop(CorrelationBackward<T>{grad, static_cast<const T*>(a.a), static_cast<T*>(a.grad_b), a.shape, -1});
  });
}
int pixel_volume_forward(Element type, const PixelVolumeArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) {
    loop(PixelVolumeForward<T>{static_cast<const T*>(a.previous), static_cast<const T*>(a.current), a.flow,
                               static_cast<T*>(a.out), a.shape});
  });
}
int pixel_volume_backward(Element type, const PixelVolumeArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) {
    loop(PixelVolumeBackward<T>{static_cast<const T*>(a.grad_out), a.flow,
                                static_cast<Sum<T>*>(a.grad_previous), static_cast<Sum<T>*>(a.grad_current),
                                a.shape});
  });
}
int deform_columns(Element type, const DeformArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) { loop(columns_kernel<T>(a)); });
}
int deform_backward(Element type, const DeformArguments& a, void* /*stream*/) {
  return for_element(type, [&]<class T>(T*) {
    loop(DeformBackward<T>{columns_kernel<T>(a), static_cast<const T*>(a.grad_columns),
                           static_cast<Sum<T>*>(a.grad_x), static_cast<Sum<T>*>(a.grad_offset),
                           static_cast<Sum<T>*>(a.grad_mask)});
  });
}
const char* error_text(int /*error*/) { return "loops do not fail"; }

}  // namespace unblur::cuda
