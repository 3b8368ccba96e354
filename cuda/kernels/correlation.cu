// SPDX-License-Identifier: MIT
#include "correlation.h"

#include "launch.cuh"

namespace unblur::cuda {

int correlation_forward(Element type, const CorrelationArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) {
    return launch(CorrelationForward<T>{static_cast<const T*>(a.a), static_cast<const T*>(a.b),
                                        static_cast<T*>(a.out), a.shape},
                  stream);
  });
}

int correlation_backward(Element type, const CorrelationArguments& a, void* stream) {
  return with_element(type, [&]<class T>(T*) {
    const auto gradient = [&](const void* partner, void* out, int sign) {
      if (out == nullptr) return 0;
      return launch(CorrelationBackward<T>{static_cast<const T*>(a.grad_out), static_cast<const T*>(partner),
                                           static_cast<T*>(out), a.shape, sign},
                    stream);
    };
    const int error = gradient(a.b, a.grad_a, 1);
    return error != 0 ? error : gradient(a.a, a.grad_b, -1);
  });
}

}  // namespace unblur::cuda
