// SPDX-License-Identifier: MIT
// Colour conversion against known values, analytic ramps and its promise of exactness.
#include "graph/colour.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>

#include "graph/error.h"

namespace unblur {
namespace {

void put(Frame& frame, int plane, std::size_t i, int code) {
  if (frame.format.bit_depth == 8) {
    frame.plane(plane)[i] = static_cast<std::byte>(code);
  } else {
    const auto word = static_cast<std::uint16_t>(code);
    std::memcpy(frame.plane(plane) + 2 * i, &word, 2);
  }
}
int get(const Frame& frame, int plane, std::size_t i) {
  if (frame.format.bit_depth == 8) return std::to_integer<int>(frame.plane(plane)[i]);
  std::uint16_t word = 0;
  std::memcpy(&word, frame.plane(plane) + 2 * i, 2);
  return word;
}

/// One 4:4:4 pixel.
Frame pixel(int bits, ColourMatrix matrix, ColourRange range, std::array<int, 3> codes) {
  Frame frame({PixelLayout::kYuv444, bits, 1, 1, {range, matrix, ChromaLocation::kLeft}});
  for (int p = 0; p < 3; ++p) put(frame, p, 0, codes[static_cast<std::size_t>(p)]);
  return frame;
}

std::vector<FrameFormat> all_formats(int width, int height) {
  std::vector<FrameFormat> formats;
  for (const auto layout : {PixelLayout::kRgb, PixelLayout::kGrey, PixelLayout::kYuv420, PixelLayout::kYuv422,
                            PixelLayout::kYuv444}) {
    for (const int bits : {8, 10, 12, 16}) {
      for (const auto range : {ColourRange::kLimited, ColourRange::kFull}) {
        for (const auto matrix : {ColourMatrix::kBt601, ColourMatrix::kBt709, ColourMatrix::kBt2020}) {
          for (const auto site : {ChromaLocation::kLeft, ChromaLocation::kCentre, ChromaLocation::kTopLeft}) {
            formats.push_back({layout, bits, width, height, {range, matrix, site}});
          }
        }
      }
    }
  }
  return formats;
}

std::string text(const FrameFormat& f) {
  return fmt::format("layout {} bits {} range {} matrix {} chroma {}", static_cast<int>(f.layout),
                     f.bit_depth, static_cast<int>(f.colour.range), static_cast<int>(f.colour.matrix),
                     static_cast<int>(f.colour.chroma));
}

/// Random samples over all codes, legal or not.
Frame noise(const FrameFormat& format, unsigned seed) {
  std::mt19937 random(seed);
  Frame frame(format);
  const auto samples = frame.data.size() / static_cast<std::size_t>(format.bytes_per_sample());
  for (std::size_t i = 0; i < samples; ++i)
    put(frame, 0, i, static_cast<int>(random() % (1U << format.bit_depth)));
  return frame;
}

TEST(Colour, KnownCodesOfPrimariesAndGreys) {
  struct Case {
    int bits;
    ColourMatrix matrix;
    ColourRange range;
    std::array<int, 3> codes;
    std::array<float, 3> rgb;
  };
  const auto limited = ColourRange::kLimited;
  const auto full = ColourRange::kFull;
  // Codes of 100 % colour bars from the three recommendations, rounded to integers there.
  const Case cases[] = {
      {8, ColourMatrix::kBt709, limited, {235, 128, 128}, {1, 1, 1}},
      {8, ColourMatrix::kBt709, limited, {16, 128, 128}, {0, 0, 0}},
      {8, ColourMatrix::kBt601, limited, {81, 90, 240}, {1, 0, 0}},
      {8, ColourMatrix::kBt601, limited, {145, 54, 34}, {0, 1, 0}},
      {8, ColourMatrix::kBt601, limited, {41, 240, 110}, {0, 0, 1}},
      {8, ColourMatrix::kBt709, limited, {63, 102, 240}, {1, 0, 0}},
      {8, ColourMatrix::kBt709, limited, {173, 42, 26}, {0, 1, 0}},
      {8, ColourMatrix::kBt709, limited, {32, 240, 118}, {0, 0, 1}},
      {10, ColourMatrix::kBt709, limited, {250, 409, 960}, {1, 0, 0}},
      {10, ColourMatrix::kBt2020, limited, {294, 387, 960}, {1, 0, 0}},
      {10, ColourMatrix::kBt2020, limited, {940, 512, 512}, {1, 1, 1}},
      {8, ColourMatrix::kBt601, full, {76, 85, 255}, {1, 0, 0}},
      {8, ColourMatrix::kBt601, full, {128, 128, 128}, {128 / 255.0F, 128 / 255.0F, 128 / 255.0F}},
      {16, ColourMatrix::kBt709, full, {65535, 32768, 32768}, {1, 1, 1}},
  };
  for (const Case& c : cases) {
    const auto rgb = frame_to_rgb(pixel(c.bits, c.matrix, c.range, c.codes));
    const float step = 1.5F / static_cast<float>((1 << c.bits) - 1) * 256 / 219;
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(rgb[i], c.rgb[i], step) << c.codes[0] << ' ' << c.codes[1] << ' ' << c.codes[2];
    }
  }
}

TEST(Colour, MatricesAreInverse) {
  for (const auto matrix : {ColourMatrix::kBt601, ColourMatrix::kBt709, ColourMatrix::kBt2020}) {
    const auto t = colour_transform({PixelLayout::kYuv444, 8, 1, 1, {ColourRange::kFull, matrix, {}}});
    for (std::size_t r = 0; r < 3; ++r) {
      for (std::size_t c = 0; c < 3; ++c) {
        float sum = 0;
        for (std::size_t k = 0; k < 3; ++k) sum += t.to_rgb[3 * r + k] * t.from_rgb[3 * k + c];
        EXPECT_NEAR(sum, r == c ? 1.0F : 0.0F, 1e-6F);
      }
    }
  }
}

TEST(Colour, RgbAndGreyAreScaledOnly) {
  Frame rgb({PixelLayout::kRgb, 8, 2, 1, {}});
  for (std::size_t i = 0; i < 6; ++i) put(rgb, 0, i, static_cast<int>(i) * 51);
  const std::vector<float> expected{0.0F, 0.6F, 0.2F, 0.8F, 0.4F, 1.0F};  // interleaved to planar
  const auto values = frame_to_rgb(rgb);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_NEAR(values[i], expected[i], 1e-6F);

  Frame grey({PixelLayout::kGrey, 16, 1, 1, {}});
  put(grey, 0, 0, 13107);
  for (const float v : frame_to_rgb(grey)) EXPECT_NEAR(v, 0.2F, 1e-6F);
}

// Chroma that rises linearly in space must be read back as the same line at every luma pixel (edges aside).
TEST(Colour, ChromaIsInterpolatedAtItsSite) {
  for (const auto layout : {PixelLayout::kYuv420, PixelLayout::kYuv422}) {
    for (const auto site : {ChromaLocation::kLeft, ChromaLocation::kCentre, ChromaLocation::kTopLeft}) {
      const FrameFormat format{layout, 16, 16, 12, {ColourRange::kFull, ColourMatrix::kBt709, site}};
      const double x0 = site == ChromaLocation::kCentre ? 0.5 : 0.0;
      const double y0 = site == ChromaLocation::kTopLeft ? 0.0 : 0.5;
      const double row_step = layout == PixelLayout::kYuv420 ? 2.0 : 1.0;
      const double row_zero = layout == PixelLayout::kYuv420 ? y0 : 0.0;
      Frame frame(format);
      for (std::size_t i = 0; i < 16 * 12; ++i) put(frame, 0, i, 32768);
      for (int y = 0; y < format.plane_height(1); ++y) {
        for (int x = 0; x < format.plane_width(1); ++x) {
          const double line = 32768 + 100 * (2 * x + x0) + 300 * (row_step * y + row_zero);
          const auto i = static_cast<std::size_t>(y * format.plane_width(1) + x);
          put(frame, 1, i, static_cast<int>(line));
          put(frame, 2, i, 32768);
        }
      }
      const auto rgb = frame_to_rgb(frame);
      const auto t = colour_transform(format);
      for (int y = 2; y < 10; ++y) {
        for (int x = 2; x < 14; ++x) {
          const double cb = (100 * x + 300 * y) / 65535.0;
          const double blue = 32768 / 65535.0 + t.to_rgb[7] * cb;
          const auto i = static_cast<std::size_t>(y * 16 + x);
          EXPECT_NEAR(rgb[2 * 16 * 12 + i], blue, 1e-4) << text(format) << " at " << x << ',' << y;
        }
      }
    }
  }
}

TEST(Colour, IdentityIsBitExactInEveryFormat) {
  for (const FrameFormat& format : all_formats(7, 5)) {
    const Frame frame = noise(format, 3);
    const auto rgb = frame_to_rgb(frame);
    EXPECT_EQ(apply_correction(frame, rgb, rgb, 1.0F).data, frame.data) << text(format);
  }
}

TEST(Colour, StrengthZeroIsBitExactInEveryFormat) {
  for (const FrameFormat& format : all_formats(6, 3)) {
    const Frame frame = noise(format, 4);
    const auto other = frame_to_rgb(noise(format, 5));
    EXPECT_EQ(apply_correction(frame, frame_to_rgb(frame), other, 0.0F).data, frame.data) << text(format);
  }
}

// A smooth correction comes back: the frame after it, read as RGB, is the restored picture to within
// rounding.
TEST(Colour, CorrectionReachesTheRestoredPicture) {
  for (const FrameFormat& format : all_formats(12, 8)) {
    Frame frame(format);
    const ColourTransform t = colour_transform(format);
    const auto samples = frame.data.size() / static_cast<std::size_t>(format.bytes_per_sample());
    const std::size_t luma = format.plane_bytes(0) / static_cast<std::size_t>(format.bytes_per_sample());
    for (std::size_t i = 0; i < samples; ++i) {
      const std::size_t c = i < luma ? 0 : 1;
      put(frame, 0, i,
          static_cast<int>(std::lround(((c == 0 ? 0.5F : 0.0F) - t.code_shift[c]) / t.code_scale[c])));
    }
    const auto original = frame_to_rgb(frame);
    std::vector<float> restored = original;
    const bool grey = format.layout == PixelLayout::kGrey;
    const float add[3] = {0.1F, grey ? 0.1F : -0.05F, grey ? 0.1F : 0.02F};
    for (std::size_t i = 0; i < restored.size(); ++i) restored[i] += add[i / 96];
    const auto result = frame_to_rgb(apply_correction(frame, original, restored, 1.0F));
    const float step = 2.0F / static_cast<float>((1 << format.bit_depth) - 1) * 256 / 219;
    for (std::size_t i = 0; i < result.size(); ++i) ASSERT_NEAR(result[i], restored[i], step) << text(format);
  }
}

// Chroma takes the mean around its own site: a correction that is linear in space arrives without a shift.
TEST(Colour, ChromaCorrectionIsNotShifted) {
  for (const auto site : {ChromaLocation::kLeft, ChromaLocation::kCentre, ChromaLocation::kTopLeft}) {
    const FrameFormat format{
        PixelLayout::kYuv420, 16, 12, 12, {ColourRange::kFull, ColourMatrix::kBt709, site}};
    Frame frame(format);
    for (std::size_t i = 0; i < 144 + 2 * 36; ++i) put(frame, 0, i, 32768);
    const auto original = frame_to_rgb(frame);
    std::vector<float> restored = original;
    for (std::size_t i = 0; i < 144; ++i) {
      const std::size_t row = i / 12;
      restored[2 * 144 + i] += 0.01F * static_cast<float>(i % 12) + 0.002F * static_cast<float>(row);
    }
    const Frame result = apply_correction(frame, original, restored, 1.0F);
    const float m = colour_transform(format).from_rgb[5];
    const float x0 = site == ChromaLocation::kCentre ? 0.5F : 0.0F;
    const float y0 = site == ChromaLocation::kTopLeft ? 0.0F : 0.5F;
    for (int y = 1; y < 5; ++y) {
      for (int x = 1; x < 5; ++x) {
        const float blue =
            0.01F * (2.0F * static_cast<float>(x) + x0) + 0.002F * (2.0F * static_cast<float>(y) + y0);
        EXPECT_NEAR(get(result, 1, static_cast<std::size_t>(y * 6 + x)) - 32768, m * blue * 65535, 1.0F);
      }
    }
  }
}

TEST(Colour, CorrectionStopsAtLegalCodesButKeepsIllegalOnes) {
  Frame frame = pixel(8, ColourMatrix::kBt709, ColourRange::kLimited, {230, 128, 128});
  const auto original = frame_to_rgb(frame);
  const std::vector<float> white(3, 2.0F);  // beyond 1 counts as 1
  EXPECT_EQ(get(apply_correction(frame, original, white, 1.0F), 0, 0), 235);
  put(frame, 0, 0, 250);  // super-white survives a correction upwards ...
  const std::vector<float> clipped = frame_to_rgb(frame);
  EXPECT_EQ(get(apply_correction(frame, clipped, white, 1.0F), 0, 0), 250);
  const std::vector<float> darker(3, 0.9F);  // ... and moves down from where it is
  EXPECT_EQ(get(apply_correction(frame, clipped, darker, 1.0F), 0, 0), 228);
}

TEST(Colour, StrengthScalesTheCorrection) {
  const Frame frame = pixel(16, ColourMatrix::kBt709, ColourRange::kFull, {20000, 32768, 32768});
  const auto original = frame_to_rgb(frame);
  const std::vector<float> restored(3, original[0] + 0.2F);
  const int half = get(apply_correction(frame, original, restored, 0.5F), 0, 0);
  EXPECT_NEAR(half, 20000 + 0.1 * 65535, 2);
}

TEST(Colour, RefusesFramesThatDoNotFit) {
  EXPECT_THROW((void)colour_transform({PixelLayout::kRgb, 7, 1, 1, {}}), InputError);
  EXPECT_THROW((void)colour_transform({PixelLayout::kRgb, 17, 1, 1, {}}), InputError);
  Frame frame({PixelLayout::kRgb, 8, 2, 2, {}});
  EXPECT_THROW((void)apply_correction(frame, std::vector<float>(3), std::vector<float>(12), 1.0F),
               InputError);
  frame.data.pop_back();
  EXPECT_THROW((void)frame_to_rgb(frame), InputError);
  frame.format.width = 0;
  EXPECT_THROW((void)frame_to_rgb(frame), InputError);
}

}  // namespace
}  // namespace unblur
