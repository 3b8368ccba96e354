// SPDX-License-Identifier: MIT
// PSNR and SSIM against test vectors: numbers of a separate float64 implementation in NumPy that weights
// every 11x11 window by the two-dimensional Gaussian and takes variances about the window's own mean.
#include "media/metrics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "graph/error.h"

namespace unblur {
namespace {

constexpr int kWidth = 31, kHeight = 24;

struct Picture {
  std::vector<std::uint8_t> bytes;
  [[nodiscard]] Picture8 view() const { return {.data = bytes.data(), .width = kWidth, .height = kHeight}; }
};

Picture picture(const std::function<int(int x, int y, int c)>& value) {
  Picture p;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      for (int c = 0; c < 3; ++c)
        p.bytes.push_back(static_cast<std::uint8_t>(std::clamp(value(x, y, c), 0, 255)));
    }
  }
  return p;
}

int base(int x, int y, int c) { return (3 * x * x + 7 * y + 40 * c + x * y) % 256; }
int noisy(int x, int y, int c) { return base(x, y, c) + (5 * x + 3 * y + 11 * c) % 23 - 11; }
int smeared(int x, int y, int c) { return (base(x, y, c) + base((x + kWidth - 1) % kWidth, y, c)) / 2; }
int brighter(int x, int y, int c) { return base(x, y, c) + 20; }

TEST(Metrics, TestVectors) {
  struct Vector {
    int (*value)(int, int, int);
    int border;
    double ssim, psnr;
  };
  const Picture reference = picture(base);
  for (const Vector& v : {Vector{noisy, 0, 0.9960947413343856, 31.83347501637957},
                          Vector{smeared, 0, 0.5126718798394679, 13.089909015268447},
                          Vector{brighter, 0, 0.9892068798939007, 22.347785819046628},
                          Vector{noisy, 4, 0.9961478007179531, 31.82862586425124},
                          Vector{smeared, 4, 0.4801281606452279, 12.665636256587574},
                          Vector{brighter, 4, 0.989366992085023, 22.3683815023918}}) {
    const Picture other = picture(v.value);
    EXPECT_NEAR(ssim(reference.view(), other.view(), v.border), v.ssim, 1e-10);
    EXPECT_NEAR(ssim(other.view(), reference.view(), v.border), v.ssim, 1e-10);
    EXPECT_NEAR(squared_error(reference.view(), other.view(), v.border).psnr(), v.psnr, 1e-10);
  }
}

TEST(Metrics, EqualPictures) {
  const Picture reference = picture(base);
  EXPECT_NEAR(ssim(reference.view(), reference.view()), 1, 1e-12);
  EXPECT_TRUE(std::isinf(squared_error(reference.view(), reference.view()).psnr()));
  EXPECT_TRUE(std::isnan(SquaredError{}.psnr()));
}

TEST(Metrics, PicturesThatCannotBeComparedAreRefused) {
  const Picture reference = picture(base);
  Picture8 narrow = reference.view();
  narrow.width = kWidth - 1;
  EXPECT_THROW((void)squared_error(reference.view(), narrow), InputError);
  EXPECT_THROW((void)ssim(reference.view(), reference.view(), 7), InputError);  // ten rows are left
  EXPECT_GT(ssim(reference.view(), reference.view(), 6), 0.99);
  EXPECT_THROW((void)squared_error(reference.view(), reference.view(), 12), InputError);
}

}  // namespace
}  // namespace unblur
