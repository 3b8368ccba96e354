// SPDX-License-Identifier: MIT
// PNG and JPEG, and folders of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "graph/error.h"
#include "media/image_file.h"
#include "media/image_sequence.h"
#include "media/metrics.h"
#include "media/rgb.h"
#include "scratch.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

FrameFormat format_of(PixelLayout layout, int bits) { return {layout, bits, 37, 21, {}}; }

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Png, EightAndSixteenBitsComeBackBitForBit) {
  const Scratch folder;
  for (const PixelLayout layout : {PixelLayout::kRgb, PixelLayout::kGrey}) {
    for (const int bits : {8, 16}) {
      const Frame frame = gradients(format_of(layout, bits));
      write_png(folder / "a.png", frame);
      const Image back = read_image(folder / "a.png");
      EXPECT_EQ(back.frame.format, frame.format);
      EXPECT_EQ(back.frame.data, frame.data);
      EXPECT_TRUE(back.alpha.empty());
    }
  }
}

TEST(Png, OddDepthsAreWidenedToTheFullScale) {
  const Scratch folder;
  Frame frame(format_of(PixelLayout::kGrey, 10));
  set_sample(frame, 0, 0, 1023);
  set_sample(frame, 0, 1, 512);
  write_png(folder / "a.png", frame);
  const Image back = read_image(folder / "a.png");
  EXPECT_EQ(back.frame.format.bit_depth, 16);
  EXPECT_EQ(sample(back.frame, 0, 0), 65535);
  EXPECT_NEAR(sample(back.frame, 0, 1), 512 * 65535.0 / 1023.0, 0.51);
}

