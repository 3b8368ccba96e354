// SPDX-License-Identifier: MIT
#include "vulkan/kernels/common.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "graph/error.h"

namespace unblur::vk {
namespace {

int storage_code(Storage storage) {
  return storage == Storage::kF32 ? shader::kStorageF32 : shader::kStorageF16;
}

int unary_code(const std::optional<op::Unary>& unary) {
  return unary ? static_cast<int>(unary->kind) + 1 : shader::kUnaryNone;
}

std::uint32_t two_halves(int low, int high, const Step& step) {
  if (low < 0 || high < 0 || low > 0xffff || high > 0xffff) {
    throw ModelError(fmt::format("{}: a size, pixel stride or channel offset of {} is above 65535", step.name,
                                 std::max(low, high)));
  }
  return static_cast<std::uint32_t>(low) | static_cast<std::uint32_t>(high) << 16U;
}

}  // namespace

Specialization::Specialization(const Step& step, int group_x, int group_y) {
  int slot = shader::kSpecStorage;
  for (const TensorView& view : step.inputs) set(slot++, storage_code(view.storage));
  set(slot, storage_code(step.output.storage));
  const Epilogue& e = step.epilogue;
  set(shader::kSpecActivation, unary_code(e.activation));
  set(shader::kSpecActivationA, e.activation ? e.activation->a : 0.0F);
  set(shader::kSpecResidual, e.residual ? 1 : 0);
  set(shader::kSpecPostActivation, unary_code(e.post_activation));
  set(shader::kSpecPostActivationA, e.post_activation ? e.post_activation->a : 0.0F);
  set(shader::kSpecClamp, e.clamp ? 1 : 0);
  set(shader::kSpecClampLow, e.clamp ? e.clamp->low : 0.0F);
  set(shader::kSpecClampHigh, e.clamp ? e.clamp->high : 0.0F);
  set(shader::kSpecShuffle, e.shuffle);
  set(shader::kSpecShuffleOrder, static_cast<int>(e.shuffle_order));
  set(shader::kSpecGroupX, group_x);
  set(shader::kSpecGroupY, group_y);
  const bool narrow = !step.inputs.empty() && step.inputs[0].c <= 4 && step.output.c <= 4;
  set(shader::kSpecNarrow, narrow ? 1 : 0);
}

void Specialization::set(int id, int value) {
  const auto index = static_cast<std::size_t>(id);
  if (values_.size() <= index) values_.resize(index + 1);
  values_[index] = static_cast<std::uint32_t>(value);
}

void Specialization::set(int id, float value) { set(id, std::bit_cast<int>(value)); }

Words view_words(const Step& step) {
  Words words{};
  const int blocks = blocks_of(step.output.c);
  words[shader::kWordBlocks] = static_cast<std::uint32_t>(blocks);
  words[shader::kWordBlocksInverse] = float_word(1.0F / static_cast<float>(blocks));
  words[shader::kWordChannels] = static_cast<std::uint32_t>(step.output.c);
  std::vector<TensorView> views = step.inputs;
  views.push_back(step.output);
  if (views.size() > shader::kMaxViews) {
    throw ModelError(
        fmt::format("{}: {} operands are more than one kernel takes", step.name, views.size() - 1));
  }
  for (std::size_t i = 0; i < views.size(); ++i) {
    const TensorView& v = views[i];
    words[shader::kWordViews + 2 * i] = two_halves(v.w, v.h, step);
    words[shader::kWordViews + 2 * i + 1] = two_halves(v.pixel_stride, v.channel_offset, step);
  }
  return words;
}

std::uint32_t float_word(float value) { return std::bit_cast<std::uint32_t>(value); }

void set_word(Words& words, int own, int value) {
  words[static_cast<std::size_t>(shader::kWordOwn + own)] = static_cast<std::uint32_t>(value);
}
void set_word(Words& words, int own, float value) { set_word(words, own, std::bit_cast<int>(value)); }

int pixel_group_size(const Caps& caps) {
  // A workgroup of lavapipe costs 0.2 us of CPU time, so CPU devices get large ones.
  const int wanted = caps.cpu_device ? 256 : 128;
  return std::min(wanted, static_cast<int>(caps.max_workgroup_invocations));
}

Kernel pixel_kernel(std::string shader, Specialization specialization, const Words& words, const Step& step,
                    int group) {
  Kernel kernel;
  kernel.shader = std::move(shader);
  kernel.specialization = std::move(specialization).take();
  const int items = step.output.w * static_cast<int>(words[shader::kWordBlocks]);
  const auto groups = static_cast<std::uint32_t>(div_up(items, group));
  kernel.dispatch = [words, groups](int y0, int y1) {
    Dispatch dispatch;
    dispatch.words = words;
    dispatch.words[shader::kWordRow] = static_cast<std::uint32_t>(y0);
    dispatch.groups = {groups, static_cast<std::uint32_t>(y1 - y0), 1};
    return dispatch;
  };
  kernel.reason = "the only kernel of its operator";
  return kernel;
}

}  // namespace unblur::vk
