// SPDX-License-Identifier: MIT
// The one place where a kernel is chosen; the planner passes overrides of the environment as `forced`.
#include <fmt/format.h>

#include "graph/error.h"
#include "vulkan/kernel.h"

namespace unblur::vk {

Kernel make_kernel(const Step& step, const Caps& caps, const std::string& forced) {
  std::optional<Kernel> kernel;
  if (is_convolution(step.op)) {
    kernel = make_convolution(step, caps, forced);
  } else {
    kernel = make_spatial(step, caps);
    if (!kernel) kernel = make_elementwise(step, caps);
  }
  if (!kernel) {
    throw ModelError(fmt::format("{}: no Vulkan kernel computes this {}{}", step.name, op_name(step.op),
                                 forced.empty() ? "" : " (" + forced + " was asked for)"));
  }
  return std::move(*kernel);
}

}  // namespace unblur::vk
