// SPDX-License-Identifier: MIT
// Channels-last throughout: a pixel's channels are one contiguous run. Gradients are the derivatives of the
// formulas in graph/ops.h; tests/training compares them with those of the composed forms.
#include "torch_fast.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "torch_fast_kernels.h"

namespace unblur::fast {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr std::int64_t kGrain = 1024;  // pixels per task

bool suits(const Tensor& x) { return x.device().is_cpu() && x.scalar_type() == at::kFloat && x.dim() == 4; }

/// Same values, a pixel's channels contiguous.
Tensor by_pixel(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }
Tensor empty_like_pixels(const Tensor& x) { return at::empty_like(x, at::MemoryFormat::ChannelsLast); }
std::int64_t pixels(const Tensor& x) { return x.size(0) * x.size(2) * x.size(3); }

template <typename Body>
void each_pixel(std::int64_t count, const Body& body) {
  at::parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) { body(begin, end - begin); });
}

struct Norm : torch::autograd::Function<Norm> {
  static Tensor forward(AutogradContext* context, const Tensor& input, bool centred, double eps) {
    const Tensor x = by_pixel(input), y = empty_like_pixels(x);
    const auto c = x.size(1);
    const Tensor scale = at::empty({pixels(x)}, x.options());
    each_pixel(pixels(x), [&](std::int64_t first, std::int64_t n) {
      norm_forward(x.const_data_ptr<float>() + first * c, y.data_ptr<float>() + first * c,
                   scale.data_ptr<float>() + first, n, c, centred, static_cast<float>(eps));
    });
    context->save_for_backward({y, scale});
    context->saved_data["centred"] = centred;
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const bool centred = context->saved_data["centred"].toBool();
    const Tensor& y = saved[0];
    const Tensor g = by_pixel(gradients[0]), out = empty_like_pixels(y);
    const auto c = y.size(1);
    each_pixel(pixels(y), [&](std::int64_t first, std::int64_t n) {
      norm_backward(g.const_data_ptr<float>() + first * c, y.const_data_ptr<float>() + first * c,
                    saved[1].const_data_ptr<float>() + first, out.data_ptr<float>() + first * c, n, c,
                    centred);
    });
    return {out, Tensor(), Tensor()};
  }
};

struct ChannelScale : torch::autograd::Function<ChannelScale> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& scale) {
    const Tensor x = by_pixel(input);
    context->save_for_backward({x, scale});
    return x * scale.view({1, -1, 1, 1});
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor g = by_pixel(gradients[0]), to_x = empty_like_pixels(x), to_scale = at::zeros_like(saved[1]);
    // One task: the sum over all pixels keeps its order, whatever the thread count.
    channel_scale_backward(g.const_data_ptr<float>(), x.const_data_ptr<float>(),
                           saved[1].const_data_ptr<float>(), to_x.data_ptr<float>(),
                           to_scale.data_ptr<float>(), pixels(x), x.size(1));
    return {to_x, to_scale};
  }
};

struct Gate : torch::autograd::Function<Gate> {
  static Tensor forward(AutogradContext* context, const Tensor& both) {
    const auto c = both.size(1) / 2;
    const Tensor out = at::empty({both.size(0), c, both.size(2), both.size(3)}, both.options(),
                                 at::MemoryFormat::ChannelsLast);
    each_pixel(pixels(both), [&](std::int64_t first, std::int64_t n) {
      gate_forward(both.const_data_ptr<float>() + first * 2 * c, out.data_ptr<float>() + first * c, n, c);
    });
    context->save_for_backward({both});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const Tensor both = context->get_saved_variables()[0];
    const Tensor g = by_pixel(gradients[0]), out = empty_like_pixels(both);
    const auto c = both.size(1) / 2;
    each_pixel(pixels(both), [&](std::int64_t first, std::int64_t n) {
      gate_backward(g.const_data_ptr<float>() + first * c, both.const_data_ptr<float>() + first * 2 * c,
                    out.data_ptr<float>() + first * 2 * c, n, c);
    });
    return {out};
  }
};

