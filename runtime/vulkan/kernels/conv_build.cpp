// SPDX-License-Identifier: MIT
#include "vulkan/kernels/conv_build.h"

#include <algorithm>

namespace unblur::vk {
namespace {

enum Constant : int {  // the order of shaders/convolution/convolution.glsl
  kGroups = shader::kSpecOwn,
  kInPerGroup,
  kOutPerGroup,
  kTapsY,
  kTapsX,
  kStrideY,
  kStrideX,
  kDilationY,
  kDilationX,
  kPhasesY,
  kPhasesX,
  kBeforeY,
  kBeforeX,
  kPhaseShiftY,
  kPhaseShiftX,
  kBorder,
  kShuffled,
  kWeightStorage,
  kBlock,
  kPixels,
  kStep,
  kStored,
};
static_assert(kStored + 1 == shader::kConvOwn);

}  // namespace

Specialization conv_specialization(const ConvStep& conv, int group_x, int group_y) {
  const ConvShape& s = conv.shape;
  Specialization out(conv.step, group_x, group_y);
  out.set(kGroups, s.groups);
  out.set(kInPerGroup, s.in_per_group);
  out.set(kOutPerGroup, s.internal_per_group);
  out.set(kTapsY, s.taps.h);
  out.set(kTapsX, s.taps.w);
  out.set(kStrideY, s.stride.h);
  out.set(kStrideX, s.stride.w);
  out.set(kDilationY, s.dilation.h);
  out.set(kDilationX, s.dilation.w);
  out.set(kPhasesY, s.phases.h);
  out.set(kPhasesX, s.phases.w);
  out.set(kBeforeY, s.before.h);
  out.set(kBeforeX, s.before.w);
  out.set(kPhaseShiftY, s.phase_shift.h);
  out.set(kPhaseShiftX, s.phase_shift.w);
  out.set(kBorder, static_cast<int>(s.border));
  out.set(kShuffled, s.shuffled);
  out.set(kWeightStorage, conv.step.weights == Storage::kF32 ? shader::kStorageF32 : shader::kStorageF16);
  out.set(kStored, conv.step.output.c);
  if (s.deformable()) {
    out.set(shader::kDeformSpec, s.deformable_groups);
    out.set(shader::kDeformSpec + 1, s.masked ? 1 : 0);
  }
  return out;
}

std::string conv_shader(const ConvStep& conv, std::string_view kind) {
  return (conv.shape.deformable() ? "deform_" : "conv_") + std::string(kind);
}

void set_tile(Specialization& specialization, int block, int pixels, int step) {
  specialization.set(kBlock, block);
  specialization.set(kPixels, pixels);
  specialization.set(kStep, step);
}

ConvRows conv_rows(const ConvStep& conv, int y0, int y1) {
  const int unit = conv.shape.phases.h * conv.shape.shuffle;
  const int first = y0 / unit;
  return {first, div_up(y1, unit) - first};
}

int conv_row_pixels(const ConvStep& conv) {
  return div_up(conv.step.output.w, conv.shape.phases.w * conv.shape.shuffle);
}

std::function<Dispatch(int, int)> conv_dispatch(
    const ConvStep& conv, std::function<std::array<std::uint32_t, 3>(int rows)> groups) {
  std::array<std::uint32_t, kMaxWords> words = view_words(conv.step);
  const int unit = conv.shape.phases.h * conv.shape.shuffle;
  return [words, unit, groups = std::move(groups)](int y0, int y1) {
    Dispatch dispatch;
    dispatch.words = words;
    dispatch.words[shader::kWordRow] = static_cast<std::uint32_t>(y0);
    dispatch.words[shader::kWordRowEnd] = static_cast<std::uint32_t>(y1);
    dispatch.groups = groups(div_up(y1, unit) - y0 / unit);
    return dispatch;
  };
}

}  // namespace unblur::vk
