// SPDX-License-Identifier: MIT
#include "pixel_volume.h"

#include "launch.cuh"

namespace unblur::cuda {

int pixel_volume_forward(Element type, const PixelVolumeArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) {
    return launch(PixelVolumeForward<T>{static_cast<const T*>(a.previous), static_cast<const T*>(a.current),
                                        a.flow, static_cast<T*>(a.out), a.shape},
                  stream);
  });
}

int pixel_volume_backward(Element type, const PixelVolumeArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) {
    return launch(PixelVolumeBackward<T>{static_cast<const T*>(a.grad_out), a.flow,
                                         static_cast<Sum<T>*>(a.grad_previous),
                                         static_cast<Sum<T>*>(a.grad_current), a.shape},
                  stream);
  });
}

}  // namespace unblur::cuda
