// SPDX-License-Identifier: MIT
#include "vulkan/colour_kernels.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "graph/colour.h"
#include "vulkan/kernels/common.h"

namespace unblur::vk {
namespace {

constexpr int kGroup = 64;

/// Constants of shaders/colour/colour.glsl in the order of their ids.
std::vector<std::uint32_t> constants(const FrameFormat& format, const ModelInfo& info, Storage storage0,
                                     Storage storage1, Storage storage2, const std::array<float, 9>& matrix) {
  const ColourTransform t = colour_transform(format);
  const ChromaSites sites = chroma_sites(format);
  std::vector<std::uint32_t> values(shader::kSpecOwn, 0);
  const auto code = [](Storage s) {
    return static_cast<std::uint32_t>(s == Storage::kF32 ? shader::kStorageF32 : shader::kStorageF16);
  };
  values[0] = code(storage0);
  values[1] = code(storage1);
  values[2] = code(storage2);
  values[shader::kSpecGroupX] = kGroup;
  values[shader::kSpecGroupY] = 1;
  const auto add = [&](auto x) { values.push_back(std::bit_cast<std::uint32_t>(x)); };
  add(static_cast<int>(format.layout));
  add(format.bytes_per_sample());
  add(static_cast<int>(sites.x));
  add(static_cast<int>(sites.y));
  for (const float x : t.code_scale) add(x);
  for (const float x : t.code_shift) add(x);
  for (const float x : matrix) add(x);
  add(info.range_low);
  add(info.range_high);
  return values;
}

std::array<std::uint32_t, kMaxWords> frame_words(const FrameFormat& format) {
  const RawLayout raw(format);
  std::array<std::uint32_t, kMaxWords> words{};
  words[0] = static_cast<std::uint32_t>(format.width);
  words[1] = static_cast<std::uint32_t>(format.height);
  for (int plane = 0; plane < 3; ++plane) {
    words[2 + static_cast<std::size_t>(plane)] = raw.start(plane);
    words[5 + static_cast<std::size_t>(plane)] = raw.pitch(plane);
  }
  return words;
}

}  // namespace

RawLayout::RawLayout(const FrameFormat& format) : format_(format) {
  for (int plane = 0; plane < format.plane_count(); ++plane) {
    const auto p = static_cast<std::size_t>(plane);
    start_[p] = static_cast<std::uint32_t>(words_);
    pitch_[p] = static_cast<std::uint32_t>((format.row_bytes(plane) + 3) / 4);
    words_ += static_cast<std::uint64_t>(pitch_[p]) * static_cast<std::uint64_t>(format.plane_height(plane));
  }
  words_ = (words_ + 1) / 2 * 2;  // shaders read pairs of words
}

void RawLayout::pack(const Frame& frame, std::span<std::byte> memory) const {
  for (int plane = 0; plane < format_.plane_count(); ++plane) {
    const std::size_t row = format_.row_bytes(plane);
    for (int y = 0; y < format_.plane_height(plane); ++y) {
      const std::size_t to = 4 * (start(plane) + static_cast<std::size_t>(y) * pitch(plane));
      std::memcpy(memory.data() + to, frame.plane(plane) + static_cast<std::size_t>(y) * row, row);
    }
  }
}

void RawLayout::unpack(std::span<const std::byte> memory, Frame& frame) const {
  for (int plane = 0; plane < format_.plane_count(); ++plane) {
    const std::size_t row = format_.row_bytes(plane);
    for (int y = 0; y < format_.plane_height(plane); ++y) {
      const std::size_t from = 4 * (start(plane) + static_cast<std::size_t>(y) * pitch(plane));
      std::memcpy(frame.plane(plane) + static_cast<std::size_t>(y) * row, memory.data() + from, row);
    }
  }
}

std::string FrameStatistics::fault() const {
  if (not_finite != 0) return "NaN or infinity";
  // A fade to black is no fault: the input must show something.
  if (out_max - out_min < 2.0F / 255.0F && in_max - in_min > 8.0F / 255.0F) return "a flat picture";
  return {};
}

ColourWork colour_in(const FrameFormat& format, const ModelInfo& info, const TensorView& view) {
  ColourWork work;
  work.key = {
      "colour_in",
      constants(format, info, Storage::kF32, view.storage, Storage::kF32, colour_transform(format).to_rgb),
      0};
  work.dispatch.words = frame_words(format);
  work.dispatch.words[8] = static_cast<std::uint32_t>(view.w);
  work.dispatch.words[9] = static_cast<std::uint32_t>(view.pixel_stride);
  work.dispatch.words[10] = static_cast<std::uint32_t>(view.channel_offset);
  work.dispatch.groups = {static_cast<std::uint32_t>(div_up(view.w, kGroup)),
                          static_cast<std::uint32_t>(view.h), 1};
  return work;
}

ColourWork picture_of(const FrameFormat& format) {
  const TensorView all{.c = 3, .h = format.height, .w = format.width, .pixel_stride = 1};
  ColourWork work = colour_in(format, {}, all);
  work.key.shader = "picture";
  return work;
}

std::vector<ColourWork> colour_out(const FrameFormat& format, const ModelInfo& info,
                                   const TensorView& original, const TensorView& restored, float strength) {
  assert(original.w == restored.w && original.h == restored.h);
  const ColourTransform t = colour_transform(format);
  std::vector<ColourWork> works;
  for (int plane = 0; plane < format.plane_count(); ++plane) {
    ColourWork work;
    work.key.shader = "colour_out";
    work.key.specialization =
        constants(format, info, Storage::kF32, original.storage, restored.storage, t.from_rgb);
    const auto add = [&](auto x) { work.key.specialization.push_back(std::bit_cast<std::uint32_t>(x)); };
    add(plane);
    for (const std::size_t c : {0U, 1U}) {
      add(t.code_low[c]);
      add(t.code_high[c]);
    }
    work.dispatch.words = frame_words(format);
    const std::array<int, 5> own{original.w, original.pixel_stride, original.channel_offset,
                                 restored.pixel_stride, restored.channel_offset};
    std::ranges::copy(own, work.dispatch.words.begin() + 8);
    work.dispatch.words[13] = float_word(strength);
    work.dispatch.groups = {
        static_cast<std::uint32_t>(div_up(static_cast<int>(RawLayout(format).pitch(plane)), kGroup)),
        static_cast<std::uint32_t>(format.plane_height(plane)), 1};
    works.push_back(std::move(work));
  }
  return works;
}

}  // namespace unblur::vk