struct Warp : torch::autograd::Function<Warp> {
  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& flow_input,
                        bool zero_outside) {
    const Tensor x = by_pixel(input), flow = flow_input.contiguous(), out = empty_like_pixels(x);
    const WarpShape shape{x.size(2), x.size(3), x.size(1), zero_outside};
    at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        warp_forward(shape, x[n].const_data_ptr<float>(), flow[n].const_data_ptr<float>(),
                     out[n].data_ptr<float>());
      }
    });
    context->save_for_backward({x, flow});
    context->saved_data["zero_outside"] = zero_outside;
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &x = saved[0], &flow = saved[1];
    const bool moved = context->needs_input_grad(0);  // pictures are not: their gradient would be waste
    const Tensor g = by_pixel(gradients[0]), to_flow = at::empty_like(flow);
    const Tensor to_x = moved ? at::zeros_like(x, at::MemoryFormat::ChannelsLast) : Tensor();
    const WarpShape shape{x.size(2), x.size(3), x.size(1), context->saved_data["zero_outside"].toBool()};
    at::parallel_for(0, x.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        warp_backward(shape, g[n].const_data_ptr<float>(), x[n].const_data_ptr<float>(),
                      flow[n].const_data_ptr<float>(), moved ? to_x[n].data_ptr<float>() : nullptr,
                      to_flow[n].data_ptr<float>());
      }
    });
    return {to_x, to_flow, Tensor()};
  }
};

struct Correlation : torch::autograd::Function<Correlation> {
  static Tensor forward(AutogradContext* context, const Tensor& first, const Tensor& second,
                        std::int64_t radius, double factor) {
    const Tensor a = by_pixel(first), b = by_pixel(second);
    const std::int64_t side = 2 * radius + 1;
    const Tensor out = at::empty({a.size(0), side * side, a.size(2), a.size(3)}, a.options(),
                                 at::MemoryFormat::ChannelsLast);
    const CorrelationShape shape{a.size(2), a.size(3), a.size(1), radius, static_cast<float>(factor)};
    at::parallel_for(0, a.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        correlation_forward(shape, a[n].const_data_ptr<float>(), b[n].const_data_ptr<float>(),
                            out[n].data_ptr<float>());
      }
    });
    context->save_for_backward({a, b});
    context->saved_data["radius"] = radius;
    context->saved_data["factor"] = factor;
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &a = saved[0], &b = saved[1];
    const Tensor g = by_pixel(gradients[0]);
    const Tensor to_a = empty_like_pixels(a), to_b = at::zeros_like(b, at::MemoryFormat::ChannelsLast);
    const CorrelationShape shape{a.size(2), a.size(3), a.size(1), context->saved_data["radius"].toInt(),
                                 static_cast<float>(context->saved_data["factor"].toDouble())};
    at::parallel_for(0, a.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        correlation_backward(shape, g[n].const_data_ptr<float>(), a[n].const_data_ptr<float>(),
                             b[n].const_data_ptr<float>(), to_a[n].data_ptr<float>(),
                             to_b[n].data_ptr<float>());
      }
    });
    return {to_a, to_b, Tensor(), Tensor()};
  }
};

/// What the deformable forms work on: samples of a batch, output pixels in chunks. Tensors are by pixel (x),
/// offsets and masks in planes.
struct DeformBatch {
  static constexpr std::int64_t kChunk = 1024;  // pixels whose samples are held at a time
  DeformShape shape;
  Tensor x, offset, mask;  ///< mask: not defined where all are 1

  [[nodiscard]] std::int64_t samples() const { return x.size(0); }
  [[nodiscard]] std::int64_t taps() const { return shape.kernel_h * shape.kernel_w; }
  [[nodiscard]] std::int64_t pixels() const { return shape.out_height * shape.out_width; }
  [[nodiscard]] std::int64_t chunks() const { return (pixels() + kChunk - 1) / kChunk; }
  [[nodiscard]] std::int64_t first(std::int64_t chunk) const { return chunk * kChunk; }
  [[nodiscard]] std::int64_t count(std::int64_t chunk) const {
    return std::min(kChunk, pixels() - first(chunk));
  }
  /// [count, taps, channels]
  [[nodiscard]] Tensor columns(std::int64_t n, std::int64_t chunk) const {
    const Tensor out = at::empty({count(chunk), taps(), shape.channels}, offset.options());
    deform_columns(shape, x[n].const_data_ptr<float>(), offset[n].const_data_ptr<float>(), mask_of(n, mask),
                   first(chunk), count(chunk), out.data_ptr<float>());
    return out;
  }
  /// From the gradients of those; `to_x` and `to_mask` may be undefined.
  void pull(std::int64_t n, std::int64_t chunk, const Tensor& to_columns, const Tensor& to_x,
            const Tensor& to_offset, const Tensor& to_mask) const {
    deform_columns_backward(shape, x[n].const_data_ptr<float>(), offset[n].const_data_ptr<float>(),
                            mask_of(n, mask), first(chunk), count(chunk), to_columns.const_data_ptr<float>(),
                            to_x.defined() ? to_x[n].data_ptr<float>() : nullptr,
                            to_offset[n].data_ptr<float>(),
                            to_mask.defined() ? to_mask[n].data_ptr<float>() : nullptr);
  }

