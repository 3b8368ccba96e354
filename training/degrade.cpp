// SPDX-License-Identifier: MIT
#include "degrade.h"

#include <ATen/Functions.h>

#include <array>
#include <cmath>
#include <numbers>

#include "rng.h"

namespace unblur {
namespace {

// ITU-T T.81 tables K.1 and K.2.
constexpr std::array<int, 64> kLumaTable{
    16, 11,  10,  16, 24, 40, 51, 61, 12,  12,  14,  19,  26, 58, 60, 55,  14,  13,  16,  24, 40, 57,
    69, 56,  14,  17, 22, 29, 51, 87, 80,  62,  18,  22,  37, 56, 68, 109, 103, 77,  24,  35, 55, 64,
    81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98,  112, 100, 103, 99};
constexpr std::array<int, 64> kChromaTable{17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
                                           24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
                                           99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99,
                                           99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99, 99};

// libjpeg's scaling of the tables, for values in [0,1] instead of [0,255].
torch::Tensor quantisation(const std::array<int, 64>& table, int quality) {
  const int scale = quality < 50 ? 5000 / quality : 200 - 2 * quality;
  torch::Tensor out = torch::empty({8, 8}, torch::kFloat32);
  float* step = out.data_ptr<float>();
  for (std::size_t i = 0; i < 64; ++i) {
    step[i] = static_cast<float>(std::clamp((table[i] * scale + 50) / 100, 1, 255)) / 255.0F;
  }
  return out;
}

// Orthonormal DCT-II matrix, the transform of T.81.
torch::Tensor dct_matrix() {
  torch::Tensor out = torch::empty({8, 8}, torch::kFloat32);
  for (int k = 0; k < 8; ++k) {
    for (int n = 0; n < 8; ++n) {
      const double scale = k == 0 ? std::sqrt(0.125) : 0.5;
      out[k][n] = static_cast<float>(scale * std::cos((2 * n + 1) * k * std::numbers::pi / 16));
    }
  }
  return out;
}

// Quantises the 8x8 blocks of planes [P,H,W]. Both transforms are plain products with one side of eight:
// columns of blocks as [P*H/8, 8, W], rows as [P*H*W/8, 8].
torch::Tensor quantise_blocks(const torch::Tensor& planes, const torch::Tensor& steps,
                              const torch::Tensor& dct) {
  const auto p = planes.size(0), h = planes.size(1), w = planes.size(2);
  torch::Tensor x = at::matmul(dct, planes.reshape({p * h / 8, 8, w}));
  x = at::mm(x.view({p * h * w / 8, 8}), dct.t());
  torch::Tensor blocks = x.view({p * h / 8, 8, w / 8, 8});
  const torch::Tensor step = steps.unsqueeze(1);  // [8,1,8]
  blocks.div_(step).round_().mul_(step);
  x = at::mm(blocks.view({p * h * w / 8, 8}), dct);
  return at::matmul(dct.t(), x.view({p * h / 8, 8, w})).view({p, h, w});
}

// kernel is [3,3] per channel list; reflection keeps the noise level up to the border.
torch::Tensor filter3(const torch::Tensor& planes, const torch::Tensor& kernels) {
  return at::conv2d(at::reflection_pad2d(planes, {1, 1, 1, 1}), kernels.view({3, 1, 3, 3}), {}, {1, 1},
                    at::IntArrayRef{0, 0}, {1, 1}, 3);
}

torch::Tensor correlated(const torch::Tensor& noise) {
  const auto h = noise.size(2), w = noise.size(3);
  torch::Tensor mosaic = torch::zeros({3, h, w}, noise.options());  // RGGB
  mosaic[0].slice(0, 0, h, 2).slice(1, 0, w, 2).fill_(1);
  mosaic[1].slice(0, 0, h, 2).slice(1, 1, w, 2).fill_(1);
  mosaic[1].slice(0, 1, h, 2).slice(1, 0, w, 2).fill_(1);
  mosaic[2].slice(0, 1, h, 2).slice(1, 1, w, 2).fill_(1);
  const torch::Tensor cross = torch::tensor({0.0F, 0.25F, 0.0F, 0.25F, 1.0F, 0.25F, 0.0F, 0.25F, 0.0F});
  const torch::Tensor box = torch::tensor({0.25F, 0.5F, 0.25F, 0.5F, 1.0F, 0.5F, 0.25F, 0.5F, 0.25F});
  const torch::Tensor full = filter3(noise * mosaic, torch::stack({box, cross, box}).to(noise.device()));
  const torch::Tensor luma = full.mean(1, true);
  const torch::Tensor chroma = at::replication_pad2d(full - luma, {0, 1, 0, 1});
  return luma + at::avg_pool2d(chroma, {2, 2}, {1, 1});
}

}  // namespace

torch::Tensor encode_linear(const torch::Tensor& linear, const ResponseTables& tables) {
  const int last = static_cast<int>(tables.encode.size()) - 1;
  if (linear.is_cpu()) {  // one pass instead of seven
    const torch::Tensor in = linear.contiguous();
    torch::Tensor out = torch::empty_like(in);
    const float* from = in.data_ptr<float>();
    float* to = out.data_ptr<float>();
    for (std::int64_t i = 0; i < in.numel(); ++i) {
      const float position = std::sqrt(std::clamp(from[i], 0.0F, 1.0F)) * static_cast<float>(last);
      const int knot = std::min(static_cast<int>(position), last - 1);
      const float lo = tables.encode[static_cast<std::size_t>(knot)];
      const float hi = tables.encode[static_cast<std::size_t>(knot) + 1];
      to[i] = lo + (position - static_cast<float>(knot)) * (hi - lo);
    }
    return out;
  }
  const torch::Tensor table = torch::tensor(tables.encode).to(linear.device());
  const torch::Tensor position = linear.clamp(0, 1).sqrt_().mul_(last);
  const torch::Tensor knot = position.to(torch::kLong).clamp_max_(last - 1);
  const torch::Tensor lo = table.index({knot}), hi = table.index({knot + 1});
  return lo + (position - knot) * (hi - lo);
}

torch::Tensor counter_noise(std::uint64_t key, torch::IntArrayRef sizes) {
  torch::Tensor out = torch::empty(sizes, torch::kFloat32);
  float* value = out.data_ptr<float>();
  const float scale = static_cast<float>(std::sqrt(3.0) / 65536);
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    const std::uint64_t bits = mix_bits(key + kGoldenGamma * static_cast<std::uint64_t>(i + 1));
    const auto sum =
        static_cast<int>((bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48));
    value[i] = static_cast<float>(sum - 131070) * scale;
  }
  return out;
}

