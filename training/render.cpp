// SPDX-License-Identifier: MIT
#include "render.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

#include "warp_cpu.h"

namespace unblur {
namespace {

constexpr int kEncodeKnots = 4096;

double decode_srgb(double code) {
  return code <= 0.04045 ? code / 12.92 : std::pow((code + 0.055) / 1.055, 2.4);
}
double encode_srgb(double linear) {
  return linear <= 0.0031308 ? 12.92 * linear : 1.055 * std::pow(linear, 1 / 2.4) - 0.055;
}
// x^a / (x^a + (1-x)^a): steeper in the middle for a > 1; its inverse has exponent 1/a.
double contrast_curve(double x, double a) {
  const double up = std::pow(x, a), down = std::pow(1 - x, a);
  return up / (up + down);
}

// Mirror without repeating a gap: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...
std::vector<int> reflected(int first, int count, int size) {
  std::vector<int> out(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const int period = 2 * size;
    const int at = ((first + i) % period + period) % period;
    out[static_cast<std::size_t>(i)] = at < size ? at : period - 1 - at;
  }
  return out;
}

// Linear RGBA [h,w,4] of a rectangle of the photograph in its own pixels, not yet premultiplied.
torch::Tensor gather_photo(const Photo& photo, const std::vector<float>& decode, float brightness, int x,
                           int y, int width, int height) {
  const std::vector<int> columns = reflected(x, width, photo.width),
                         rows = reflected(y, height, photo.height);
  std::vector<float> table(decode);
  for (float& value : table) value *= brightness;
  torch::Tensor out = torch::empty({height, width, 4}, torch::kFloat32);
  float* to = out.data_ptr<float>();
  for (int j = 0; j < height; ++j) {
    const std::size_t row = static_cast<std::size_t>(rows[static_cast<std::size_t>(j)]) * photo.width;
    const bool row_outside = y + j < 0 || y + j >= photo.height;
    for (int i = 0; i < width; ++i, to += 4) {
      const std::size_t pixel = row + static_cast<std::size_t>(columns[static_cast<std::size_t>(i)]);
      const std::uint8_t* from = photo.rgb.data() + pixel * 3;
      to[0] = table[from[0]];
      to[1] = table[256 + from[1]];
      to[2] = table[512 + from[2]];
      to[3] = 1;
      if (!photo.alpha.empty()) {  // a cut-out ends where its picture ends
        const bool outside = row_outside || x + i < 0 || x + i >= photo.width;
        to[3] = outside ? 0.0F : static_cast<float>(photo.alpha[pixel]) / 255.0F;
      }
    }
  }
  return out;
}

void apply_outline(const LayerPlan& layer, torch::Tensor& rgba) {
  float* texel = rgba.data_ptr<float>();
  for (int y = 0; y < layer.height; ++y) {
    for (int x = 0; x < layer.width; ++x, texel += 4) texel[3] *= static_cast<float>(mask_alpha(layer, x, y));
  }
}

// Thin lens: every point is spread over a disc [h,w,4 -> rgb only]; the outline stays as drawn.
void defocus(torch::Tensor& rgba, double radius) {
  const int reach = static_cast<int>(std::ceil(radius));
  const auto side = 2 * reach + 1;
  torch::Tensor disc = torch::empty({side, side});
  for (int y = 0; y < side; ++y) {
    for (int x = 0; x < side; ++x) {
      disc[y][x] = static_cast<float>(std::clamp(radius + 0.5 - std::hypot(x - reach, y - reach), 0.0, 1.0));
    }
  }
  disc.div_(disc.sum());
  const torch::Tensor planes = rgba.slice(2, 0, 3).permute({2, 0, 1}).unsqueeze(1);
  const torch::Tensor padded = at::replication_pad2d(planes, {reach, reach, reach, reach});
  rgba.slice(2, 0, 3).copy_(at::conv2d(padded, disc.view({1, 1, side, side})).squeeze(1).permute({1, 2, 0}));
}

torch::Tensor build_texture(const ClipPlan& plan, const LayerPlan& layer, const PhotoLibrary& photos,
                            const std::vector<float>& decode, torch::Device device) {
  const auto& source = layer.cutout ? photos.cutouts() : photos.photos();
  const Photo& photo = source[static_cast<std::size_t>(layer.photo)];
  const auto to_photo = [&](int at) { return static_cast<int>(std::lround(at / layer.scale)); };
  const int x = to_photo(layer.x), y = to_photo(layer.y);
  const int width = to_photo(layer.x + layer.width) - x, height = to_photo(layer.y + layer.height) - y;
  torch::Tensor rgba = gather_photo(photo, decode, static_cast<float>(layer.brightness), x, y, width, height);
  const bool resized = width != layer.width || height != layer.height;
  if (resized) {
    if (!photo.alpha.empty()) rgba.slice(2, 0, 3).mul_(rgba.slice(2, 3, 4));
    const torch::Tensor planes = rgba.to(device).permute({2, 0, 1}).contiguous().unsqueeze(0);
    // The anti-aliased bicubic keeps reduced photographs sharp at the pixel; a box filter would not.
    rgba = at::_upsample_bicubic2d_aa(planes, {layer.height, layer.width}, false, std::nullopt, std::nullopt)
               .squeeze(0)
               .permute({1, 2, 0})
               .contiguous()
               .clamp_min_(0)
               .cpu();
    rgba.slice(2, 3, 4).clamp_max_(1);
  }
  if (layer.defocus > 0) defocus(rgba, layer.defocus);
  if (layer.radius > 0) apply_outline(layer, rgba);
  const bool premultiplied = resized && !photo.alpha.empty();
  const bool opaque = layer.radius <= 0 && photo.alpha.empty();
  if (!premultiplied && !opaque) rgba.slice(2, 0, 3).mul_(rgba.slice(2, 3, 4));
  if (plan.degradation.grey) {
    const torch::Tensor weights = torch::tensor({0.2126F, 0.7152F, 0.0722F});
    rgba.slice(2, 0, 3).copy_((rgba.slice(2, 0, 3) * weights).sum(2, true).expand({-1, -1, 3}));
  }
  return rgba.to(device);
}

// One tap per (i, j) of Catmull-Rom over all pixels; index and weight tensors [N,H,W].
torch::Tensor sample_tensor(const torch::Tensor& texture, const torch::Tensor& u, const torch::Tensor& v) {
  const auto height = texture.size(0), width = texture.size(1);
  const torch::Tensor flat = texture.reshape({height * width, 4});
  const torch::Tensor floor_u = u.floor(), floor_v = v.floor();
  const auto weights = [](const torch::Tensor& f) {
    const torch::Tensor f2 = f * f, f3 = f2 * f;
    return std::array<torch::Tensor, 4>{-0.5 * f3 + f2 - 0.5 * f, 1.5 * f3 - 2.5 * f2 + 1,
                                        -1.5 * f3 + 2 * f2 + 0.5 * f, 0.5 * f3 - 0.5 * f2};
  };
  const auto wx = weights(u - floor_u), wy = weights(v - floor_v);
  const torch::Tensor ix = floor_u.to(torch::kLong), iy = floor_v.to(torch::kLong);
  torch::Tensor sum;
  for (std::size_t j = 0; j < 4; ++j) {
    const torch::Tensor row = (iy + (static_cast<int>(j) - 1)).clamp_(0, height - 1) * width;
    for (std::size_t i = 0; i < 4; ++i) {
      const torch::Tensor index = row + (ix + (static_cast<int>(i) - 1)).clamp_(0, width - 1);
      const torch::Tensor tap =
          flat.index_select(0, index.flatten()).view({u.size(0), u.size(1), u.size(2), 4}) *
          (wx[i] * wy[j]).unsqueeze(-1);
      sum = sum.defined() ? sum + tap : tap;
    }
  }
  return sum.clamp_min(0);
}

torch::Tensor render_as_tensors(const std::vector<torch::Tensor>& textures, const std::vector<float>& maps,
                                int instants, int width, int height, Labels* labels) {
  const torch::Device device = textures[0].device();
  const auto layers = static_cast<std::int64_t>(textures.size());
  const torch::Tensor table =
      torch::from_blob(const_cast<float*>(maps.data()), {layers, instants, height, 1, 9}, torch::kFloat32)
          .to(device);
  const torch::Tensor x =
      torch::arange(width, torch::TensorOptions().device(device).dtype(torch::kFloat32)).view({1, 1, width});
  const torch::Tensor y = torch::arange(height, x.options()).view({1, height, 1});
  torch::Tensor picture;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    const auto entry = [&](int e) { return table[layer].select(-1, e); };
    const torch::Tensor w = entry(6) * x + (entry(7) * y + entry(8));
    const torch::Tensor scale = w.reciprocal();
    torch::Tensor u = (entry(0) * x + (entry(1) * y + entry(2))) * scale;
    torch::Tensor v = (entry(3) * x + (entry(4) * y + entry(5))) * scale;
    const auto u_max = static_cast<double>(textures[layer].size(1) - 1),
               v_max = static_cast<double>(textures[layer].size(0) - 1);
    const torch::Tensor inside = (u > 0) & (v > 0) & (u < u_max) & (v < v_max);
    torch::Tensor colour = sample_tensor(textures[layer], u.clamp(0, u_max), v.clamp(0, v_max));
    if (layer == 0) {
      picture = colour;
      if (labels != nullptr)
        labels->layer = torch::zeros({height, width}, picture.options().dtype(torch::kUInt8));
      if (labels != nullptr) labels->mixed = labels->layer.clone();
      continue;
    }
    colour = colour * inside.unsqueeze(-1);
    const torch::Tensor alpha = colour.slice(-1, 3, 4).clamp_max(1);
    picture = picture * (1 - alpha) + colour;
    if (labels != nullptr) {
      const torch::Tensor a = alpha[0].squeeze(-1);
      labels->layer.masked_fill_(a > 0.5, layer);
      labels->mixed.masked_fill_((a > 0.02) & (a < 0.98), 1).masked_fill_(a >= 0.98, 0);
    }
  }
  return picture.slice(-1, 0, 3).mean(0);
}

}  // namespace

