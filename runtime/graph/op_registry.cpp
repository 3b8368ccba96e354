// SPDX-License-Identifier: MIT
#include "graph/op_registry.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "graph/error.h"

namespace unblur {
namespace {

// In the order of the alternatives of `Op`.
constexpr std::array<std::string_view, std::variant_size_v<Op>> kOpNames = {"input",
                                                                            "state",
                                                                            "conv2d",
                                                                            "conv_transpose2d",
                                                                            "deform_conv2d",
                                                                            "pixel_shuffle",
                                                                            "pixel_unshuffle",
                                                                            "resize",
                                                                            "warp",
                                                                            "gather_mean",
                                                                            "correlation",
                                                                            "pixel_volume",
                                                                            "neighbourhood",
                                                                            "pad",
                                                                            "crop",
                                                                            "part",
                                                                            "join",
                                                                            "concat",
                                                                            "slice",
                                                                            "binary",
                                                                            "unary",
                                                                            "clamp",
                                                                            "affine",
                                                                            "channel_affine",
                                                                            "reduce_space",
                                                                            "reduce_channels",
                                                                            "softmax_channels",
                                                                            "norm_channels",
                                                                            "exposure_path",
                                                                            "motion_taps"};

template <std::size_t... I>
Op make_op_at(std::size_t index, std::index_sequence<I...>) {
  Op result;
  ((I == index ? static_cast<void>(result = std::variant_alternative_t<I, Op>{}) : static_cast<void>(0)),
   ...);
  return result;
}

template <typename T>
std::string attribute_text(const T& value) {
  if constexpr (std::is_same_v<T, Margins>) {
    return fmt::format("{},{},{},{}", value.top, value.bottom, value.left, value.right);
  } else if constexpr (std::is_same_v<T, Extent2>) {
    return fmt::format("{},{}", value.h, value.w);
  } else if constexpr (std::is_enum_v<T>) {
    return std::string(enum_name(value));
  } else {
    return fmt::format("{}", value);
  }
}

}  // namespace

std::string_view op_name(const Op& op) noexcept { return kOpNames[op.index()]; }

Op make_op(std::string_view name) {
  for (std::size_t i = 0; i < kOpNames.size(); ++i) {
    if (kOpNames[i] == name) return make_op_at(i, std::make_index_sequence<std::variant_size_v<Op>>{});
  }
  throw ModelError(fmt::format("unknown operator '{}'; the model may need a newer version of unblur", name));
}

std::string describe(const Op& op) {
  std::string text(op_name(op));
  text += '(';
  std::visit(
      [&text](const auto& o) {
        for_each_attribute(o, [&text](std::string_view name, const auto& value) {
          text += fmt::format("{}{}={}", text.back() == '(' ? "" : ", ", name, attribute_text(value));
        });
      },
      op);
  return text + ')';
}

}  // namespace unblur
