// SPDX-License-Identifier: MIT
// Host tensors: what parameters, golden cases and dumps are made of. Plain data, no arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace unblur {

/// Element types of safetensors files that the project reads. Arithmetic happens in executors.
enum class DType : std::uint8_t { kF64, kF32, kF16, kBF16, kI64, kI32, kI16, kI8, kU8, kBool };

[[nodiscard]] std::size_t size_of(DType type) noexcept;
[[nodiscard]] std::string_view name_of(DType type) noexcept;  ///< the safetensors name, "F32"

using Dims = std::vector<std::int64_t>;

/// Product of the dimensions, 1 for a scalar. Throws ModelError on a negative dimension or overflow.
[[nodiscard]] std::int64_t element_count(const Dims& dims);
[[nodiscard]] std::string to_string(const Dims& dims);  ///< "[3, 8, 1, 1]"

/// A dense row-major tensor that owns its bytes (little endian).
struct Tensor {
  DType type = DType::kF32;
  Dims dims;
  std::vector<std::byte> bytes;

  Tensor() = default;
  Tensor(DType type, Dims dims);  ///< zero-filled
  /// An F32 tensor with these values. Throws ModelError if the count does not match `dims`.
  static Tensor from_floats(Dims dims, std::span<const float> values);

  [[nodiscard]] std::int64_t count() const { return element_count(dims); }
  /// The values as float32, converted from any floating or integer type.
  [[nodiscard]] std::vector<float> to_floats() const;
  /// The elements in place. Throws ModelError unless `type` is kF32.
  [[nodiscard]] std::span<const float> f32() const;
  [[nodiscard]] std::span<float> f32();
  /// A copy in another floating type (round to nearest even).
  [[nodiscard]] Tensor as(DType target) const;
};

/// Tensors by name; ordered, so that everything written from it is deterministic.
using TensorMap = std::map<std::string, Tensor, std::less<>>;

/// IEEE half and bfloat16 conversions, round to nearest even, infinities and NaN kept.
[[nodiscard]] std::uint16_t float_to_half(float value) noexcept;
[[nodiscard]] float half_to_float(std::uint16_t bits) noexcept;
[[nodiscard]] std::uint16_t float_to_bfloat16(float value) noexcept;
[[nodiscard]] float bfloat16_to_float(std::uint16_t bits) noexcept;

}  // namespace unblur
