// SPDX-License-Identifier: MIT
#include "vulkan/kernels/conv_build.h"

namespace unblur::vk {

std::optional<Kernel> make_conv_direct(const ConvStep& conv) {
  const int group = pixel_group_size(conv.caps);
  const int quads = div_up(conv.shape.groups * conv.shape.internal_per_group, 4);
  const int items = quads * conv_row_pixels(conv);
  const int phases = conv.shape.phase_count();
  Kernel kernel;
  kernel.shader = conv_shader(conv, "direct");
  kernel.specialization = conv_specialization(conv, group).take();
  kernel.weights = pack_rows(conv.weights, conv.shape, conv.step.weights);
  kernel.dispatch = conv_dispatch(conv, [=](int rows) -> std::array<std::uint32_t, 3> {
    return {static_cast<std::uint32_t>(div_up(items, group)), static_cast<std::uint32_t>(rows),
            static_cast<std::uint32_t>(phases)};
  });
  kernel.reason = "direct, one pixel x 4 channels per invocation";
  return kernel;
}

}  // namespace unblur::vk
