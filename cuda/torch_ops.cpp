// SPDX-License-Identifier: MIT
// One overload per operator, in the order of graph/ops.h; the operators that sample or match are in
// torch_sampling.cpp. Attributes are checked when a graph is built; operands here only where kernels of ours
// take their pointers.
#include "torch_ops.h"

#include <ATen/ATen.h>

#include <cstring>

#include "graph/error.h"
#include "graph/exposure.h"
#include "graph/op_registry.h"
#include "torch_checks.h"
#include "torch_device.h"
#include "torch_fast.h"
#include "torch_sampling.h"

namespace unblur {
namespace {

using at::Tensor;
using Operands = std::span<const Tensor>;

/// Float32 for the narrow types, so that sums and positions keep their digits.
Tensor widened(const Tensor& x) {
  return x.scalar_type() == at::kHalf || x.scalar_type() == at::kBFloat16 ? x.to(at::kFloat) : x;
}

const Tensor& parameter(const TorchTensors& parameters, const std::string& name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) throw ModelError("parameter '" + name + "' is missing");
  return found->second;
}

std::optional<Tensor> optional_parameter(const TorchTensors& parameters, const std::string& name) {
  if (name.empty()) return std::nullopt;
  return parameter(parameters, name);
}

Tensor padded(const Tensor& x, const Margins& m, Border border) {
  if (m == Margins{}) return x;
  const std::array<std::int64_t, 4> amounts{m.left, m.right, m.top, m.bottom};
  switch (border) {
    case Border::kReflect:
      return at::reflection_pad2d(x, amounts);
    case Border::kReplicate:
      return at::replication_pad2d(x, amounts);
    case Border::kZero:
      break;
  }
  return at::constant_pad_nd(x, amounts);
}

struct Apply {
  Operands in;
  const TorchTensors& parameters;

  Tensor operator()(const op::Input& o) const { throw ModelError("input '" + o.name + "' has no formula"); }
  Tensor operator()(const op::State& o) const { throw ModelError("state '" + o.name + "' has no formula"); }

  Tensor operator()(const op::Conv2d& o) const {
    const bool symmetric =
        o.border == Border::kZero && o.pad.top == o.pad.bottom && o.pad.left == o.pad.right;
    const Tensor x = symmetric ? in[0] : padded(in[0], o.pad, o.border);
    const std::array<std::int64_t, 2> stride{o.stride.h, o.stride.w}, dilation{o.dilation.h, o.dilation.w},
        pad{symmetric ? o.pad.top : 0, symmetric ? o.pad.left : 0};
    return at::conv2d(x, parameter(parameters, o.weight), optional_parameter(parameters, o.bias), stride, pad,
                      dilation, o.groups);
  }

  Tensor operator()(const op::ConvTranspose2d& o) const {
    const std::array<std::int64_t, 2> stride{o.stride.h, o.stride.w}, dilation{o.dilation.h, o.dilation.w},
        none{0, 0};
    const Tensor full = at::conv_transpose2d(in[0], parameter(parameters, o.weight), {}, stride, none, none,
                                             o.groups, dilation);
    // Cropped by the padding, then extended by output_pad: rows that no input reaches hold the bias alone.
    const Tensor out = at::constant_pad_nd(
        full, {-o.pad.left, o.output_pad.w - o.pad.right, -o.pad.top, o.output_pad.h - o.pad.bottom});
    return o.bias.empty() ? out : out + parameter(parameters, o.bias).view({1, -1, 1, 1});
  }

  Tensor operator()(const op::DeformConv2d& o) const {
    const Tensor offset = widened(in[1]);
    const Tensor& weight = parameter(parameters, o.weight);
    const std::optional<Tensor> bias = optional_parameter(parameters, o.bias);
    const std::optional<Tensor> mask = in.size() > 2 ? std::optional(in[2]) : std::nullopt;
    check::deform_conv(o, in[0], offset, mask, weight, bias);
    if (const auto* device = device_operators(in[0]))
      return device->deform_conv(o, in[0], offset, mask, weight, bias);
    if (const auto out = fast::deform_conv(o, in[0], offset, mask, weight, bias)) return *out;
    return sample::deform_conv(o, in[0], offset, mask, weight, bias);
  }