 private:
  static const float* mask_of(std::int64_t n, const Tensor& mask) {
    return mask.defined() ? mask[n].const_data_ptr<float>() : nullptr;
  }
};

/// An operand that may be missing: autograd functions want all of them defined.
Tensor or_empty(const std::optional<Tensor>& t, const Tensor& like) {
  return t ? *t : at::empty({0}, like.options());
}

struct DeformConv : torch::autograd::Function<DeformConv> {
  /// Kernel, stride, dilation (rows and columns each), top, left, deformable groups; groups.
  using Attributes = std::vector<std::int64_t>;
  static constexpr std::size_t kGroups = 9;

  static DeformBatch batch(const Tensor& x, const Tensor& offset, const Tensor& mask, const Attributes& a) {
    const DeformShape shape{x.size(2), x.size(3), x.size(1), offset.size(2), offset.size(3), a[0], a[1],
                            a[2],      a[3],      a[4],      a[5],           a[6],           a[7], a[8]};
    return {shape, x, offset, mask.numel() > 0 ? mask : Tensor()};
  }
  /// Weights of a group as a matrix [taps * channels, outputs].
  static std::vector<Tensor> matrices(const Tensor& weight, std::int64_t groups) {
    std::vector<Tensor> out;
    for (const Tensor& w : weight.detach().chunk(groups, 0)) {
      out.push_back(w.permute({2, 3, 1, 0}).reshape({-1, w.size(0)}));
    }
    return out;
  }
  /// A group's part of [pixels, taps, channels] as [pixels, taps * channels].
  static Tensor part(const Tensor& columns, std::int64_t group, std::int64_t groups) {
    const std::int64_t channels = columns.size(2) / groups;
    return columns.narrow(2, group * channels, channels).reshape({columns.size(0), -1});
  }
  /// [pixels, outputs] of a chunk, as a view of [n, o, h, w] by pixel.
  static Tensor rows(const Tensor& out, const DeformBatch& b, std::int64_t n, std::int64_t chunk) {
    return out[n].permute({1, 2, 0}).reshape({b.pixels(), -1}).narrow(0, b.first(chunk), b.count(chunk));
  }

  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& offset_input,
                        const Tensor& mask_input, const Tensor& weight, const Tensor& bias,
                        const Attributes& attributes) {
    const Tensor x = by_pixel(input.detach()), offset = offset_input.detach().contiguous(),
                 mask = mask_input.detach().contiguous();
    const DeformBatch b = batch(x, offset, mask, attributes);
    const std::int64_t groups = attributes[kGroups], outputs = weight.size(0) / groups;
    Tensor out = at::empty({b.samples(), weight.size(0), b.shape.out_height, b.shape.out_width}, x.options(),
                           at::MemoryFormat::ChannelsLast);
    const std::vector<Tensor> matrix = matrices(weight, groups);
    at::parallel_for(0, b.samples() * b.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
      const at::NoGradGuard no_gradients;  // worker threads have modes of their own
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t n = i / b.chunks(), chunk = i % b.chunks();
        const Tensor columns = b.columns(n, chunk), to = rows(out, b, n, chunk);
        for (std::int64_t g = 0; g < groups; ++g) {
          Tensor own = to.narrow(1, g * outputs, outputs);
          at::mm_out(own, part(columns, g, groups), matrix[static_cast<std::size_t>(g)]);
        }
      }
    });
    if (bias.numel() > 0) out.add_(bias.detach().view({1, -1, 1, 1}));
    context->save_for_backward({x, offset, mask, weight, bias});
    context->saved_data["attributes"] = attributes;
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const Tensor &offset = saved[1], &mask = saved[2], &weight = saved[3];
    const Attributes attributes = context->saved_data["attributes"].toIntVector();
    const DeformBatch b = batch(saved[0], offset, mask, attributes);
    const Tensor g = by_pixel(gradients[0]);
    const Tensor to_x =
        context->needs_input_grad(0) ? at::zeros_like(b.x, at::MemoryFormat::ChannelsLast) : Tensor();
    const Tensor to_offset = at::empty_like(offset);
    const Tensor to_mask = b.mask.defined() ? at::empty_like(mask) : Tensor();
    const std::vector<Tensor> matrix = matrices(weight, attributes[kGroups]);
    std::vector<std::vector<Tensor>> to_matrix(static_cast<std::size_t>(b.samples()));  // by sample, group
    at::parallel_for(0, b.samples(), 1, [&](std::int64_t begin, std::int64_t end) {
      const at::NoGradGuard no_gradients;
      for (std::int64_t n = begin; n < end; ++n) {
        to_matrix[static_cast<std::size_t>(n)] = backward_sample(b, n, g, matrix, to_x, to_offset, to_mask);
      }
    });
    for (std::size_t n = 1; n < to_matrix.size(); ++n) {  // in this order whatever the threads did
      for (std::size_t i = 0; i < matrix.size(); ++i) to_matrix[0][i].add_(to_matrix[n][i]);
    }
    std::vector<Tensor> to_weight;
    for (const Tensor& t : to_matrix[0]) {
      const std::int64_t inputs = weight.size(1);
      to_weight.push_back(t.reshape({weight.size(2), weight.size(3), inputs, -1}).permute({3, 2, 0, 1}));
    }
    const bool biased = saved[4].numel() > 0;
    return {to_x, to_offset, to_mask, at::cat(to_weight), biased ? g.sum({0, 2, 3}) : Tensor(), Tensor()};
  }

  /// Gradients of one sample; returns those of the weights, by group.
  static std::vector<Tensor> backward_sample(const DeformBatch& b, std::int64_t n, const Tensor& g,
                                             const std::vector<Tensor>& matrix, const Tensor& to_x,
                                             const Tensor& to_offset, const Tensor& to_mask) {
    const auto groups = static_cast<std::int64_t>(matrix.size());
    std::vector<Tensor> to_matrix;
    for (const Tensor& m : matrix) to_matrix.push_back(at::zeros_like(m));
    for (std::int64_t chunk = 0; chunk < b.chunks(); ++chunk) {
      const Tensor columns = b.columns(n, chunk), from = rows(g, b, n, chunk);
      std::vector<Tensor> parts;
      for (std::int64_t i = 0; i < groups; ++i) {
        const Tensor& m = matrix[static_cast<std::size_t>(i)];
        const Tensor own = from.narrow(1, i * m.size(1), m.size(1));
        to_matrix[static_cast<std::size_t>(i)].addmm_(part(columns, i, groups).t(), own);
        parts.push_back(at::mm(own, m.t()).view({b.count(chunk), b.taps(), -1}));
      }
      b.pull(n, chunk, groups == 1 ? parts[0] : at::cat(parts, 2), to_x, to_offset, to_mask);
    }
    return to_matrix;
  }
};

