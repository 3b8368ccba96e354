// SPDX-License-Identifier: MIT
#include "graph/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

struct TypeInfo {
  std::string_view name;
  std::size_t bytes;
};

constexpr TypeInfo kTypeInfo[] = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                  {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U8", 1},   {"BOOL", 1}};

const TypeInfo& info(DType type) { return kTypeInfo[static_cast<std::size_t>(type)]; }

template <typename T>
void append_as_float(const std::vector<std::byte>& bytes, std::vector<float>& out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

template <typename Convert>
void append_halves(const std::vector<std::byte>& bytes, std::vector<float>& out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, bytes.data() + i * sizeof bits, sizeof bits);
    out[i] = convert(bits);
  }
}

}  // namespace

std::size_t size_of(DType type) noexcept { return info(type).bytes; }
std::string_view name_of(DType type) noexcept { return info(type).name; }

std::int64_t element_count(const Dims& dims) {
  std::int64_t count = 1;
  for (const std::int64_t d : dims) {
    if (d < 0 || (d != 0 && count > std::numeric_limits<std::int64_t>::max() / d)) {
      throw ModelError(fmt::format("tensor shape {} is negative or too large", to_string(dims)));
    }
    count *= d;
  }
  return count;
}

std::string to_string(const Dims& dims) { return fmt::format("[{}]", fmt::join(dims, ", ")); }

Tensor::Tensor(DType t, Dims d)
    : type(t), dims(std::move(d)), bytes(static_cast<std::size_t>(element_count(dims)) * size_of(t)) {}

Tensor Tensor::from_floats(Dims dims, std::span<const float> values) {
  Tensor t(DType::kF32, std::move(dims));
  if (values.size_bytes() != t.bytes.size()) {
    throw ModelError(
        fmt::format("{} values given for a tensor of shape {}", values.size(), to_string(t.dims)));
  }
  if (!values.empty()) std::memcpy(t.bytes.data(), values.data(), values.size_bytes());
  return t;
}

std::vector<float> Tensor::to_floats() const {
  std::vector<float> out(static_cast<std::size_t>(count()));
  switch (type) {
    case DType::kF64:
      append_as_float<double>(bytes, out);
      break;
    case DType::kF32:
      append_as_float<float>(bytes, out);
      break;
    case DType::kF16:
      append_halves(bytes, out, half_to_float);
      break;
    case DType::kBF16:
      append_halves(bytes, out, bfloat16_to_float);
      break;
    case DType::kI64:
      append_as_float<std::int64_t>(bytes, out);
      break;
    case DType::kI32:
      append_as_float<std::int32_t>(bytes, out);
      break;
    case DType::kI16:
      append_as_float<std::int16_t>(bytes, out);
      break;
    case DType::kI8:
      append_as_float<std::int8_t>(bytes, out);
      break;
    case DType::kU8:
    case DType::kBool:
      append_as_float<std::uint8_t>(bytes, out);
      break;
  }
  return out;
}

std::span<const float> Tensor::f32() const {
  if (type != DType::kF32) throw ModelError(fmt::format("tensor is {}, not F32", name_of(type)));
  return {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)};
}

std::span<float> Tensor::f32() {
  if (type != DType::kF32) throw ModelError(fmt::format("tensor is {}, not F32", name_of(type)));
  return {reinterpret_cast<float*>(bytes.data()), bytes.size() / sizeof(float)};
}

Tensor Tensor::as(DType target) const {
  const std::vector<float> values = to_floats();
  if (target == DType::kF32) return from_floats(dims, values);
  if (target != DType::kF16 && target != DType::kBF16) {
    throw ModelError(fmt::format("tensors are converted to F32, F16 or BF16, not to {}", name_of(target)));
  }
  Tensor out(target, dims);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits =
        target == DType::kF16 ? float_to_half(values[i]) : float_to_bfloat16(values[i]);
    std::memcpy(out.bytes.data() + i * sizeof bits, &bits, sizeof bits);
  }
  return out;
}

std::uint16_t float_to_half(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) return static_cast<std::uint16_t>(sign | 0x7E00U);   // NaN
  if (magnitude >= 0x477FF000U) return static_cast<std::uint16_t>(sign | 0x7C00U);  // rounds to infinity
  if (magnitude < 0x38800000U) {  // subnormal half: let the fp32 adder round to nearest even
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U));
  }
  const std::uint32_t odd = (magnitude >> 13) & 1U;
  return static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13));
}

float half_to_float(std::uint16_t bits) noexcept {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t magnitude = bits & 0x7FFFU;
  if (magnitude >= 0x7C00U) return std::bit_cast<float>(sign | 0x7F800000U | ((magnitude & 0x3FFU) << 13));
  if (magnitude < 0x400U) {
    const float value = std::ldexp(static_cast<float>(magnitude), -24);
    return sign != 0 ? -value : value;
  }
  return std::bit_cast<float>(sign | ((magnitude << 13) + 0x38000000U));
}

std::uint16_t float_to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7FFFFFFFU) > 0x7F800000U) return static_cast<std::uint16_t>((bits >> 16) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

float bfloat16_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

}  // namespace unblur
