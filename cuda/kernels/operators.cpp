// SPDX-License-Identifier: MIT
// Autograd around the kernels: the library that torch_device.cpp loads. Shapes were checked by the caller
// (torch_checks.h). Nothing here names CUDA: with launches that loop over host memory (tests/cuda) the same
// functions run on CPU tensors.
#include <ATen/ATen.h>
#include <c10/core/DeviceGuard.h>
#include <torch/csrc/autograd/custom_function.h>

#include "deform_shape.h"
#include "launch.h"
#include "torch_device.h"

namespace unblur::cuda {
namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Function;
using Tensors = torch::autograd::variable_list;
using Optional = std::optional<Tensor>;
// AutogradContext::needs_input_grad counts the operands that are tensors.

/// Operands say the type. Autocast would turn the matrix products of float32 operands into half precision.
struct NoAutocast {
  c10::impl::ExcludeDispatchKeyGuard guard{c10::autocast_dispatch_keyset};
};

Element element(const Tensor& x) {
  switch (x.scalar_type()) {
    case at::kHalf:
      return Element::kF16;
    case at::kBFloat16:
      return Element::kBF16;
    case at::kFloat:
      return Element::kF32;
    case at::kDouble:
      return Element::kF64;
    default:
      TORCH_CHECK(false, "no CUDA kernel for ", x.scalar_type());
  }
}

/// The type that sums, positions and their gradients have.
at::ScalarType wide_type(const Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}
Tensor wide(const Tensor& x, const Tensor& like) { return x.to(wide_type(like)).contiguous(); }
Tensor wide_zeros(const Tensor& like, bool wanted) {
  return wanted ? at::zeros(like.sizes(), like.options().dtype(wide_type(like))) : Tensor();
}
/// A gradient in its operand's type; undefined stays undefined.
Tensor as(const Tensor& gradient, at::ScalarType type) {
  return gradient.defined() ? gradient.to(type) : gradient;
}

const void* in(const Tensor& x) { return x.defined() ? x.const_data_ptr() : nullptr; }
void* out(const Tensor& x) { return x.defined() ? x.data_ptr() : nullptr; }

Shape4 shape_of(const Tensor& x) { return {x.size(0), x.size(1), x.size(2), x.size(3)}; }

/// The current one of a device; a CPU has none.
void* stream(const Tensor& x) {
  if (!x.is_cuda()) return nullptr;
  return c10::impl::VirtualGuardImpl(c10::kCUDA).getStream(x.device()).native_handle();
}
void succeed(int error, const char* what) { TORCH_CHECK(error == 0, what, " on CUDA: ", error_text(error)); }

struct Warp : Function<Warp> {
  static WarpArguments arguments(const Tensor& x, const Tensor& flow, std::int64_t outside) {
    return {.x = in(x),
            .flow = in(flow),
            .grad_out = nullptr,
            .out = nullptr,
            .grad_x = nullptr,
            .grad_flow = nullptr,
            .shape = shape_of(x),
            .outside = static_cast<Outside>(outside)};
  }
  static Tensor forward(AutogradContext* context, const Tensor& operand, const Tensor& motion,
                        bool zero_outside) {
    const c10::DeviceGuard device(operand.device());
    const Tensor x = operand.contiguous(), flow = wide(motion, operand), result = at::empty_like(x);
    const auto outside = static_cast<std::int64_t>(zero_outside ? Outside::kZero : Outside::kReplicate);
    WarpArguments a = arguments(x, flow, outside);
    a.out = out(result);
    succeed(warp_forward(element(x), a, stream(x)), "warp");
    context->save_for_backward({x, flow});
    context->saved_data["outside"] = outside;
    context->saved_data["flow"] = motion.scalar_type();
    return result;
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const c10::DeviceGuard device(saved[0].device());
    const Tensor grad = gradients[0].contiguous();
    const Tensor grad_x = wide_zeros(saved[0], context->needs_input_grad(0));
    const Tensor grad_flow = context->needs_input_grad(1) ? at::zeros_like(saved[1]) : Tensor();
    WarpArguments a = arguments(saved[0], saved[1], context->saved_data["outside"].toInt());
    a.grad_out = in(grad);
    a.grad_x = out(grad_x);
    a.grad_flow = out(grad_flow);
    succeed(warp_backward(element(grad), a, stream(grad)), "gradient of warp");
    return {as(grad_x, grad.scalar_type()), as(grad_flow, context->saved_data["flow"].toScalarType()),
            Tensor()};
  }
};

struct Correlation : Function<Correlation> {
  static CorrelationShape shape(const Tensor& a, std::int64_t radius, std::int64_t stride, bool mean) {
    return {shape_of(a), radius, stride, mean};
  }
  static Tensor forward(AutogradContext* context, const Tensor& first, const Tensor& second,
                        std::int64_t radius, std::int64_t stride, bool mean) {
    const c10::DeviceGuard device(first.device());
    const Tensor a = first.contiguous(), b = second.to(first.scalar_type()).contiguous();
    const CorrelationShape s = shape(a, radius, stride, mean);
    const Tensor result = at::empty({a.size(0), s.side() * s.side(), s.rows(), s.columns()}, a.options());
    succeed(correlation_forward(element(a),
                                {.a = in(a),
                                 .b = in(b),
                                 .grad_out = nullptr,
                                 .out = out(result),
                                 .grad_a = nullptr,
                                 .grad_b = nullptr,
                                 .shape = s},
                                stream(a)),
            "correlation");
    context->save_for_backward({a, b});
    context->saved_data["radius"] = radius;
    context->saved_data["stride"] = stride;
    context->saved_data["mean"] = mean;
    context->saved_data["second"] = second.scalar_type();
    return result;
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    auto& data = context->saved_data;
    const c10::DeviceGuard device(saved[0].device());
    const Tensor grad = gradients[0].contiguous();
    const auto wanted = [&](std::size_t i) {
      return context->needs_input_grad(i) ? at::empty_like(saved[i]) : Tensor();
    };
    const Tensor grad_a = wanted(0), grad_b = wanted(1);
    succeed(correlation_backward(element(grad),
                                 {.a = in(saved[0]),
                                  .b = in(saved[1]),
                                  .grad_out = in(grad),
                                  .out = nullptr,
                                  .grad_a = out(grad_a),
                                  .grad_b = out(grad_b),
                                  .shape = shape(saved[0], data["radius"].toInt(), data["stride"].toInt(),
                                                 data["mean"].toBool())},
                                 stream(grad)),
            "gradient of correlation");
    return {grad_a, as(grad_b, data["second"].toScalarType()), Tensor(), Tensor(), Tensor()};
  }
};

struct PixelVolume : Function<PixelVolume> {
  static Tensor forward(AutogradContext* context, const Tensor& before, const Tensor& now,
                        const Tensor& motion, std::int64_t radius, double outside) {
    const c10::DeviceGuard device(before.device());
    const Tensor previous = before.contiguous(), current = now.to(before.scalar_type()).contiguous();
    const Tensor flow = motion.to(at::kFloat).contiguous();
    const PixelVolumeShape shape{previous.size(0), previous.size(2), previous.size(3), radius,
                                 static_cast<float>(outside)};
    const Tensor result =
        at::empty({shape.n, shape.side() * shape.side(), shape.h, shape.w}, previous.options());
    succeed(pixel_volume_forward(element(previous),
                                 {.previous = in(previous),
                                  .current = in(current),
                                  .grad_out = nullptr,
                                  .flow = flow.const_data_ptr<float>(),
                                  .out = out(result),
                                  .grad_previous = nullptr,
                                  .grad_current = nullptr,
                                  .shape = shape},
                                 stream(previous)),
            "pixel volume");
    context->save_for_backward({flow});
    context->saved_data["radius"] = radius;
    context->saved_data["outside"] = outside;
    context->saved_data["current"] = now.scalar_type();
    return result;
  }
  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const Tensor flow = context->get_saved_variables()[0];
    const c10::DeviceGuard device(flow.device());
    const Tensor grad = gradients[0].contiguous();
    const PixelVolumeShape shape{grad.size(0), grad.size(2), grad.size(3),
                                 context->saved_data["radius"].toInt(),
                                 static_cast<float>(context->saved_data["outside"].toDouble())};
    const Tensor picture = at::empty({shape.n, 3, shape.h, shape.w}, grad.options().device(at::kMeta));
    const auto wanted = [&](std::size_t i) {
      return context->needs_input_grad(i) ? at::zeros(picture.sizes(), grad.options().dtype(wide_type(grad)))
                                          : Tensor();
    };
    const Tensor previous = wanted(0), current = wanted(1);
    succeed(pixel_volume_backward(element(grad),
                                  {.previous = nullptr,
                                   .current = nullptr,
                                   .grad_out = in(grad),
                                   .flow = flow.const_data_ptr<float>(),
                                   .out = nullptr,
                                   .grad_previous = out(previous),
                                   .grad_current = out(current),
                                   .shape = shape},
                                  stream(grad)),
            "gradient of pixel volume");
    return {as(previous, grad.scalar_type()), as(current, context->saved_data["current"].toScalarType()),
            Tensor(), Tensor(), Tensor()};
  }
};