struct GatherMean : torch::autograd::Function<GatherMean> {
  /// Its points are the taps of a kernel that lies on one pixel.
  static DeformBatch batch(const Tensor& x, const Tensor& offset) {
    const std::int64_t h = x.size(2), w = x.size(3);
    return {{h, w, x.size(1), h, w, offset.size(1) / 2, 1, 1, 1, 0, 0, 0, 0, 1}, x, offset, {}};
  }
  static Tensor rows(const Tensor& out, const DeformBatch& b, std::int64_t n, std::int64_t chunk) {
    return DeformConv::rows(out, b, n, chunk);
  }

  static Tensor forward(AutogradContext* context, const Tensor& input, const Tensor& offset_input) {
    const Tensor x = by_pixel(input.detach()), offset = offset_input.detach().contiguous();
    const DeformBatch b = batch(x, offset);
    const Tensor out = empty_like_pixels(x);
    at::parallel_for(0, b.samples() * b.chunks(), 1, [&](std::int64_t begin, std::int64_t end) {
      const at::NoGradGuard no_gradients;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t n = i / b.chunks(), chunk = i % b.chunks();
        rows(out, b, n, chunk).copy_(b.columns(n, chunk).mean(1));
      }
    });
    context->save_for_backward({x, offset});
    return out;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto saved = context->get_saved_variables();
    const DeformBatch b = batch(saved[0], saved[1]);
    const Tensor g = by_pixel(gradients[0]) / b.taps(), to_offset = at::empty_like(b.offset);
    const Tensor to_x =
        context->needs_input_grad(0) ? at::zeros_like(b.x, at::MemoryFormat::ChannelsLast) : Tensor();
    at::parallel_for(0, b.samples(), 1, [&](std::int64_t begin, std::int64_t end) {
      const at::NoGradGuard no_gradients;
      for (std::int64_t n = begin; n < end; ++n) {
        for (std::int64_t chunk = 0; chunk < b.chunks(); ++chunk) {
          const Tensor one = rows(g, b, n, chunk).unsqueeze(1);
          b.pull(n, chunk, one.expand({-1, b.taps(), -1}).contiguous(), to_x, to_offset, {});
        }
      }
    });
    return {to_x, to_offset};
  }
};

}  // namespace

