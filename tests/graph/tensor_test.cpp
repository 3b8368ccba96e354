// SPDX-License-Identifier: MIT
// Number formats: all 65 536 halves and bfloat16s, rounding to nearest even, and tensor conversions.
#include "graph/tensor.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

/// The value of a half from the definition of IEEE 754 binary16.
double half_by_definition(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int mantissa = bits & 1023;
  const double sign = (bits >> 15) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return mantissa != 0 ? std::nan("") : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Half, EveryValueReadsAsDefinedAndComesBack) {
  for (int i = 0; i <= 0xffff; ++i) {
    const auto bits = static_cast<std::uint16_t>(i);
    const double expected = half_by_definition(bits);
    const float value = half_to_float(bits);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(value)) << i;
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value)))) << i;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), expected) << i;
    ASSERT_EQ(float_to_half(value), bits) << i;
  }
}

TEST(Half, RoundsToNearestEven) {
  for (int i = 0; i < 0x7bff; ++i) {  // all neighbours among the finite positive ones
    const double low = half_by_definition(static_cast<std::uint16_t>(i));
    const double high = half_by_definition(static_cast<std::uint16_t>(i + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    const int even = i % 2 == 0 ? i : i + 1;
    ASSERT_EQ(float_to_half(middle), even) << i;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0F)), i) << i;
    ASSERT_EQ(float_to_half(std::nextafter(middle, INFINITY)), i + 1) << i;
  }
  EXPECT_EQ(float_to_half(65519.99F), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0F), 0x7c00);  // half way to what would be 65536: infinity
  EXPECT_EQ(float_to_half(-1e30F), 0xfc00);
  EXPECT_EQ(float_to_half(1e-30F), 0);
}

TEST(Bfloat16, IsTheUpperHalfRoundedToNearestEven) {
  EXPECT_EQ(float_to_bfloat16(1.0F), 0x3f80);
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3f808000U)), 0x3f80);  // a tie goes to even
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3f818000U)), 0x3f82);
  EXPECT_EQ(float_to_bfloat16(std::bit_cast<float>(0x3f808001U)), 0x3f81);
  EXPECT_EQ(float_to_bfloat16(INFINITY), 0x7f80);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(std::bit_cast<float>(0x7f800001U)))));
  EXPECT_EQ(bfloat16_to_float(0xc000), -2.0F);
}

TEST(Tensor, ConversionsKeepValues) {
  const Tensor t = Tensor::from_floats({2, 2}, std::vector{1.0F, -0.5F, 0.25F, 3.0F});
  for (const DType type : {DType::kF16, DType::kBF16, DType::kF32}) {
    const Tensor other = t.as(type);
    EXPECT_EQ(other.type, type);
    EXPECT_EQ(other.bytes.size(), 4 * size_of(type));
    EXPECT_EQ(other.to_floats(), t.to_floats());
  }
  Tensor bytes(DType::kI8, {2});
  bytes.bytes = {std::byte{0xff}, std::byte{3}};
  EXPECT_EQ(bytes.to_floats(), (std::vector{-1.0F, 3.0F}));
}

TEST(Tensor, RefusesWhatDoesNotFit) {
  EXPECT_THROW((void)Tensor::from_floats({3}, std::vector{1.0F}), ModelError);
  EXPECT_THROW((void)element_count({-1}), ModelError);
  EXPECT_THROW((void)element_count({1LL << 40, 1LL << 40}), ModelError);
  EXPECT_THROW((void)Tensor(DType::kI32, {1}).f32(), ModelError);
  EXPECT_EQ(element_count({}), 1);
  EXPECT_EQ(element_count({5, 0}), 0);
}

}  // namespace
}  // namespace unblur
