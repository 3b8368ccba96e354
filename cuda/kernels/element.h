// SPDX-License-Identifier: MIT
// What the kernels share. A kernel is a function object over one index, which a CUDA grid or, in tests, a
// plain loop calls for every index: the same arithmetic is proven without a GPU.
#pragma once

#include <cstdint>
#include <type_traits>

#ifdef __CUDACC__
#define UNBLUR_DEVICE __host__ __device__
#else
#define UNBLUR_DEVICE
#endif

namespace unblur::cuda {

/// Sums, positions and gradients: double for double, float for float and the narrow types.
template <class T>
using Sum = std::conditional_t<std::is_same_v<T, double>, double, float>;

/// Element i of an array, widened.
template <class T>
UNBLUR_DEVICE Sum<T> load(const T* values, std::int64_t i) {
  return static_cast<Sum<T>>(values[i]);
}

/// values[i] += v where several indices may write to one place.
template <class S>
UNBLUR_DEVICE void add_shared(S* values, std::int64_t i, S v) {
#ifdef __CUDA_ARCH__
  atomicAdd(values + i, v);
#else
  values[i] += v;
#endif
}

/// n, c, h, w of a contiguous tensor.
struct Shape4 {
  std::int64_t n = 0, c = 0, h = 0, w = 0;
  [[nodiscard]] UNBLUR_DEVICE std::int64_t plane() const { return h * w; }
  [[nodiscard]] UNBLUR_DEVICE std::int64_t size() const { return n * c * h * w; }
};

/// A pixel of a batch of planes by its running number.
struct Pixel {
  std::int64_t n, y, x;
  UNBLUR_DEVICE Pixel(std::int64_t i, std::int64_t h, std::int64_t w)
      : n(i / (h * w)), y(i / w % h), x(i % w) {}
};

}  // namespace unblur::cuda
