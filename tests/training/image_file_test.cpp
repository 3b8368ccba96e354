// SPDX-License-Identifier: MIT
#include "media/image_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "graph/error.h"

namespace unblur {
namespace {

class ImageFile : public testing::Test {
 protected:
  ImageFile()
      : folder_(std::filesystem::temp_directory_path() / ("unblur_image_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~ImageFile() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

Frame pattern(PixelLayout layout, int bits, int width, int height) {
  FrameFormat format;
  format.layout = layout;
  format.bit_depth = bits;
  format.width = width;
  format.height = height;
  Frame frame(format);
  for (std::size_t i = 0; i < frame.data.size(); ++i) frame.data[i] = static_cast<std::byte>(i * 37 + i / 7);
  return frame;
}

std::vector<std::byte> bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

TEST_F(ImageFile, PngComesBackBitExact) {
  for (const PixelLayout layout : {PixelLayout::kRgb, PixelLayout::kGrey}) {
    for (const int bits : {8, 16}) {
      const Frame frame = pattern(layout, bits, 37, 21);
      write_png(folder_ / "a.png", frame);
      const Image back = read_image(folder_ / "a.png");
      EXPECT_EQ(back.frame.format, frame.format);
      EXPECT_EQ(back.frame.data, frame.data);
      EXPECT_TRUE(back.alpha.empty());
    }
  }
}

TEST_F(ImageFile, TenBitsAreWidened) {
  Frame frame = pattern(PixelLayout::kGrey, 10, 2, 1);
  auto* samples = reinterpret_cast<std::uint16_t*>(frame.data.data());
  samples[0] = 0;
  samples[1] = 1023;
  write_png(folder_ / "a.png", frame);
  const Image back = read_image(folder_ / "a.png");
  EXPECT_EQ(back.frame.format.bit_depth, 16);
  EXPECT_EQ(reinterpret_cast<const std::uint16_t*>(back.frame.data.data())[1], 65535);
}

TEST_F(ImageFile, PaletteWithTransparencyBecomesRgbAndAlpha) {
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

TEST_F(ImageFile, EveryTruncationIsAnInputError) {
  write_png(folder_ / "a.png", pattern(PixelLayout::kRgb, 8, 40, 40));
  const std::vector<std::byte> all = bytes_of(folder_ / "a.png");
  for (std::size_t size = 0; size + 12 < all.size(); size += 97) {
    EXPECT_THROW(static_cast<void>(decode_image(std::span(all).first(size), "cut")), InputError) << size;
  }
}

TEST_F(ImageFile, HugeHeaderIsRefusedBeforeAllocation) {
  // A header of 2147418112 x 2 pixels with correct checksums.
  constexpr unsigned char kFile[] = {
      0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x7f,
      0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x08, 0x02, 0x00, 0x00, 0x00, 0x52, 0xbc, 0x92, 0x9a, 0x00,
      0x00, 0x00, 0x09, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x5e,
      0xff, 0x7d, 0xf9, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};
  EXPECT_THROW(static_cast<void>(decode_image(std::as_bytes(std::span(kFile)), "huge")), InputError);
}

TEST_F(ImageFile, AbsentEmptyAndForeignFilesAreInputErrors) {
  EXPECT_THROW(static_cast<void>(read_image(folder_ / "none.png")), InputError);
  EXPECT_THROW(static_cast<void>(read_image(folder_)), InputError);
  std::ofstream(folder_ / "empty.png").close();
  EXPECT_THROW(static_cast<void>(read_image(folder_ / "empty.png")), InputError);
  std::ofstream(folder_ / "text.jpg") << "this is no picture at all";
  EXPECT_THROW(static_cast<void>(read_image(folder_ / "text.jpg")), InputError);
}

TEST_F(ImageFile, UnwritablePlaceIsAProcessingError) {
  EXPECT_THROW(write_png(folder_ / "no" / "a.png", pattern(PixelLayout::kRgb, 8, 4, 4)), ProcessingError);
}

}  // namespace
}  // namespace unblur