torch::Tensor add_noise(const torch::Tensor& linear, const Degradation& look, std::uint64_t key) {
  torch::Tensor noise = counter_noise(key, linear.sizes()).to(linear.device());
  if (look.correlated_noise) noise = correlated(noise);
  const torch::Tensor sigma =
      (linear.clamp(0, 1) * look.photon_gain + look.read_sigma * look.read_sigma).sqrt_();
  return linear.clamp(0, 1).add_(noise.mul_(sigma));
}

torch::Tensor jpeg_loss(const torch::Tensor& codes, int quality, bool chroma_420) {
  const auto t = codes.size(0), h = codes.size(2), w = codes.size(3);
  const torch::Device device = codes.device();
  static const torch::Tensor kDct = dct_matrix();
  const torch::Tensor dct = kDct.to(device);
  const torch::Tensor to_ycc =
      torch::tensor({0.299F, 0.587F, 0.114F, -0.168736F, -0.331264F, 0.5F, 0.5F, -0.418688F, -0.081312F})
          .view({3, 3})
          .to(device);
  const torch::Tensor to_rgb =
      torch::tensor({1.0F, 0.0F, 1.402F, 1.0F, -0.344136F, -0.714136F, 1.0F, 1.772F, 0.0F})
          .view({3, 3})
          .to(device);
  const torch::Tensor ycc = at::matmul(to_ycc, codes.reshape({t, 3, h * w})).view({t, 3, h, w});
  torch::Tensor luma =
      quantise_blocks(ycc.select(1, 0) - 0.5F, quantisation(kLumaTable, quality).to(device), dct);
  torch::Tensor chroma = ycc.slice(1, 1, 3);
  if (chroma_420) chroma = at::avg_pool2d(chroma, {2, 2});
  const auto ch = chroma.size(2), cw = chroma.size(3);
  chroma =
      quantise_blocks(chroma.reshape({2 * t, ch, cw}), quantisation(kChromaTable, quality).to(device), dct)
          .view({t, 2, ch, cw});
  if (chroma_420) chroma = at::upsample_bilinear2d(chroma, {h, w}, false);
  const torch::Tensor planes = torch::cat({(luma + 0.5F).unsqueeze(1), chroma}, 1);
  return at::matmul(to_rgb, planes.view({t, 3, h * w})).view({t, 3, h, w}).clamp_(0, 1);
}

torch::Tensor to_bytes(const torch::Tensor& codes) {
  return codes.clamp(0, 1).mul_(255).round_().to(torch::kUInt8);
}

torch::Tensor degrade(const torch::Tensor& linear, const Degradation& look, const ResponseTables& tables,
                      std::uint64_t key) {
  const bool noisy = look.photon_gain > 0 || look.read_sigma > 0;
  torch::Tensor codes = encode_linear(noisy ? add_noise(linear, look, key) : linear, tables);
  if (look.sharpening > 0) {
    const torch::Tensor soft = at::avg_pool2d(at::replication_pad2d(codes, {1, 1, 1, 1}), {3, 3}, {1, 1});
    codes = (codes + look.sharpening * (codes - soft)).clamp_(0, 1);
  }
  if (look.jpeg_quality > 0) codes = jpeg_loss(codes, look.jpeg_quality, look.chroma_420);
  return to_bytes(codes);
}

}  // namespace unblur
