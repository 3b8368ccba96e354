// SPDX-License-Identifier: MIT
#include "convolution_cases.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

namespace unblur::vk::test {
namespace {

op::Conv2d conv(int out, int kernel, int pad, int stride = 1, int dilation = 1, int groups = 1,
                Border border = Border::kZero) {
  return {
      "w",   "b", out, {kernel, kernel}, {stride, stride}, {dilation, dilation}, groups, Margins::all(pad),
      border};
}
op::ConvTranspose2d up(int out, int kernel, int stride, int pad, int output_pad = 0, int groups = 1,
                       int dilation = 1) {
  return {"w",
          "b",
          out,
          {kernel, kernel},
          {stride, stride},
          {dilation, dilation},
          {output_pad, output_pad},
          groups,
          Margins::all(pad)};
}
Epilogue activated(op::UnaryKind kind) {
  Epilogue e;
  e.activation = op::Unary{kind, 0.1F};
  return e;
}
Epilogue everything(int shuffle, op::ShuffleOrder order) {
  Epilogue e = activated(op::UnaryKind::kLeakyRelu);
  e.residual = true;
  e.post_activation = op::Unary{op::UnaryKind::kTanh, 0};
  e.clamp = op::Clamp{-0.5F, 0.75F};
  e.shuffle = shuffle;
  e.shuffle_order = order;
  return e;
}

int conv_size(int in, int before, int after, int kernel, int dilation, int stride) {
  return (in + before + after - dilation * (kernel - 1) - 1) / stride + 1;
}
int up_size(int in, int before, int after, int kernel, int dilation, int stride, int output_pad) {
  return (in - 1) * stride - before - after + dilation * (kernel - 1) + 1 + output_pad;
}

/// Position in the frame for one outside, -1 if it reads zero.
int mapped(int i, int n, Border border) {
  if (i >= 0 && i < n) return i;
  if (border == Border::kZero) return -1;
  if (border == Border::kReplicate) return std::clamp(i, 0, n - 1);
  return i < 0 ? -i : 2 * n - 2 - i;
}

struct Planes {
  int c, h, w;
  std::vector<double> v;
  Planes(int channels, int height, int width)
      : c(channels), h(height), w(width), v(static_cast<std::size_t>(channels) * height * width) {}
  double& at(int k, int y, int x) { return v[(static_cast<std::size_t>(k) * h + y) * w + x]; }
};

double unary(const op::Unary& u, double x) {
  switch (u.kind) {
    case op::UnaryKind::kRelu:
      return std::max(x, 0.0);
    case op::UnaryKind::kLeakyRelu:
      return x >= 0 ? x : static_cast<double>(u.a) * x;
    case op::UnaryKind::kSigmoid:
      return 1 / (1 + std::exp(-x));
    case op::UnaryKind::kTanh:
      return std::tanh(x);
    default:
      return x;
  }
}

/// Sums and sums of absolute terms, straight from the definitions in graph/ops.h.
void sum_conv(const op::Conv2d& o, Planes& in, const std::vector<float>& w, Planes& out, Planes& size) {
  const int in_group = in.c / o.groups;
  const int out_group = o.out_channels / o.groups;
  for (int n = 0; n < out.c; ++n)
    for (int y = 0; y < out.h; ++y)
      for (int x = 0; x < out.w; ++x)
        for (int i = 0; i < in_group; ++i)
          for (int ky = 0; ky < o.kernel.h; ++ky)
            for (int kx = 0; kx < o.kernel.w; ++kx) {
              const int sy = mapped(y * o.stride.h + ky * o.dilation.h - o.pad.top, in.h, o.border);
              const int sx = mapped(x * o.stride.w + kx * o.dilation.w - o.pad.left, in.w, o.border);
              if (sy < 0 || sx < 0) continue;
              const auto k =
                  ((static_cast<std::size_t>(n) * in_group + i) * o.kernel.h + ky) * o.kernel.w + kx;
              const double term = in.at(n / out_group * in_group + i, sy, sx) * static_cast<double>(w[k]);
              out.at(n, y, x) += term;
              size.at(n, y, x) += std::abs(term);
            }
}
void sum_up(const op::ConvTranspose2d& o, Planes& in, const std::vector<float>& w, Planes& out,
            Planes& size) {
  const int in_group = in.c / o.groups;
  const int out_group = o.out_channels / o.groups;
  for (int i = 0; i < in.c; ++i)
    for (int y = 0; y < in.h; ++y)
      for (int x = 0; x < in.w; ++x)
        for (int n = 0; n < out_group; ++n)
          for (int ky = 0; ky < o.kernel.h; ++ky)
            for (int kx = 0; kx < o.kernel.w; ++kx) {
              const int ty = y * o.stride.h + ky * o.dilation.h - o.pad.top;
              const int tx = x * o.stride.w + kx * o.dilation.w - o.pad.left;
              if (ty < 0 || tx < 0 || ty >= out.h || tx >= out.w) continue;
              const auto k =
                  ((static_cast<std::size_t>(i) * out_group + n) * o.kernel.h + ky) * o.kernel.w + kx;
              const double term = in.at(i, y, x) * static_cast<double>(w[k]);
              out.at(i / in_group * out_group + n, ty, tx) += term;
              size.at(i / in_group * out_group + n, ty, tx) += std::abs(term);
            }
}

Planes shuffled(Planes& in, int r, op::ShuffleOrder order) {
  Planes out(in.c / (r * r), in.h * r, in.w * r);
  for (int c = 0; c < out.c; ++c)
    for (int y = 0; y < out.h; ++y)
      for (int x = 0; x < out.w; ++x) {
        const int position = y % r * r + x % r;
        const int from =
            order == op::ShuffleOrder::kChannelMajor ? c * r * r + position : position * out.c + c;
        out.at(c, y, x) = in.at(from, y / r, x / r);
      }
  return out;
}

TensorView view(int c, int h, int w, Storage storage, int offset) {
  const int padded = (c + 7) / 8 * 8;
  return {c, h, w, offset > 0 ? offset + padded + 8 : padded, offset, storage};
}

}  // namespace

std::vector<ConvolutionCase> convolution_cases() {
  using enum op::UnaryKind;
  const auto channel = op::ShuffleOrder::kChannelMajor;
  const auto block = op::ShuffleOrder::kBlockMajor;
  std::vector<ConvolutionCase> cases;
  // Channel counts around blocks of 4, 8 and 16, sizes around tiles of 8 and 64.
  for (const int in : {1, 3, 5, 9, 17, 33}) {
    cases.push_back({"in" + std::to_string(in), in, 7, 5, conv(12, 3, 1), {}});
  }
  for (const int out : {1, 2, 3, 8, 9, 17, 24, 33}) {
    cases.push_back({"out" + std::to_string(out), 8, 5, 11, conv(out, 3, 1), activated(kRelu)});
  }
  cases.push_back({"pixel", 8, 1, 1, conv(8, 3, 1), {}});
  cases.push_back({"wide", 16, 3, 65, conv(32, 3, 1), activated(kSigmoid)});
  cases.push_back({"tall", 12, 65, 3, conv(16, 3, 1), {}});
  cases.push_back({"tile", 32, 16, 64, conv(64, 3, 1), activated(kLeakyRelu)});
  // Kernels, strides, dilation, borders.
  cases.push_back({"k1", 20, 7, 9, conv(16, 1, 0), {}});
  cases.push_back({"k1s2", 16, 7, 9, conv(8, 1, 0, 2), {}});
  cases.push_back({"k2", 8, 7, 9, conv(8, 2, 0), {}});
  cases.push_back({"k5", 8, 9, 17, conv(16, 5, 2), {}});
  cases.push_back({"k7", 4, 9, 10, conv(8, 7, 3), {}});
  cases.push_back({"s2", 16, 11, 35, conv(24, 3, 1, 2), {}});
  cases.push_back({"s3k5", 8, 13, 20, conv(8, 5, 2, 3), {}});
  cases.push_back({"d2", 8, 11, 19, conv(16, 3, 2, 1, 2), {}});
  cases.push_back({"s2d3", 8, 17, 23, conv(8, 3, 3, 2, 3), {}});
  cases.push_back({"reflect", 8, 6, 9, conv(8, 5, 2, 1, 1, 1, Border::kReflect), {}});
  cases.push_back({"replicate", 8, 6, 9, conv(8, 5, 3, 1, 1, 1, Border::kReplicate), {}});
  op::Conv2d uneven{"w", "", 8, {1, 5}, {2, 1}, {1, 2}, 1, {0, 1, 3, 5}, Border::kReplicate};
  cases.push_back({"uneven", 8, 6, 13, uneven, {}});
  // Groups.
  cases.push_back({"groups2", 16, 6, 9, conv(16, 3, 1, 1, 1, 2), {}});
  cases.push_back({"groups_large", 48, 5, 9, conv(96, 3, 1, 1, 1, 2), {}});
  cases.push_back({"groups_odd", 9, 6, 9, conv(6, 3, 1, 1, 1, 3), {}});
  cases.push_back({"depthwise", 19, 9, 13, conv(19, 3, 1, 1, 1, 19), activated(kTanh)});
  cases.push_back({"depthwise_s2k5", 16, 9, 13, conv(16, 5, 2, 2, 1, 16, Border::kReflect), {}});
  cases.push_back({"multiplier", 8, 9, 13, conv(16, 3, 1, 1, 1, 8), {}});
  // Epilogues and views into wider buffers.
  cases.push_back({"everything", 16, 7, 19, conv(16, 3, 1), everything(1, channel), 16});
  cases.push_back({"shuffle2", 16, 5, 9, conv(12, 3, 1), everything(2, channel)});
  cases.push_back({"shuffle2block", 8, 5, 9, conv(64, 1, 0), everything(2, block), 8});
  cases.push_back({"shuffle3", 8, 4, 7, conv(45, 3, 1), everything(3, channel)});
  cases.push_back({"view", 12, 5, 9, conv(20, 3, 1), {}, 24});
  // Transposed.
  cases.push_back({"up4s2", 16, 5, 9, up(8, 4, 2, 1), activated(kRelu)});
  cases.push_back({"up3s2", 8, 5, 9, up(12, 3, 2, 1, 1), {}});
  cases.push_back({"up5s3", 8, 4, 7, up(8, 5, 3, 1, 2), {}});
  cases.push_back({"up3s1", 8, 6, 9, up(16, 3, 1, 1), {}});
  cases.push_back({"up2s2", 33, 3, 5, up(17, 2, 2, 0), {}, 8});
  cases.push_back({"up_groups", 16, 4, 6, up(16, 4, 2, 1, 0, 2), {}});
  cases.push_back({"up_depthwise", 10, 4, 6, up(10, 4, 2, 1, 0, 10), {}});
  cases.push_back({"up_dilated", 8, 5, 6, up(8, 3, 2, 2, 0, 1, 2), {}});
  cases.push_back({"up_residual", 8, 5, 7, up(8, 4, 2, 1), everything(1, channel)});
  return cases;
}

void prepare(const ConvolutionCase& c, Storage storage, PreparedCase& p) {
  std::mt19937 random(static_cast<std::uint32_t>(std::hash<std::string>{}(c.name)));
  std::uniform_real_distribution<float> uniform(-1, 1);
  const auto draw = [&](std::size_t count, float scale) {
    std::vector<float> v(count);
    for (float& x : v) {
      x = uniform(random) * scale;
      if (storage != Storage::kF32) x = half_to_float(float_to_half(x));
    }
    return v;
  };

  const auto* forward = std::get_if<op::Conv2d>(&c.op);
  const auto* transposed = std::get_if<op::ConvTranspose2d>(&c.op);
  Extent2 kernel;
  int out_c = 0;
  int out_h = 0;
  int out_w = 0;
  bool bias = true;
  Dims dims;
  if (forward != nullptr) {
    const auto& o = *forward;
    kernel = o.kernel;
    out_c = o.out_channels;
    out_h = conv_size(c.height, o.pad.top, o.pad.bottom, kernel.h, o.dilation.h, o.stride.h);
    out_w = conv_size(c.width, o.pad.left, o.pad.right, kernel.w, o.dilation.w, o.stride.w);
    bias = !o.bias.empty();
    dims = {out_c, c.channels / o.groups, kernel.h, kernel.w};
  } else {
    const auto& o = *transposed;
    kernel = o.kernel;
    out_c = o.out_channels;
    out_h = up_size(c.height, o.pad.top, o.pad.bottom, kernel.h, o.dilation.h, o.stride.h, o.output_pad.h);
    out_w = up_size(c.width, o.pad.left, o.pad.right, kernel.w, o.dilation.w, o.stride.w, o.output_pad.w);
    dims = {c.channels, out_c / o.groups, kernel.h, kernel.w};
  }

  const std::vector<float> weight = draw(static_cast<std::size_t>(element_count(dims)), 0.25F);
  p.parameters["w"] = Tensor::from_floats(dims, weight);
  std::vector<float> biases(static_cast<std::size_t>(out_c));
  if (bias) {
    biases = draw(static_cast<std::size_t>(out_c), 1);
    p.parameters["b"] = Tensor::from_floats({out_c}, biases);
  }

  Planes in(c.channels, c.height, c.width);
  p.inputs.push_back(draw(in.v.size(), 1));
  std::copy(p.inputs[0].begin(), p.inputs[0].end(), in.v.begin());
  Planes sums(out_c, out_h, out_w);
  Planes sizes(out_c, out_h, out_w);
  if (forward != nullptr) {
    sum_conv(*forward, in, weight, sums, sizes);
  } else {
    sum_up(*transposed, in, weight, sums, sizes);
  }
  for (int n = 0; n < out_c; ++n) {
    for (int y = 0; y < out_h; ++y) {
      for (int x = 0; x < out_w; ++x)
        sums.at(n, y, x) += static_cast<double>(biases[static_cast<std::size_t>(n)]);
    }
  }
  p.scale = 1 + *std::max_element(sizes.v.begin(), sizes.v.end());

  const Epilogue& e = c.epilogue;
  Planes out = shuffled(sums, e.shuffle, e.shuffle_order);
  std::vector<float> residual;
  if (e.residual) residual = draw(out.v.size(), 1);
  for (std::size_t i = 0; i < out.v.size(); ++i) {
    double x = out.v[i];
    if (e.activation) x = unary(*e.activation, x);
    if (e.residual) x += static_cast<double>(residual[i]);
    if (e.post_activation) x = unary(*e.post_activation, x);
    if (e.clamp) x = std::clamp(x, static_cast<double>(e.clamp->low), static_cast<double>(e.clamp->high));
    out.v[i] = x;
  }
  p.expected = out.v;

  p.step.name = c.name;
  p.step.op = c.op;
  p.step.epilogue = e;
  p.step.parameters = &p.parameters;
  p.step.weights = storage;
  p.step.inputs = {view(in.c, in.h, in.w, storage, c.channel_offset)};
  if (e.residual) {
    p.step.inputs.push_back(view(out.c, out.h, out.w, storage, c.channel_offset));
    p.inputs.push_back(residual);
  }
  p.step.output = view(out.c, out.h, out.w, storage, c.channel_offset);
}

}  // namespace unblur::vk::test