TEST(Png, PaletteWithTransparencyBecomesRgbAndAlpha) {
  // 2x1, one bit per pixel: opaque red, transparent blue.
  constexpr unsigned char kFile[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
      0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x01, 0x03, 0x00, 0x00, 0x00, 0xce, 0xec, 0xed, 0xc9, 0x00,
      0x00, 0x00, 0x06, 0x50, 0x4c, 0x54, 0x45, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0x6c, 0xa1, 0xfd, 0x8e,
      0x00, 0x00, 0x00, 0x02, 0x74, 0x52, 0x4e, 0x53, 0xff, 0x00, 0xe5, 0xb7, 0x30, 0x4a, 0x00, 0x00, 0x00,
      0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x70, 0x00, 0x00, 0x00, 0x42, 0x00, 0x41, 0x84, 0xbf,
      0x8e, 0x62, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  const Image image = decode_image(std::as_bytes(std::span(kFile)), "palette");
  EXPECT_EQ(image.frame.format.layout, PixelLayout::kRgb);
  const std::vector<std::byte> expected{std::byte{255}, {}, {}, {}, {}, std::byte{255}};
  EXPECT_EQ(image.frame.data, expected);
  EXPECT_EQ(image.alpha, (std::vector<std::uint8_t>{255, 0}));
}

TEST(Png, HugeHeaderIsRefusedBeforeAllocation) {
  // A header of 2147418112 x 2 pixels with correct checksums.
  constexpr unsigned char kFile[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x7f,
      0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x08, 0x02, 0x00, 0x00, 0x00, 0x52, 0xbc, 0x92, 0x9a, 0x00,
      0x00, 0x00, 0x09, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x5e,
      0xff, 0x7d, 0xf9, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  EXPECT_THROW(static_cast<void>(decode_image(std::as_bytes(std::span(kFile)), "huge")), InputError);
}

TEST(Jpeg, IsReadBackCloseToWhatWasWritten) {
  const Scratch folder;
  FrameFormat format = format_of(PixelLayout::kRgb, 8);
  Frame frame(format);
  for (int y = 0; y < format.height; ++y) {
    for (int x = 0; x < format.width; ++x) {
      for (int c = 0; c < 3; ++c)
        set_sample(frame, 0, 3 * (y * format.width + x) + c, 40 + 3 * x + 2 * y + 20 * c);
    }
  }
  write_picture(folder / "a.jpg", frame);
  const Image back = read_image(folder / "a.jpg");
  ASSERT_EQ(back.frame.format, format);
  const auto view = [](const Frame& f) {
    return Picture8{reinterpret_cast<const std::uint8_t*>(f.data.data()), f.format.width, f.format.height, 3};
  };
  EXPECT_GT(squared_error(view(frame), view(back.frame)).psnr(), 38);
}

TEST(Pictures, CutShortOrNoPictureIsAnInputError) {
  const Scratch folder;
  const Frame frame = gradients(format_of(PixelLayout::kRgb, 8));
  write_picture(folder / "a.png", frame);
  write_picture(folder / "a.jpg", frame);
  for (const std::string name : {"a.png", "a.jpg"}) {
    const std::string bytes = slurp(folder / name);
    const std::size_t step = 1 + bytes.size() / 60;
    for (std::size_t missing = 5; missing < bytes.size() + step; missing += step) {  // the last file is empty
      const std::size_t length = bytes.size() - std::min(missing, bytes.size());
      std::ofstream(folder / ("cut-" + name), std::ios::binary) << bytes.substr(0, length);
      EXPECT_THROW((void)read_image(folder / ("cut-" + name)), InputError) << name << " " << length;
    }
  }
  std::ofstream(folder / "text.jpg") << "this is no picture at all";
  EXPECT_THROW((void)read_image(folder / "text.jpg"), InputError);
  EXPECT_THROW((void)read_image(folder / "absent.png"), InputError);
  EXPECT_THROW((void)read_image(folder / ""), InputError);
  EXPECT_THROW(write_picture(folder / "a.bmp", frame), UsageError);
  EXPECT_THROW(write_picture(folder / "no/such/folder/a.png", frame), ProcessingError);
}

TEST(Rotation, FourQuarterTurnsAreNone) {
  Frame frame = gradients(format_of(PixelLayout::kRgb, 8));
  const Frame quarter = rotated(frame, 90);
  EXPECT_EQ(quarter.format.width, frame.format.height);
  // Clockwise: the top left corner goes to the top right.
  EXPECT_EQ(quarter.data[static_cast<std::size_t>(3 * (quarter.format.width - 1))], frame.data[0]);
  EXPECT_EQ(rotated(quarter, 270).data, frame.data);
  EXPECT_EQ(rotated(rotated(frame, 180), 180).data, frame.data);
}

TEST(Sequence, NumbersCountAsNumbers) {
  EXPECT_TRUE(natural_less("frame2.png", "frame10.png"));
  EXPECT_FALSE(natural_less("frame10.png", "frame2.png"));
  EXPECT_TRUE(natural_less("a1b20", "a1b100"));
  EXPECT_FALSE(natural_less("same", "same"));
}

TEST(Sequence, AFolderKeepsItsNamesAndOrder) {
  const Scratch folder;
  fs::create_directory(folder / "in");
  fs::create_directory(folder / "empty");
  for (const int n : {10, 9, 100}) {
    write_png(folder / ("in/f" + std::to_string(n) + ".png"), gradients(format_of(PixelLayout::kRgb, 8), n));
  }
  std::ofstream(folder / "in/notes.txt") << "no picture";
  PictureSource source(folder / "in");
  EXPECT_EQ(source.info().frames, 3);
  PictureSink sink(folder / "out", PictureSink::Names::kFolder, true);
  TimedFrame f;
  for (const int n : {9, 10, 100}) {
    ASSERT_TRUE(source.read(f));
    EXPECT_EQ(f.name, "f" + std::to_string(n) + ".png");
    EXPECT_EQ(f.frame.data, gradients(format_of(PixelLayout::kRgb, 8), n).data);
    sink.write(f);
  }
  EXPECT_FALSE(source.read(f));
  sink.finish();
  EXPECT_EQ(slurp(folder / "out/f100.png"), slurp(folder / "in/f100.png"));
  EXPECT_THROW(PictureSource(folder / "empty"), InputError);
}

TEST(Sequence, PatternsNumberFromZeroAndMayKeepWhatExists) {
  const Scratch folder;
  EXPECT_TRUE(is_pattern("out/%06d.png"));
  EXPECT_FALSE(is_pattern("out/100%.png"));
  const Frame frame = gradients(format_of(PixelLayout::kRgb, 8));
  fs::create_directory(folder / "out");
  std::ofstream(folder / "out/f001.png") << "precious";
  PictureSink sink(folder / "out/f%03d.png", PictureSink::Names::kPattern, false);
  for (int i = 0; i < 3; ++i) sink.write({frame, i, i, 1, {}});
  EXPECT_EQ(sink.kept(), 1);
  EXPECT_EQ(slurp(folder / "out/f001.png"), "precious");
  EXPECT_EQ(read_image(folder / "out/f002.png").frame.data, frame.data);
}

}  // namespace
}  // namespace unblur::test