std::optional<Tensor> norm_channels(const Tensor& x, bool centred, double eps) {
  if (!suits(x)) return std::nullopt;
  return Norm::apply(x, centred, eps);
}

std::optional<Tensor> channel_scale(const Tensor& x, const Tensor& scale) {
  if (!suits(x) || scale.scalar_type() != at::kFloat) return std::nullopt;
  return ChannelScale::apply(x, scale);
}

std::optional<Tensor> gate(const Tensor& u, const Tensor& v) {
  if (!suits(u) || !suits(v) || !u.is_view() || !v.is_view() || u.sizes() != v.sizes()) return std::nullopt;
  const Tensor both(u._base());
  const bool halves = v._base().is_same(both) && both.dim() == 4 && both.size(1) == 2 * u.size(1) &&
                      both.size(0) == u.size(0) && both.size(2) == u.size(2) && both.size(3) == u.size(3) &&
                      both.is_contiguous(at::MemoryFormat::ChannelsLast) && u.strides() == both.strides() &&
                      v.strides() == both.strides() && u.storage_offset() == both.storage_offset() &&
                      v.storage_offset() == both.storage_offset() + u.size(1);
  if (!halves) return std::nullopt;
  return Gate::apply(both);
}

std::optional<Tensor> warp(const Tensor& x, const Tensor& flow, bool zero_outside) {
  if (!suits(x) || !suits(flow)) return std::nullopt;
  return Warp::apply(x, flow, zero_outside);
}

std::optional<Tensor> deform_conv(const op::DeformConv2d& o, const Tensor& x, const Tensor& offset,
                                  const std::optional<Tensor>& mask, const Tensor& weight,
                                  const std::optional<Tensor>& bias) {
  if (!suits(x) || !suits(offset) || !suits(weight) || (mask && !suits(*mask))) return std::nullopt;
  const DeformConv::Attributes attributes{o.kernel.h,          o.kernel.w,   o.stride.h, o.stride.w,
                                          o.dilation.h,        o.dilation.w, o.pad.top,  o.pad.left,
                                          o.deformable_groups, o.groups};
  return DeformConv::apply(x, offset, or_empty(mask, x), weight, or_empty(bias, x), attributes);
}

std::optional<Tensor> gather_mean(const Tensor& x, const Tensor& offset) {
  if (!suits(x) || !suits(offset)) return std::nullopt;
  return GatherMean::apply(x, offset);
}

std::optional<Tensor> correlation(const Tensor& a, const Tensor& b, int radius, bool mean) {
  if (!suits(a) || !suits(b)) return std::nullopt;
  return Correlation::apply(a, b, std::int64_t{radius}, mean ? 1.0 / static_cast<double>(a.size(1)) : 1.0);
}

}  // namespace unblur::fast
