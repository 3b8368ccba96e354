// SPDX-License-Identifier: MIT
// Counter-based random numbers: value n of (seed, index, stream) depends on nothing else, so that
// sample i is the same whatever thread draws it and whatever was drawn before.
#pragma once

#include <cmath>
#include <cstdint>

namespace unblur {

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection that mixes all bits.
[[nodiscard]] constexpr std::uint64_t mix_bits(std::uint64_t x) noexcept {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}
inline constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15ULL;

class CounterRng {
 public:
  /// `stream` separates independent uses of one sample index (scene, motion draw n, noise).
  constexpr CounterRng(std::uint64_t seed, std::uint64_t index, std::uint64_t stream) noexcept
      : key_(mix_bits(mix_bits(mix_bits(seed + kGoldenGamma) ^ (index * kGoldenGamma + 1)) +
                      (stream + 1) * kGoldenGamma)) {}

  [[nodiscard]] constexpr std::uint64_t key() const noexcept { return key_; }
  constexpr std::uint64_t next() noexcept { return mix_bits(key_ + kGoldenGamma * ++counter_); }

  /// Uniform in [0, 1), 53 bits.
  constexpr double uniform() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  constexpr double uniform(double lo, double hi) noexcept { return lo + (hi - lo) * uniform(); }
  /// Uniform in the logarithm; 0 < lo <= hi.
  double log_uniform(double lo, double hi) noexcept { return lo * std::exp(std::log(hi / lo) * uniform()); }
  /// Integer in [0, n), n >= 1.
  constexpr int below(int n) noexcept {
    return static_cast<int>(((next() >> 32) * static_cast<std::uint64_t>(n)) >> 32);
  }
  constexpr bool chance(double probability) noexcept { return uniform() < probability; }
  /// Standard normal (Box-Muller, the cosine half).
  double normal() noexcept {
    const double u = 1.0 - uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * uniform());
  }

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

}  // namespace unblur
