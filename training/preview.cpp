// SPDX-License-Identifier: MIT
#include "preview.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "degrade.h"

namespace unblur {

Frame frame_from_tensor(const torch::Tensor& picture) {
  const torch::Tensor bytes = (picture.scalar_type() == torch::kUInt8 ? picture : to_bytes(picture)).cpu();
  const torch::Tensor packed = bytes.permute({1, 2, 0}).contiguous();
  FrameFormat format;
  format.width = static_cast<int>(packed.size(1));
  format.height = static_cast<int>(packed.size(0));
  Frame frame(format);
  std::memcpy(frame.data.data(), packed.data_ptr<std::uint8_t>(), frame.data.size());
  return frame;
}

torch::Tensor tensor_from_frame(const Frame& frame) {
  const FrameFormat& format = frame.format;
  const std::int64_t channels = format.samples_per_pixel();
  torch::Tensor packed = torch::empty({format.height, format.width, channels}, torch::kFloat32);
  float* to = packed.data_ptr<float>();
  const float scale = 1.0F / static_cast<float>((1 << format.bit_depth) - 1);
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(frame.data.data());
  const auto* words = reinterpret_cast<const std::uint16_t*>(frame.data.data());
  for (std::int64_t i = 0; i < packed.numel(); ++i) {
    to[i] = static_cast<float>(format.bit_depth > 8 ? words[i] : bytes[i]) * scale;
  }
  return packed.permute({2, 0, 1}).expand({3, -1, -1}).contiguous();
}

torch::Tensor flow_colour(const torch::Tensor& flow, double full) {
  const torch::Tensor x = flow[0], y = flow[1];
  const torch::Tensor length = ((x * x + y * y).sqrt() / std::max(full, 1e-6)).clamp_max(1);
  const torch::Tensor angle = at::atan2(y, x);
  std::vector<torch::Tensor> channels;
  for (int c = 0; c < 3; ++c) {
    const torch::Tensor hue = 0.5 + 0.5 * at::cos(angle - c * 2 * std::numbers::pi / 3);
    channels.push_back(1 - length * (1 - hue));
  }
  return to_bytes(torch::stack(channels));
}

torch::Tensor preview_sheet(const std::vector<Clip>& clips) {
  constexpr int kGap = 4;
  std::vector<torch::Tensor> rows;
  for (const Clip& clip : clips) {
    const auto middle = clip.blurred.size(0) / 2;
    const torch::Tensor motion = -clip.flow[middle];  // content, as people expect it
    const torch::Tensor length = (motion[0] * motion[0] + motion[1] * motion[1]).sqrt().flatten();
    const double full = std::max(0.5, at::quantile(length.cpu(), 0.95).item<double>());
    const torch::Tensor visible = to_bytes(clip.visible[middle]).expand({3, -1, -1});
    std::vector<torch::Tensor> cells;
    for (const torch::Tensor& cell :
         {clip.blurred[middle], clip.sharp[middle], flow_colour(motion, full), visible}) {
      cells.push_back(at::constant_pad_nd(cell.cpu(), {0, kGap, 0, kGap}, 255));
    }
    rows.push_back(torch::cat(cells, 2));
  }
  return torch::cat(rows, 1);
}

torch::Tensor gather_by_flow(const torch::Tensor& picture, const torch::Tensor& flow) {
  const auto height = picture.size(1), width = picture.size(2);
  const torch::Tensor x = torch::arange(width, flow.options()).view({1, width}) + flow[0];
  const torch::Tensor y = torch::arange(height, flow.options()).view({height, 1}) + flow[1];
  const torch::Tensor grid =
      torch::stack({2 * x / (width - 1) - 1, 2 * y / (height - 1) - 1}, -1).unsqueeze(0);
  // Arguments: bilinear, border repeated, corners aligned.
  return at::grid_sampler_2d(picture.unsqueeze(0), grid, 0, 1, true).squeeze(0);
}

}  // namespace unblur