ResponseTables response_tables(const Degradation& look) {
  ResponseTables tables;
  const CameraCurve& curve = look.curve;
  for (const double gain : look.gain) {
    for (int code = 0; code < 256; ++code) {
      const double x = code / 255.0;
      const double linear = curve.kind == CurveKind::kSrgb
                                ? decode_srgb(x)
                                : std::pow(contrast_curve(x, curve.contrast), curve.gamma);
      const double lift = 1 + (look.highlight - 1) * std::max(0.0, (x - 0.9) / 0.1);
      tables.decode.push_back(static_cast<float>(linear * gain * lift));
    }
  }
  for (int i = 0; i <= kEncodeKnots; ++i) {
    const double linear = std::pow(static_cast<double>(i) / kEncodeKnots, 2);
    const double code = curve.kind == CurveKind::kSrgb
                            ? encode_srgb(linear)
                            : contrast_curve(std::pow(linear, 1 / curve.gamma), 1 / curve.contrast);
    tables.encode.push_back(static_cast<float>(code));
  }
  return tables;
}

std::vector<torch::Tensor> build_textures(const ClipPlan& plan, const PhotoLibrary& photos,
                                          torch::Device device) {
  const ResponseTables tables = response_tables(plan.degradation);
  std::vector<torch::Tensor> textures;
  for (const LayerPlan& layer : plan.layers) {
    textures.push_back(build_texture(plan, layer, photos, tables.decode, device));
  }
  return textures;
}