  Tensor operator()(const op::PixelShuffle& o) const {
    if (o.order == op::ShuffleOrder::kChannelMajor) return at::pixel_shuffle(in[0], o.factor);
    const std::int64_t r = o.factor, n = in[0].size(0), c = in[0].size(1) / (r * r), h = in[0].size(2),
                       w = in[0].size(3);
    return in[0].reshape({n, r, r, c, h, w}).permute({0, 3, 4, 1, 5, 2}).reshape({n, c, h * r, w * r});
  }

  Tensor operator()(const op::PixelUnshuffle& o) const {
    if (o.order == op::ShuffleOrder::kChannelMajor) return at::pixel_unshuffle(in[0], o.factor);
    const std::int64_t r = o.factor, n = in[0].size(0), c = in[0].size(1), h = in[0].size(2) / r,
                       w = in[0].size(3) / r;
    return in[0].reshape({n, c, h, r, w, r}).permute({0, 3, 5, 1, 2, 4}).reshape({n, r * r * c, h, w});
  }

  Tensor operator()(const op::Resize& o) const {
    const Tensor& x = in[0];
    const bool like = in.size() > 1;
    const std::int64_t h = like ? in[1].size(2) : x.size(2) * o.numerator / o.denominator;
    const std::int64_t w = like ? in[1].size(3) : x.size(3) * o.numerator / o.denominator;
    if (o.interpolation == op::Interpolation::kNearest) return sample::nearest(x, h, w, o.align_corners);
    return at::upsample_bilinear2d(x, {h, w}, o.align_corners);
  }

  Tensor operator()(const op::Warp& o) const {
    const Tensor flow = widened(in[1]) * o.flow_scale;
    check::warp(in[0], flow);
    if (const auto* device = device_operators(in[0]))
      return device->warp(in[0], flow, o.border == Border::kZero);
    if (const auto out = fast::warp(in[0], flow, o.border == Border::kZero)) return *out;
    return sample::warp(in[0], flow, o.border == Border::kZero);
  }

  Tensor operator()(const op::GatherMean& /*o*/) const {
    const Tensor offset = widened(in[1]);
    if (const auto out = fast::gather_mean(in[0], offset)) return *out;
    return sample::gather_mean(in[0], offset);
  }

  Tensor operator()(const op::Correlation& o) const {
    check::correlation(in[0], in[1], o.radius, o.stride);
    if (const auto* device = device_operators(in[0]))
      return device->correlation(in[0], in[1], o.radius, o.stride, o.mean);
    // Positions and displacements are multiples of the stride, so that the pixels between them play no part.
    const auto thinned = [&](const Tensor& x) {
      return x.slice(2, 0, std::nullopt, o.stride).slice(3, 0, std::nullopt, o.stride);
    };
    if (const auto out = fast::correlation(thinned(in[0]), thinned(in[1]), o.radius, o.mean)) return *out;
    return sample::correlation(widened(in[0]), widened(in[1]), o.radius, o.stride, o.mean)
        .to(in[0].scalar_type());
  }

  Tensor operator()(const op::PixelVolume& o) const {
    check::pixel_volume(in[0], in[1], in[2], o.radius);
    if (const auto* device = device_operators(in[0]))
      return device->pixel_volume(in[0], in[1], widened(in[2]), o.radius, o.outside);
    return sample::pixel_volume(in[0], in[1], widened(in[2]), o.radius, o.outside);
  }

  Tensor operator()(const op::Neighbourhood& o) const {
    const std::int64_t k = o.kernel;
    return at::im2col(in[0], {k, k}, {1, 1}, {k / 2, k / 2}, {1, 1})
        .reshape({in[0].size(0), in[0].size(1) * k * k, in[0].size(2), in[0].size(3)});
  }

