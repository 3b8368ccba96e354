// SPDX-License-Identifier: MIT
// Frames through the device's colour kernels: bit-exact where nothing changes, equal to the CPU functions of
// graph/colour.h where something does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fixture.h"
#include "graph/colour.h"
#include "models.h"
#include "vulkan/session.h"

namespace unblur::vk {
namespace {

std::vector<FrameFormat> formats() {
  constexpr ColourDescription kVideo{ColourRange::kLimited, ColourMatrix::kBt709, ChromaLocation::kLeft};
  constexpr ColourDescription kPhone{ColourRange::kFull, ColourMatrix::kBt601, ChromaLocation::kCentre};
  constexpr ColourDescription kWide{ColourRange::kLimited, ColourMatrix::kBt2020, ChromaLocation::kTopLeft};
  // Odd sizes: half a chroma sample at the right and bottom, words that rows only partly fill.
  return {{PixelLayout::kRgb, 8, 33, 19, {}},        {PixelLayout::kRgb, 16, 18, 11, {}},
          {PixelLayout::kGrey, 8, 21, 10, kPhone},   {PixelLayout::kYuv420, 8, 35, 21, kVideo},
          {PixelLayout::kYuv420, 10, 37, 23, kWide}, {PixelLayout::kYuv422, 8, 35, 21, kPhone},
          {PixelLayout::kYuv444, 12, 19, 13, kVideo}};
}

std::string describe(const FrameFormat& f) {
  return fmt::format("layout {}, {} bits, {} x {}, chroma {}", static_cast<int>(f.layout), f.bit_depth,
                     f.width, f.height, static_cast<int>(f.colour.chroma));
}

Frame run(const std::shared_ptr<Model>& model, const Frame& frame, float strength, Storage storage) {
  FrameOptions options;
  options.bind.format = frame.format;
  options.bind.strength = strength;
  options.storage = storage;
  VulkanSession session(test::device(), test::shared_pipelines(), model, options);
  const Frame* window = &frame;
  session.submit({&window, 1});
  return session.receive().frame;
}

TEST(Colour, IdentityModelIsBitExactInEveryFormat) {
  const auto model = test::identity_model();
  for (const FrameFormat& format : formats()) {
    SCOPED_TRACE(describe(format));
    const Frame frame = test::make_frame(format, 0);
    EXPECT_TRUE(run(model, frame, 1.0F, Storage::kF32).data == frame.data);
  }
  const Frame frame = test::make_frame(formats()[3], 0);
  EXPECT_TRUE(run(model, frame, 1.0F, Storage::kF16Packed).data == frame.data);
}

std::shared_ptr<Model> brighter_model() {
  Graph g;
  const Value frame = g.add("frame", op::Input{.name = "frame"});
  g.set_output("frame", g.add("brighter", op::Affine{0.8F, 0.15F}, {frame}));
  return test::with_parameters(std::move(g), 4);
}

int code_at(const Frame& f, std::size_t i) {
  if (f.format.bytes_per_sample() == 1) return std::to_integer<int>(f.data[i]);
  return std::to_integer<int>(f.data[2 * i]) | std::to_integer<int>(f.data[2 * i + 1]) << 8;
}

/// `low`: what black is in the model (white is 1).
void check_correction(const FrameFormat& format, float low) {
  SCOPED_TRACE(describe(format));
  const auto model = brighter_model();
  model->info.range_low = low;
  const Frame frame = test::make_frame(format, 1);
  const std::vector<float> rgb = frame_to_rgb(frame);
  std::vector<float> restored(rgb.size());
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const float value = low + rgb[i] * (1.0F - low);
    restored[i] = (value * 0.8F + 0.15F - low) / (1.0F - low);
  }
  const Frame truth = apply_correction(frame, rgb, restored, 0.7F);
  const Frame result = run(model, frame, 0.7F, Storage::kF32);
  int off_by_one = 0;
  const std::size_t samples = truth.data.size() / static_cast<std::size_t>(format.bytes_per_sample());
  for (std::size_t i = 0; i < samples; ++i) {
    const int difference = std::abs(code_at(truth, i) - code_at(result, i));
    ASSERT_LE(difference, 1) << "sample " << i;
    off_by_one += difference;
  }
  // Sums in another order round differently only where a correction lies between two codes.
  EXPECT_LE(off_by_one, static_cast<int>(samples / 100));
}

TEST(Colour, CorrectionEqualsTheCpuFunctions) {
  for (const FrameFormat& format : formats()) check_correction(format, 0.0F);
}

TEST(Colour, ModelsMayHaveAnotherRange) { check_correction(formats()[0], -1.0F); }

TEST(Colour, StrengthZeroIsBitExact) {
  const Frame frame = test::make_frame(formats()[4], 2);
  EXPECT_TRUE(run(brighter_model(), frame, 0.0F, Storage::kF32).data == frame.data);
}

}  // namespace
}  // namespace unblur::vk
