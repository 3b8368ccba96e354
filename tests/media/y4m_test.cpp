// SPDX-License-Identifier: MIT
#include "media/y4m.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "graph/error.h"
#include "scratch.h"

namespace unblur::test {
namespace {

TEST(Y4m, EveryFormatComesBackBitForBit) {
  const Scratch folder;
  for (const PixelLayout layout :
       {PixelLayout::kGrey, PixelLayout::kYuv420, PixelLayout::kYuv422, PixelLayout::kYuv444}) {
    for (const int bits : {8, 10, 12, 16}) {
      for (const ColourRange range : {ColourRange::kLimited, ColourRange::kFull}) {
        StreamInfo info;
        info.format = {layout, bits, 35, 23, {range, ColourMatrix::kBt601, ChromaLocation::kLeft}};
        info.frame_rate = {30000, 1001};
        info.sample_aspect = {4, 3};
        const std::string path = folder / "clip.y4m";
        std::filesystem::remove(path);
        {
          Y4mSink sink(path, info);
          for (int i = 0; i < 3; ++i) sink.write({gradients(info.format, i), i, i, 1, {}});
          EXPECT_FALSE(std::filesystem::exists(path)) << "the name appears with the last frame";
          sink.finish();
        }
        const auto source = Y4mSource::open(path);
        EXPECT_EQ(source->info().format, info.format) << y4m_header(info);
        EXPECT_EQ(source->info().frame_rate, info.frame_rate);
        EXPECT_EQ(source->info().time_base, (Rational{1001, 30000}));
        EXPECT_EQ(source->info().sample_aspect, info.sample_aspect);
        TimedFrame f;
        for (int i = 0; i < 3; ++i) {
          ASSERT_TRUE(source->read(f));
          EXPECT_EQ(f.pts, i);
          EXPECT_EQ(f.frame.data, gradients(info.format, i).data);
        }
        EXPECT_FALSE(source->read(f));
      }
    }
  }
}

TEST(Y4m, PartialOutputKeepsItsPartialName) {
  const Scratch folder;
  StreamInfo info;
  info.format = {PixelLayout::kYuv420, 8, 16, 16, {}};
  Y4mSink sink(folder / "a.y4m", info);
  sink.write({gradients(info.format), 0, 0, 1, {}});
  sink.close_partial();
  EXPECT_FALSE(std::filesystem::exists(folder / "a.y4m"));
  TimedFrame f;
  EXPECT_TRUE(Y4mSource::open(folder / "a.y4m.part")->read(f));
}

TEST(Y4m, RgbIsRefused) {
  StreamInfo info;
  info.format = {PixelLayout::kRgb, 8, 16, 16, {}};
  EXPECT_THROW((void)y4m_header(info), UsageError);
}

TEST(Y4mHeader, WhatIsLeftOutHasItsUsualMeaning) {
  const StreamInfo small = parse_y4m_header("YUV4MPEG2 W640 H480");
  EXPECT_EQ(small.format.layout, PixelLayout::kYuv420);
  EXPECT_EQ(small.format.colour.range, ColourRange::kLimited);
  EXPECT_EQ(small.format.colour.matrix, ColourMatrix::kBt601);
  EXPECT_EQ(small.frame_rate, (Rational{25, 1}));
  const StreamInfo large = parse_y4m_header("YUV4MPEG2 W1280 H720 F0:0 A0:0 Ip C420jpeg XYSCSS=420JPEG");
  EXPECT_EQ(large.format.colour.matrix, ColourMatrix::kBt709);
  EXPECT_EQ(large.format.colour.chroma, ChromaLocation::kCentre);
  EXPECT_EQ(large.sample_aspect, (Rational{1, 1}));
}

TEST(Y4mHeader, NonsenseIsAnInputError) {
  for (const char* line :
       {"", "YUV4MPEG", "YUV4MPEG2", "YUV4MPEG2 W16", "YUV4MPEG2 W0 H16", "YUV4MPEG2 W-4 H16",
        "YUV4MPEG2 W16x H16", "YUV4MPEG2 W99999999999 H16", "YUV4MPEG2 W16 H16 C999", "YUV4MPEG2 W16 H16 F25",
        "YUV4MPEG2 W16 H16 F-1:1", "YUV4MPEG2 W32768 H32768 C444p16"}) {
    EXPECT_THROW((void)parse_y4m_header(line), InputError) << line;
  }
}

TEST(Y4m, DamageNamesTheFrame) {
  const Scratch folder;
  StreamInfo info;
  info.format = {PixelLayout::kGrey, 8, 8, 8, {}};
  info.format.colour.range = ColourRange::kLimited;
  const std::string good = y4m_header(info) + "FRAME\n" + std::string(64, 'a');
  const auto message = [&](const std::string& bytes) -> std::string {
    std::ofstream(folder / "a.y4m", std::ios::binary) << bytes;
    try {
      const auto source = Y4mSource::open(folder / "a.y4m");
      TimedFrame f;
      while (source->read(f)) {
      }
      return "";
    } catch (const InputError& e) {
      return e.what();
    }
  };
  EXPECT_EQ(message(good), "");
  EXPECT_EQ(message(good + "FRAME Ip\n" + std::string(64, 'a')), "");
  EXPECT_NE(message(good + "FRAME\nxyz").find("cut off inside frame 1 (3 of 64 bytes)"), std::string::npos);
  EXPECT_NE(message(good + "FRAMES\n").find("frame 1 does not start with FRAME"), std::string::npos);
  EXPECT_NE(message(std::string(3000, 'Y')).find("1024"), std::string::npos);
  EXPECT_NE(message("").find("empty"), std::string::npos);
}

}  // namespace
}  // namespace unblur::test