std::vector<float> row_maps(const ClipPlan& plan, int frame, const std::vector<double>& offsets) {
  std::vector<float> maps;
  maps.reserve(plan.layers.size() * offsets.size() * static_cast<std::size_t>(plan.height) * 9);
  for (const LayerPlan& layer : plan.layers) {
    for (const double offset : offsets) {
      Mat3 map = layer.motion.at(plan.row_time(frame, 0, offset));
      for (int y = 0; y < plan.height; ++y) {
        if (plan.readout > 0) map = layer.motion.at(plan.row_time(frame, y, offset));
        for (const double entry : map) maps.push_back(static_cast<float>(entry));
      }
    }
  }
  return maps;
}

std::vector<double> exposure_offsets(double duty, int count) {
  std::vector<double> offsets;
  for (int i = 0; i < count; ++i) offsets.push_back(duty * ((i + 0.5) / count - 0.5));
  return offsets;
}

torch::Tensor render_frame(const ClipPlan& plan, const std::vector<torch::Tensor>& textures, int frame,
                           const std::vector<double>& offsets, Labels* labels, bool as_tensors) {
  const std::vector<float> maps = row_maps(plan, frame, offsets);
  const int instants = static_cast<int>(offsets.size());
  if (as_tensors || !textures[0].is_cpu()) {
    return render_as_tensors(textures, maps, instants, plan.width, plan.height, labels);
  }
  std::vector<TextureView> views;
  for (const torch::Tensor& texture : textures) {
    views.push_back(
        {texture.data_ptr<float>(), static_cast<int>(texture.size(1)), static_cast<int>(texture.size(0))});
  }
  torch::Tensor out = torch::empty({plan.height, plan.width, 4}, torch::kFloat32);
  if (labels != nullptr) {
    labels->layer = torch::zeros({plan.height, plan.width}, torch::kUInt8);
    labels->mixed = torch::zeros({plan.height, plan.width}, torch::kUInt8);
  }
  render_on_cpu(views, maps.data(), instants, plan.width, plan.height, out.data_ptr<float>(),
                labels != nullptr ? labels->layer.data_ptr<std::uint8_t>() : nullptr,
                labels != nullptr ? labels->mixed.data_ptr<std::uint8_t>() : nullptr);
  return out.slice(2, 0, 3);
}

}  // namespace unblur