/// Sizes of one picture, with as many output rows as fit into the columns.
DeformShape stretch_of(const op::DeformConv2d& o, const Tensor& x, const Tensor& offset) {
  constexpr std::int64_t kMostColumns = std::int64_t{1} << 26;  // bytes
  DeformShape s = deform_shape(o, x, offset);
  const std::int64_t row = s.c * s.taps() * s.out_w * static_cast<std::int64_t>(x.element_size());
  s.rows = std::clamp<std::int64_t>(kMostColumns / std::max<std::int64_t>(row, 1), 1, s.out_h);
  return s;
}

/// Runs `f(picture, shape)` over all pictures and stretches of rows.
template <class F>
void for_each_stretch(std::int64_t pictures, DeformShape s, F&& f) {
  const std::int64_t most = s.rows;
  for (std::int64_t n = 0; n < pictures; ++n) {
    for (s.first_row = 0; s.first_row < s.out_h; s.first_row += most) {
      s.rows = std::min(most, s.out_h - s.first_row);
      f(n, s);
    }
  }
}

struct Deform : Function<Deform> {
  struct Operands {
    Tensor x, offset, mask, weight;
  };
  static DeformArguments arguments(const Operands& all, std::int64_t n, const DeformShape& s) {
    const Tensor mask = all.mask.defined() ? all.mask[n] : Tensor();
    return {.x = in(all.x[n]),
            .offset = in(all.offset[n]),
            .mask = in(mask),
            .grad_columns = nullptr,
            .columns = nullptr,
            .grad_x = nullptr,
            .grad_offset = nullptr,
            .grad_mask = nullptr,
            .shape = s};
  }
  /// [groups, rows of the weight, columns of the weight] of a weight [out, C/groups, kh, kw].
  static Tensor matrices(const Tensor& weight, std::int64_t groups) {
    return weight.reshape({groups, weight.size(0) / groups, -1});
  }
  static Tensor columns_of(const Operands& all, std::int64_t n, const DeformShape& s) {
    const Tensor columns = at::empty({s.c * s.taps(), s.pixels()}, all.x.options());
    DeformArguments a = arguments(all, n, s);
    a.columns = out(columns);
    succeed(deform_columns(element(all.x), a, stream(all.x)), "deformable convolution");
    return columns;
  }

