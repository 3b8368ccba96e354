// SPDX-License-Identifier: MIT
#include "networks/fill.h"

#include <cmath>

#include "networks/networks.h"

namespace unblur {
namespace {

std::uint64_t fnv1a64(std::string_view text) {
  std::uint64_t h = 0xCBF29CE484222325ULL;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return h;
}

/// Value i of a stream, in [-1, 1), a multiple of 2^-23.
double unit_value(std::uint64_t key, std::uint64_t i) {
  std::uint64_t z = key + (i + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
  z ^= z >> 31U;
  return static_cast<double>(z >> 40U) * 0x1p-23 - 1.0;
}

}  // namespace

Tensor fill_parameter(std::string_view name, const Dims& dims, double gain) {
  Tensor out(DType::kF32, dims);
  if (dims.empty()) return out;
  double scale = 0.1, shift = 1;
  if (dims.size() >= 2) {
    const auto fan_in = out.count() / dims[0];
    scale = gain * std::sqrt(3.0 / static_cast<double>(fan_in));
    shift = 0;
  } else if (name.ends_with("bias")) {
    scale = 0.05;
    shift = 0;
  } else if (name.ends_with("running_mean")) {
    shift = 0;
  }
  const std::uint64_t key = fnv1a64(name);
  std::uint64_t i = 0;
  for (float& v : out.f32()) v = static_cast<float>(shift + scale * unit_value(key, i++));
  return out;
}

TensorMap filled_parameters(const Graph& graph, double gain, double motion_gain) {
  TensorMap parameters = initial_parameters(graph, 1);
  for (auto& [name, tensor] : parameters) {
    const bool motion = name.starts_with("BIMNet.") || name.starts_with("offset_net.");
    if (!tensor.dims.empty()) tensor = fill_parameter(name, tensor.dims, motion ? motion_gain : gain);
  }
  return parameters;
}

}  // namespace unblur
