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

std::optional<Tensor> correlation(const Tensor& a, const Tensor& b, int radius, bool mean) {
  if (!suits(a) || !suits(b)) return std::nullopt;
  return Correlation::apply(a, b, std::int64_t{radius}, mean ? 1.0 / static_cast<double>(a.size(1)) : 1.0);
}

}  // namespace unblur::fast