  static Tensor forward(AutogradContext* context, const op::DeformConv2d& o, const Tensor& x,
                        const Tensor& offset, const Optional& mask, const Tensor& weight,
                        const Optional& bias) {
    const c10::DeviceGuard device(x.device());
    const NoAutocast no_autocast;
    const Operands all{x.contiguous(), wide(offset, x), mask ? wide(*mask, x) : Tensor(),
                       weight.to(x.scalar_type()).contiguous()};
    const DeformShape shape = stretch_of(o, all.x, all.offset);
    const std::int64_t groups = o.groups;
    const Tensor result = at::empty({x.size(0), o.out_channels, shape.out_h, shape.out_w}, all.x.options());
    for_each_stretch(x.size(0), shape, [&](std::int64_t n, const DeformShape& s) {
      const Tensor columns = columns_of(all, n, s).view({groups, -1, s.pixels()});
      const Tensor product =
          at::bmm(matrices(all.weight, groups), columns).view({o.out_channels, s.rows, s.out_w});
      result[n].narrow(1, s.first_row, s.rows).copy_(product);
    });
    if (bias) result.add_(bias->to(result.scalar_type()).view({1, -1, 1, 1}));
    context->save_for_backward({all.x, all.offset, all.mask, all.weight});
    context->saved_data["attributes"] = std::vector<std::int64_t>{
        o.out_channels, o.kernel.h, o.kernel.w,          o.stride.h, o.stride.w, o.dilation.h,
        o.dilation.w,   o.groups,   o.deformable_groups, o.pad.top,  o.pad.left};
    context->saved_data["types"] =
        std::vector<std::int64_t>{static_cast<std::int64_t>(offset.scalar_type()),
                                  static_cast<std::int64_t>(mask ? mask->scalar_type() : at::kFloat),
                                  static_cast<std::int64_t>(weight.scalar_type()),
                                  static_cast<std::int64_t>(bias ? bias->scalar_type() : at::kFloat)};
    context->saved_data["bias"] = bias.has_value();
    return result;
  }