  Tensor operator()(const op::Pad& o) const {
    Margins m = o.margins;
    const auto to_size = [](std::int64_t size, std::int64_t wanted) {
      return static_cast<int>(wanted - size);
    };
    const std::int64_t h = in[0].size(2) + m.top, w = in[0].size(3) + m.left;
    if (in.size() > 1) {
      m.bottom = to_size(h, in[1].size(2));
      m.right = to_size(w, in[1].size(3));
    } else if (o.multiple > 1) {
      const auto rounded = [&](std::int64_t size) {
        return (size + o.multiple - 1) / o.multiple * o.multiple;
      };
      m.bottom = to_size(h, rounded(h + m.bottom));
      m.right = to_size(w, rounded(w + m.right));
    }
    return padded(in[0], m, o.border);
  }

  Tensor operator()(const op::Crop& o) const {
    std::int64_t h = in[0].size(2) - o.margins.top - o.margins.bottom;
    std::int64_t w = in[0].size(3) - o.margins.left - o.margins.right;
    if (in.size() > 1) {
      h = in[1].size(2);
      w = in[1].size(3);
    } else if (o.multiple > 1) {
      h -= h % o.multiple;
      w -= w % o.multiple;
    }
    return in[0].narrow(2, o.margins.top, h).narrow(3, o.margins.left, w);
  }

  Tensor operator()(const op::Part& o) const {
    const std::int64_t h = in[0].size(2) / o.grid.h, w = in[0].size(3) / o.grid.w;
    return in[0].narrow(2, o.index.h * h, h).narrow(3, o.index.w * w, w);
  }
  Tensor operator()(const op::Join& o) const {
    std::vector<Tensor> rows;
    for (auto part = in.begin(); part != in.end(); part += o.grid.w)
      rows.push_back(at::cat(std::vector<Tensor>(part, part + o.grid.w), 3));
    return at::cat(rows, 2);
  }
  Tensor operator()(const op::Concat& /*o*/) const {
    return at::cat(std::vector<Tensor>(in.begin(), in.end()), 1);
  }
  Tensor operator()(const op::Slice& o) const { return in[0].narrow(1, o.begin, o.count); }

  Tensor operator()(const op::Binary& o) const {
    switch (o.kind) {
      case op::BinaryKind::kAdd:
        return in[0] + in[1];
      case op::BinaryKind::kSub:
        return in[0] - in[1];
      case op::BinaryKind::kMul:
        if (const auto out = fast::gate(in[0], in[1])) return *out;
        return in[0] * in[1];
      case op::BinaryKind::kDiv:
        return in[0] / in[1];
      case op::BinaryKind::kMax:
        return at::maximum(in[0], in[1]);
      case op::BinaryKind::kMin:
        return at::minimum(in[0], in[1]);
    }
    throw ModelError("unknown binary operator");
  }

  Tensor operator()(const op::Unary& o) const {
    const Tensor& x = in[0];
    switch (o.kind) {
      case op::UnaryKind::kRelu:
        return at::relu(x);
      case op::UnaryKind::kLeakyRelu:
        return at::leaky_relu(x, o.a);
      case op::UnaryKind::kSigmoid:
        return at::sigmoid(x);
      case op::UnaryKind::kTanh:
        return at::tanh(x);
      case op::UnaryKind::kElu:
        return at::elu(x, o.a);
      case op::UnaryKind::kExp:
        return at::exp(x);
      case op::UnaryKind::kSqrt:
        return at::sqrt(x);
      case op::UnaryKind::kSquare:
        return at::square(x);
      case op::UnaryKind::kAbs:
        return at::abs(x);
      case op::UnaryKind::kNeg:
        return at::neg(x);
    }
    throw ModelError("unknown unary operator");
  }

  Tensor operator()(const op::Clamp& o) const { return at::clamp(in[0], o.low, o.high); }
  Tensor operator()(const op::Affine& o) const { return in[0] * o.scale + o.shift; }

  Tensor operator()(const op::ChannelAffine& o) const {
    Tensor x = in[0];
    if (!o.scale.empty() && o.shift.empty()) {
      if (const auto out = fast::channel_scale(x, parameter(parameters, o.scale))) return *out;
    }
    if (!o.scale.empty()) x = x * parameter(parameters, o.scale).view({1, -1, 1, 1});
    if (!o.shift.empty()) x = x + parameter(parameters, o.shift).view({1, -1, 1, 1});
    return x;
  }

