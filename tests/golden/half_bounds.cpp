// SPDX-License-Identifier: MIT
// Two to three times what was measured on lavapipe (docs/measurements/pvdnet.md, motion-etr.md).
#include <fmt/format.h>

#include "golden.h"

namespace unblur::golden {
namespace {

struct Row {
  std::string_view kind, tensor;  ///< a tensor of this name, or that begins with it
  HalfBound bound;
};
constexpr double kAny = 2;  // the range of the values: a neighbour's grey value may differ by all of it

constexpr Row kRows[] = {
    {"correlation", "", {3e-4, 4e-5}},
    {"warp", "output", {2e-3, 4e-4}},
    {"pixel_volume", "output", {kAny, 5e-4}},
    {"bimnet", "flow", {0.4, 0.03}},
    {"bimnet", "images.", {1.5e-3, 3e-4}},
    {"bimnet", "features.", {0.02, 2e-3}},
    {"bimnet", "matching.", {0.03, 4e-3}},
    {"bimnet", "subpixel.", {0.06, 8e-3}},
    {"bimnet", "regularization.", {0.02, 2e-3}},
    {"pvdnet", "feature.", {0.012, 2e-3}},
    {"pvdnet", "output", {3e-3, 5e-4}},
    {"pvdnet_large", "feature.", {0.012, 2e-3}},
    {"pvdnet_large", "output", {3e-3, 5e-4}},
    {"deblur_step", "pixel_volume", {kAny, 3e-4}},
    {"deblur_step", "flow", {0.2, 0.02}},
    {"deblur_step", "result", {0.06, 4e-3}},
    {"deblur_step_large", "pixel_volume", {kAny, 3e-4}},
    {"deblur_step_large", "flow", {0.2, 0.02}},
    {"deblur_step_large", "result", {0.06, 4e-3}},
    {"deblur_sequence", "flow", {0.3, 0.02}},
    {"deblur_sequence", "result_rgb8", {20, 1}},
    {"deblur_sequence", "result", {0.15, 8e-3}},
    {"deblur_sequence", "psnr_ssim", {0.04, 0.015}},
    {"deform_conv", "tap.", {0.015, 8e-4}},  // offsets of 14 px are rounded to 1/128
    {"deform_conv", "", {6e-3, 1.2e-3}},
    {"trajectory", "", {0.02, 2e-3}},
    {"offset_net", "act.conv_1", {0.01, 2e-3}},
    {"offset_net", "act.", {0.3, 0.06}},
    {"offset_net", "", {0.07, 0.01}},
    {"reblur", "reblurred", {1.2e-3, 3e-4}},
    {"reblur", "", {4e-3, 3e-4}},
    {"decoder_offsets", "", {3e-3, 4e-4}},
    {"deblur_net", "", {5e-3, 1e-3}},
    {"motion_aware", "output", {6e-3, 1e-3}},
    {"motion_aware", "", {0.12, 0.02}},
};

}  // namespace

HalfBound half_bound(std::string_view kind, std::string_view tensor) {
  if (kind == "deblur_sequence_large") kind = "deblur_sequence";  // no public case to measure
  for (const Row& row : kRows) {
    if (row.kind == kind && tensor.starts_with(row.tensor)) return row.bound;
  }
  throw CaseError(fmt::format("no bound of fp16 is known for '{}' of {}", tensor, kind));
}

}  // namespace unblur::golden
