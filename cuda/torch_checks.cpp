// SPDX-License-Identifier: MIT
#include "torch_checks.h"

#include <ATen/ATen.h>

namespace unblur::check {
namespace {

using at::Tensor;

void image(const char* name, const Tensor& x, std::int64_t channels, const Tensor& like,
           bool same_pixels = true) {
  TORCH_CHECK(x.dim() == 4, name, " must have four dimensions, not ", x.dim());
  TORCH_CHECK(x.is_floating_point(), name, " must be floating, not ", x.scalar_type());
  TORCH_CHECK(x.device() == like.device(), name, " is on ", x.device(), ", the first operand on ",
              like.device());
  TORCH_CHECK(x.size(0) == like.size(0), name, " has ", x.size(0), " pictures, the first operand ",
              like.size(0));
  TORCH_CHECK(x.size(1) == channels, name, " must have ", channels, " channels, not ", x.size(1));
  TORCH_CHECK(!same_pixels || (x.size(2) == like.size(2) && x.size(3) == like.size(3)), name, " is ",
              x.size(3), "x", x.size(2), ", the first operand ", like.size(3), "x", like.size(2));
}

void first(const char* name, const Tensor& x) {
  TORCH_CHECK(x.dim() == 4, name, " must have four dimensions, not ", x.dim());
  image(name, x, x.size(1), x);
  TORCH_CHECK(x.size(2) > 0 && x.size(3) > 0, name, " has no pixels");
}

void size_of(const char* name, const Tensor& x, at::IntArrayRef wanted, const Tensor& like) {
  TORCH_CHECK(x.sizes() == wanted, name, " has shape ", x.sizes(), ", not ", wanted);
  TORCH_CHECK(x.is_floating_point() && x.device() == like.device(), name, " must be floating and on ",
              like.device());
}

std::int64_t out_size(std::int64_t in, int before, int after, int dilation, int kernel, int stride) {
  const std::int64_t reach = std::int64_t{dilation} * (kernel - 1) + 1, all = in + before + after;
  return all < reach ? 0 : (all - reach) / stride + 1;
}

}  // namespace

void warp(const Tensor& x, const Tensor& flow) {
  first("x", x);
  image("flow", flow, 2, x);
}

void correlation(const Tensor& a, const Tensor& b, int radius, int stride) {
  first("a", a);
  image("b", b, a.size(1), a);
  TORCH_CHECK(a.size(1) > 0, "a has no channels");
  TORCH_CHECK(radius >= 0 && stride >= 1, "radius ", radius, " and stride ", stride, " are no displacements");
}

void pixel_volume(const Tensor& previous, const Tensor& current, const Tensor& flow, int radius) {
  first("previous", previous);
  image("previous", previous, 3, previous);
  image("current", current, 3, previous);
  image("flow", flow, 2, previous);
  TORCH_CHECK(radius >= 0, "radius ", radius, " is below 0");
}

void deform_conv(const op::DeformConv2d& o, const Tensor& x, const Tensor& offset,
                 const std::optional<Tensor>& mask, const Tensor& weight, const std::optional<Tensor>& bias) {
  first("x", x);
  const std::int64_t taps = std::int64_t{o.kernel.h} * o.kernel.w, groups = o.deformable_groups;
  TORCH_CHECK(groups >= 1 && x.size(1) % groups == 0, "x has ", x.size(1), " channels, no multiple of ",
              groups, " deformable groups");
  TORCH_CHECK(o.groups >= 1 && x.size(1) % o.groups == 0 && o.out_channels % o.groups == 0, "channels ",
              x.size(1), " and ", o.out_channels, " are no multiples of ", o.groups, " groups");
  image("offset", offset, 2 * groups * taps, x, false);
  const std::int64_t h = out_size(x.size(2), o.pad.top, o.pad.bottom, o.dilation.h, o.kernel.h, o.stride.h);
  const std::int64_t w = out_size(x.size(3), o.pad.left, o.pad.right, o.dilation.w, o.kernel.w, o.stride.w);
  TORCH_CHECK(h > 0 && w > 0, "the output has no pixels");
  TORCH_CHECK(offset.size(2) == h && offset.size(3) == w, "offset is ", offset.size(3), "x", offset.size(2),
              ", the output ", w, "x", h);
  if (mask) size_of("mask", *mask, {x.size(0), groups * taps, h, w}, x);
  size_of("weight", weight, {o.out_channels, x.size(1) / o.groups, o.kernel.h, o.kernel.w}, x);
  if (bias) size_of("bias", *bias, {o.out_channels}, x);
}

}  // namespace unblur::check