  Tensor operator()(const op::ReduceSpace& o) const { return reduced(o.kind, {2, 3}); }
  Tensor operator()(const op::ReduceChannels& o) const { return reduced(o.kind, {1}); }
  Tensor operator()(const op::SoftmaxChannels& /*o*/) const { return at::softmax(in[0], 1); }

  Tensor operator()(const op::NormChannels& o) const {
    if (const auto out = fast::norm_channels(in[0], o.kind == op::NormKind::kCentred, o.eps)) return *out;
    Tensor x = widened(in[0]);
    if (o.kind == op::NormKind::kCentred) x = x - x.mean(1, true);
    const Tensor scale = (x.square().mean(1, true) + o.eps).rsqrt();
    return (x * scale).to(in[0].scalar_type());
  }

  Tensor operator()(const op::ExposurePath& o) const {
    const Tensor x = widened(in[0]);
    std::vector<float> starts, ends;
    for (const auto& [start, end] : point_weights(enum_name(o.form), o.points)) {
      starts.push_back(start);
      ends.push_back(end);
    }
    const auto along = [&](const std::vector<float>& weights, std::int64_t channel) {
      return at::tensor(weights, at::kFloat).to(x.options()).view({1, -1, 1, 1, 1}) *
             x.narrow(1, channel, 2).unsqueeze(1);
    };
    const Tensor out = o.form == op::PathForm::kLin ? along(starts, 0) : along(starts, 0) + along(ends, 2);
    return out.flatten(1, 2).to(in[0].scalar_type());
  }

  Tensor operator()(const op::MotionTaps& o) const {
    const Tensor x = widened(in[0]).narrow(1, 6, 18);
    const Tensor pairs = x.unflatten(1, {9, 2});
    const Tensor blocks = at::cat({pairs.select(2, 0), pairs.select(2, 1)}, 1);
    const Tensor tap = at::arange(9, x.options());
    const Tensor rows = tap.div(3, "floor");
    const Tensor grid = at::cat({rows, tap - 3 * rows}).view({1, -1, 1, 1}) - 1;
    return (parameter(parameters, o.ratio) * blocks - grid).to(in[0].scalar_type());
  }

  [[nodiscard]] Tensor reduced(op::Reduction kind, at::IntArrayRef dims) const {
    const Tensor x = widened(in[0]);
    switch (kind) {
      case op::Reduction::kSum:
        return x.sum(dims, true).to(in[0].scalar_type());
      case op::Reduction::kMean:
        return x.mean(dims, true).to(in[0].scalar_type());
      case op::Reduction::kMax:
        return in[0].amax(dims, true);
    }
    throw ModelError("unknown reduction");
  }
};

at::ScalarType scalar_type(DType type) {
  switch (type) {
    case DType::kF64:
      return at::kDouble;
    case DType::kF32:
      return at::kFloat;
    case DType::kF16:
      return at::kHalf;
    case DType::kBF16:
      return at::kBFloat16;
    case DType::kI64:
      return at::kLong;
    case DType::kI32:
      return at::kInt;
    case DType::kI16:
      return at::kShort;
    case DType::kI8:
      return at::kChar;
    case DType::kU8:
      return at::kByte;
    case DType::kBool:
      return at::kBool;
  }
  throw ModelError("unknown element type");
}

}  // namespace

torch::Tensor apply_op(const Op& op, std::span<const torch::Tensor> operands,
                       const TorchTensors& parameters) {
  return std::visit(Apply{operands, parameters}, op);
}

torch::Tensor to_torch(const unblur::Tensor& tensor) {
  at::Tensor out = at::empty(tensor.dims, scalar_type(tensor.type));
  std::memcpy(out.data_ptr(), tensor.bytes.data(), tensor.bytes.size());
  return out;
}

unblur::Tensor from_torch(const torch::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  unblur::Tensor out(DType::kF32, Dims(plain.sizes().begin(), plain.sizes().end()));
  std::memcpy(out.bytes.data(), plain.const_data_ptr(), out.bytes.size());
  return out;
}

}  // namespace unblur