  static op::DeformConv2d attributes(const std::vector<std::int64_t>& v) {
    const auto whole = [&](std::size_t i) { return static_cast<int>(v[i]); };
    op::DeformConv2d o;
    o.out_channels = whole(0);
    o.kernel = {whole(1), whole(2)};
    o.stride = {whole(3), whole(4)};
    o.dilation = {whole(5), whole(6)};
    o.groups = whole(7);
    o.deformable_groups = whole(8);
    o.pad.top = whole(9);
    o.pad.left = whole(10);
    return o;
  }

  static Tensors backward(AutogradContext* context, const Tensors& gradients) {
    const auto saved = context->get_saved_variables();
    const c10::DeviceGuard device(saved[0].device());
    const NoAutocast no_autocast;
    const op::DeformConv2d o = attributes(context->saved_data["attributes"].toIntVector());
    const auto types = context->saved_data["types"].toIntVector();
    const auto type = [&](std::size_t i) { return static_cast<at::ScalarType>(types[i]); };
    const Operands all{saved[0], saved[1], saved[2], saved[3]};
    const Tensor grad = gradients[0].contiguous();
    const Tensor grad_x = wide_zeros(all.x, context->needs_input_grad(0));
    const Tensor grad_offset = context->needs_input_grad(1) ? at::empty_like(all.offset) : Tensor();
    // Operands that are missing are not counted.
    const std::size_t weight_at = all.mask.defined() ? 3 : 2;
    const Tensor grad_mask =
        all.mask.defined() && context->needs_input_grad(2) ? at::empty_like(all.mask) : Tensor();
    const Tensor grad_weight = context->needs_input_grad(weight_at)
                                   ? at::zeros_like(matrices(wide(all.weight, all.x), o.groups))
                                   : Tensor();
    for_each_stretch(
        all.x.size(0), stretch_of(o, all.x, all.offset), [&](std::int64_t n, const DeformShape& s) {
          const Tensor rows = grad[n]
                                  .narrow(1, s.first_row, s.rows)
                                  .reshape({o.groups, o.out_channels / o.groups, s.pixels()});
          if (grad_weight.defined()) {
            const Tensor columns = columns_of(all, n, s).view({o.groups, -1, s.pixels()});
            grad_weight.add_(at::bmm(rows, columns.transpose(1, 2)));
          }
          if (!grad_x.defined() && !grad_offset.defined() && !grad_mask.defined()) return;
          const Tensor by_columns =
              at::bmm(matrices(all.weight, o.groups).transpose(1, 2), rows).contiguous();
          DeformArguments a = arguments(all, n, s);
          a.grad_columns = in(by_columns);
          a.grad_x = grad_x.defined() ? out(grad_x[n]) : nullptr;
          a.grad_offset = grad_offset.defined() ? out(grad_offset[n]) : nullptr;
          a.grad_mask = grad_mask.defined() ? out(grad_mask[n]) : nullptr;
          succeed(deform_backward(element(all.x), a, stream(all.x)), "gradient of deformable convolution");
        });
    const Tensor shaped = grad_weight.defined() ? grad_weight.view(all.weight.sizes()) : Tensor();
    const bool biased = context->saved_data["bias"].toBool() && context->needs_input_grad(weight_at + 1);
    const Tensor grad_bias = biased ? grad.sum({0, 2, 3}) : Tensor();
    return {Tensor(),
            as(grad_x, grad.scalar_type()),
            as(grad_offset, type(0)),
            as(grad_mask, type(1)),
            as(shaped, type(2)),
            as(grad_bias, type(3))};
  }
};

const DeviceOperators kOperators{
    .warp = [](const Tensor& x, const Tensor& flow,
               bool zero_outside) { return Warp::apply(x, flow, zero_outside); },
    .correlation =
        [](const Tensor& a, const Tensor& b, int radius, int stride, bool mean) {
          return Correlation::apply(a, b, std::int64_t{radius}, std::int64_t{stride}, mean);
        },
    .pixel_volume =
        [](const Tensor& previous, const Tensor& current, const Tensor& flow, int radius, float outside) {
          // Positions are truncated: a flow that wants a gradient gets none.
          return PixelVolume::apply(previous, current, flow.detach(), std::int64_t{radius}, double{outside});
        },
    .deform_conv =
        [](const op::DeformConv2d& o, const Tensor& x, const Tensor& offset,
           const std::optional<Tensor>& mask, const Tensor& weight,
           const std::optional<Tensor>& bias) { return Deform::apply(o, x, offset, mask, weight, bias); },
};

}  // namespace
}  // namespace unblur::cuda

const unblur::DeviceOperators* unblur_cuda_operators_1() { return &unblur::cuda::kOperators; }
