// SPDX-License-Identifier: MIT
#include <cmath>
#include <numbers>
#include <string_view>

#include "networks/networks.h"

namespace unblur {
namespace {

/// Counter-based generator: value i of stream `key` depends on nothing else (splitmix64).
std::uint64_t random_bits(std::uint64_t key, std::uint64_t i) {
  std::uint64_t z = key + (i + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

std::uint64_t stream_key(std::uint64_t seed, std::string_view name) {
  std::uint64_t h = 0xCBF29CE484222325ULL ^ random_bits(seed, 0);  // FNV-1a
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
  return h;
}

/// Standard normal value i of a stream (Box-Muller).
double normal(std::uint64_t key, std::uint64_t i) {
  constexpr double kUnit = 0x1p-53;
  const double u = (static_cast<double>(random_bits(key, 2 * i) >> 11) + 0.5) * kUnit;
  const double v = static_cast<double>(random_bits(key, 2 * i + 1) >> 11) * kUnit;
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v);
}

bool makes_pictures(std::string_view weight) {
  return weight == "out.weight" || weight == "aux2.weight" || weight == "aux4.weight" ||
         weight == "PVDNet.end.weight";
}
bool ends_motion_head(std::string_view weight) {
  return weight == "flow.coarse.2.weight" || weight == "flow.fine.2.weight" || weight == "head.weight" ||
         weight == "head8.weight" || weight == "head16.weight" ||
         (weight.starts_with("BIMNet.") && weight.ends_with(".moduleMain.6.weight"));
}
bool smooths_flow(std::string_view weight) {
  return weight.ends_with(".moduleScaleX.weight") || weight.ends_with(".moduleScaleY.weight");
}
constexpr std::string_view kPictureFilters = "BIMNet.moduleFeatures.moduleOne.0.weight";
/// Without the mean of what a leaky rectifier (slope 0.1) lets through, its variance is what counts:
/// sqrt((1 + a^2) / 2 / ((1 + a^2) / 2 - (1 - a)^2 / (2 pi))).
constexpr double kCentredGain = 1.159;
/// Pictures are in [0,1] and smooth, so that filters of mean 0 see little. With this, correlations of levels
/// 2 to 6 vary by 0.6 to 1.9 on a synthetic 1/f picture; at 0.001 (gain 4) the flow stayed at zero for 8000
/// pairs.
constexpr double kPictureGain = 28;
/// What is compared (features) or searched for a peak (correlations) has a large common part that says
/// nothing.
bool ignores_common_part(std::string_view weight) {
  return weight.starts_with("BIMNet.moduleFeatures.") ||
         (weight.starts_with("BIMNet.moduleMatching.") && weight.ends_with(".moduleMain.0.weight"));
}

constexpr float kTapRatio = 0.08F;  // Motion-ETR's, never trained

/// Standard deviation of a convolution's weights: what reads it decides (He et al. 2015).
double deviation(const Graph& graph, Value conv, const std::string& weight, double fan_in) {
  if (makes_pictures(weight)) return 0.0;
  double gain = 1.0;
  for (const Node& reader : graph.nodes()) {
    const auto* unary = std::get_if<op::Unary>(&reader.op);
    if (unary == nullptr || reader.inputs[0] != conv) continue;
    if (unary->kind == op::UnaryKind::kRelu) gain = 2.0;
    if (unary->kind == op::UnaryKind::kLeakyRelu) gain = 2.0 / (1.0 + double{unary->a} * double{unary->a});
  }
  const double he = std::sqrt(gain / fan_in);
  return ends_motion_head(weight) ? 0.1 * he : he;
}

void fill_normal(Tensor& weight, std::uint64_t key, double sigma) {
  std::uint64_t i = 0;
  for (float& v : weight.f32()) v = static_cast<float>(sigma * normal(key, i++));
}

/// Filters of mean 0, `scale` times their size.
void centre_filters(Tensor& weight, double scale) {
  const std::span<float> values = weight.f32();
  const std::size_t size = values.size() / static_cast<std::size_t>(weight.dims[0]);
  for (std::size_t at = 0; at < values.size(); at += size) {
    double mean = 0;
    for (std::size_t i = 0; i < size; ++i) mean += double{values[at + i]} / static_cast<double>(size);
    for (std::size_t i = 0; i < size; ++i)
      values[at + i] = static_cast<float>(scale * (double{values[at + i]} - mean));
  }
}

/// Twice the size: the taps of a bilinear resize of every channel by itself, [channels, 1, 4, 4].
void fill_bilinear(Tensor& weight) {
  constexpr float kTaps[] = {0.25F, 0.75F, 0.75F, 0.25F};
  std::size_t i = 0;
  for (float& v : weight.f32()) v = kTaps[i % 4] * kTaps[i / 4 % 4], ++i;
}

void fill_he(const Graph& graph, std::uint64_t seed, TensorMap& out) {
  for (std::size_t n = 0; n < graph.nodes().size(); ++n) {
    const Node& node = graph.nodes()[n];
    const auto fill = [&](const std::string& name, double fan_in) {
      const Value self{static_cast<std::int32_t>(n)};
      fill_normal(out[name], stream_key(seed, name), deviation(graph, self, name, fan_in));
    };
    if (const auto* conv = std::get_if<op::Conv2d>(&node.op)) {
      Tensor& weight = out[conv->weight];
      const Dims& d = weight.dims;
      if (smooths_flow(conv->weight)) {
        for (float& v : weight.f32()) v = 1.0F;
        continue;
      }
      fill(conv->weight, static_cast<double>(d[1] * d[2] * d[3]));
      if (ignores_common_part(conv->weight))
        centre_filters(weight, conv->weight == kPictureFilters ? kPictureGain : kCentredGain);
    }
    if (const auto* conv = std::get_if<op::DeformConv2d>(&node.op)) {
      const Dims& d = out[conv->weight].dims;
      fill(conv->weight, static_cast<double>(d[1] * d[2] * d[3]));
    }
    if (const auto* conv = std::get_if<op::ConvTranspose2d>(&node.op)) {
      Tensor& weight = out[conv->weight];
      const Dims& d = weight.dims;  // [in, out/groups, kh, kw]; each output sees 1/stride^2 of it
      const bool upsamples = conv->groups == d[0] && d[1] == 1 && d[2] == 4 && d[3] == 4;
      if (upsamples) {
        fill_bilinear(weight);
      } else {
        fill(conv->weight,
             static_cast<double>(d[0] * d[2] * d[3]) / (conv->groups * conv->stride.h * conv->stride.w));
      }
    }
  }
}

void fill_xavier(std::uint64_t seed, TensorMap& out) {
  for (auto& [name, weight] : out) {
    const Dims& d = weight.dims;
    if (d.size() != 4) continue;
    const double bound = std::sqrt(6.0 / static_cast<double>((d[0] + d[1]) * d[2] * d[3]));
    const std::uint64_t key = stream_key(seed, name);
    std::uint64_t i = 0;
    for (float& v : weight.f32()) {
      const double unit = (static_cast<double>(random_bits(key, i++) >> 11) + 0.5) * 0x1p-53;
      v = static_cast<float>(bound * (2 * unit - 1));
    }
  }
}

}  // namespace

TensorMap initial_parameters(const Graph& graph, std::uint64_t seed, Start start) {
  TensorMap out;
  for (const auto& [name, dims] : graph.parameters()) out[name] = Tensor(DType::kF32, dims);
  for (const Node& node : graph.nodes()) {
    const auto* affine = std::get_if<op::ChannelAffine>(&node.op);
    if (affine != nullptr && !affine->scale.empty()) {
      for (float& v : out[affine->scale].f32()) v = 1.0F;
    }
    if (const auto* taps = std::get_if<op::MotionTaps>(&node.op)) out[taps->ratio].f32()[0] = kTapRatio;
  }
  if (start == Start::kHe) {
    fill_he(graph, seed, out);
  } else {
    fill_xavier(seed, out);
  }
  return out;
}

}  // namespace unblur
