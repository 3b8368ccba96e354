// SPDX-License-Identifier: MIT
// Which kernel computes a convolution: decided once per layer at plan time, and said in Kernel::reason.
#include <fmt/format.h>

#include <array>

#include "graph/error.h"
#include "vulkan/kernels/conv_kernels.h"

namespace unblur::vk {
namespace {

struct Family {
  std::string_view name;
  std::optional<Kernel> (*make)(const ConvStep&);
};

constexpr std::array kFamilies = {
    Family{"conv_reg", make_conv_reg},       Family{"conv_tile", make_conv_tile},
    Family{"conv_small", make_conv_small},   Family{"conv_dw", make_conv_dw},
    Family{"conv_direct", make_conv_direct},
};

std::string known_names() {
  std::string names;
  for (const Family& family : kFamilies) names += (names.empty() ? "" : ", ") + std::string(family.name);
  return names;
}

Kernel forced_kernel(const ConvStep& conv, const std::string& forced) {
  for (const Family& family : kFamilies) {
    if (family.name != forced) continue;
    if (auto kernel = family.make(conv)) {
      kernel->reason = "forced: " + kernel->reason;
      return *std::move(kernel);
    }
    throw ModelError(
        fmt::format("{}: {} cannot compute this convolution on this device", conv.step.name, forced));
  }
  throw ModelError(
      fmt::format("{}: unknown convolution kernel '{}' (known: {})", conv.step.name, forced, known_names()));
}

}  // namespace

std::optional<Kernel> make_convolution(const Step& step, const Caps& caps, const std::string& forced) {
  if (!std::holds_alternative<op::Conv2d>(step.op) && !std::holds_alternative<op::ConvTranspose2d>(step.op)) {
    return std::nullopt;
  }
  const ConvStep conv(step, caps);
  if (!forced.empty()) return forced_kernel(conv, forced);
  // The first that applies, in the order of what measures or is expected fastest (docs/measurements/).
  if (auto kernel = make_conv_dw(conv)) return kernel;
  if (caps.cpu_device) {
    if (auto kernel = make_conv_reg(conv)) return kernel;
  }
  const bool few = conv.shape.in_per_group <= 4 || conv.shape.internal_per_group <= 4;
  if (few) {
    if (auto kernel = make_conv_small(conv)) return kernel;
  }
  if (auto kernel = make_conv_tile(conv)) return kernel;
  return make_conv_direct(conv);
}

std::vector<std::string_view> convolution_kernels() {
  std::vector<std::string_view> names;
  for (const Family& family : kFamilies) names.push_back(family.name);
  return names;
}

}  // namespace unblur::vk
