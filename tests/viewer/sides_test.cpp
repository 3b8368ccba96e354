// SPDX-License-Identifier: MIT
// What the two sides can show, how they are looked at, and what is saved of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "media/image_file.h"
#include "media/rgb.h"
#include "scaled.h"
#include "viewing.h"

namespace unblur::test {
namespace {

/// Between the centres of a smaller picture's pixels, as the shaders enlarge.
double enlarged(const Frame& small, double x, double y, std::size_t channel) {
  const double qx = x - 0.5, qy = y - 0.5;
  const int ix = static_cast<int>(std::floor(qx)), iy = static_cast<int>(std::floor(qy));
  const auto at = [&](int px, int py) {
    return pixel(small, std::clamp(px, 0, small.format.width - 1),
                 std::clamp(py, 0, small.format.height - 1))[channel];
  };
  const double fx = qx - ix, fy = qy - iy;
  return (1 - fy) * ((1 - fx) * at(ix, iy) + fx * at(ix + 1, iy)) +
         fy * ((1 - fx) * at(ix, iy + 1) + fx * at(ix + 1, iy + 1));
}

/// The picture plus what the model changes of its smaller copy.
Frame corrected(const Frame& picture, int percent) {
  const Frame small = scaled(picture, percent), result = halved(small);
  Frame out = picture;
  const int w = picture.format.width, h = picture.format.height;
  for (int y = 0; y < h; ++y) {
    for (int x = 0; x < w; ++x) {
      const double sx = (x + 0.5) * small.format.width / w, sy = (y + 0.5) * small.format.height / h;
      for (std::size_t c = 0; c < 3; ++c) {
        const double change = enlarged(result, sx, sy, c) - enlarged(small, sx, sy, c);
        const double value = std::clamp(pixel(picture, x, y)[c] + change, 0.0, 255.0);
        out.data[3 * static_cast<std::size_t>(y * w + x) + c] = static_cast<std::byte>(std::lround(value));
      }
    }
  }
  return out;
}

TEST(Sides, ModelsASecondFileAndSmallerProcessingAreSavedAsTheyAre) {
  const Viewing v;
  const std::vector<Frame> frames = v.write_frames("frames", 20, 8), other = v.write_frames("other", 40, 8);
  const Outcome o =
      v.run({"frames", "--size", "1000x900", "-b", "weak.safetensors"},
            "wait 1\nkey p\nkey home\nwait 2\nexpect frame 0\nexpect weak\nkey ctrl+1\nkey ctrl+2\n"
            "click A: input\nclick Files...\nwait 1\nclick other/ as second file\nclick Files...\nkey right\n"
            "wait 2\nkey ctrl+1\nkey ctrl+2\n"
            "click B: model 1\nclick 1/2\nkey right\nwait 2\nexpect at 50 %\nkey ctrl+2\n"
            "click 3/4\nkey right\nwait 2\nexpect at 75 %\nkey ctrl+2\n"
            // A frame back against the other side, and forth again.
            "key [\nwait 1\nexpect (A -1: 2 \nkey ]\nkey {\nkey {\nwait 1\nexpect (B -2: 1 \nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  EXPECT_LE(worst(v.picture("frames-000000-a.png"), halved(frames[0])), 1);
  EXPECT_LE(worst(v.picture("frames-000000-b.png"), scaled_by(frames[0], kWeak)), 1);
  EXPECT_EQ(worst(v.picture("frames-000001-a.png"), frames[1]), 0);
  EXPECT_EQ(worst(v.picture("frames-000001-b.png"), other[1]), 0);
  EXPECT_LE(worst(v.picture("frames-000002-b.png"), corrected(frames[2], 50)), 2);
  EXPECT_LE(worst(v.picture("frames-000003-b.png"), corrected(frames[3], 75)), 2);
}

TEST(Sides, ZoomIsLinkedPixelsAreReadAndTheMirrorMirrors) {
  const Viewing v;
  const Frame still = v.write_frames("frames", 5, 1)[0];
  write_png(v / "still.png", still);
  const std::array<int, 3> a = pixel(still, 164, 93), b = pixel(halved(still), 164, 93);
  const auto three = [](const std::array<int, 3>& p) {
    return std::to_string(p[0]) + " " + std::to_string(p[1]) + " " + std::to_string(p[2]);
  };
  const Outcome o =
      v.run({"still.png", "--size", "640x180", "--view", "side"},
            "wait 1\nkey h\nwait 1\nscreenshot side.png\nclick 164 93\nwheel 13\nclick 169 98\nwait 2\n"
            "expect x 164  y 93  A " +
                three(a) + "  B " + three(b) +
                "\nscreenshot zoomed.png\nclick 489 98\nwait 2\nexpect x 164  y 93\n"
                "drag 100 100 140 100\nwait 1\nclick 169 98\nwait 1\nexpect x 162  y 93\n"
                "key z\nkey x\nwait 1\nscreenshot mirrored.png\nkey s\nwait 2\nkey ctrl+2\nquit\n");
  ASSERT_EQ(o.code, 0) << o.err;
  const auto halves = [&v](const std::string& name) {
    const Frame whole = v.picture(name);
    return std::pair(columns(whole, 0, 320), columns(whole, 320, 640));
  };
  const auto [left, right] = halves("side.png");
  EXPECT_EQ(worst(left, still), 0);
  EXPECT_LE(worst(right, halved(still)), 1);
  const auto [near_a, near_b] = halves("zoomed.png");
  const double zoom = std::pow(1.25, 13);
  for (const int x : {3, 100, 250}) {
    for (const int y : {2, 40, 80}) {  // what lies under the mouse is below
      const int px = static_cast<int>(std::floor(164 + (x + 0.5 - 164) / zoom)),
                py = static_cast<int>(std::floor(93 + (y + 0.5 - 93) / zoom));
      EXPECT_EQ(pixel(near_a, x, y), pixel(still, px, py)) << x << ' ' << y;
      for (std::size_t c = 0; c < 3; ++c)
        EXPECT_NEAR(pixel(near_b, x, y)[c], pixel(still, px, py)[c] / 2.0, 1) << x << ' ' << y;
    }
  }
  const auto [mirrored, mirrored_b] = halves("mirrored.png");
  int most = 0;
  for (int y = 0; y < 80; ++y) {
    for (int x = 0; x < 320; ++x)
      most = std::max(most, std::abs(pixel(mirrored, x, y)[1] - pixel(still, 319 - x, y)[1]));
  }
  EXPECT_EQ(most, 0);
  EXPECT_LE(worst(v.picture("still-000000-b.png"), corrected(still, 75)), 2)
      << "a picture that stands still is computed again";
}

TEST(Sides, TheReferenceOrWhyThereIsNone) {
  const Viewing v;
  const Frame still = v.write_frames("frames", 5, 1)[0];
  std::string script = "wait 1\nclick A: LibTorch\nwait 2\n";
#ifndef UNBLUR_WITH_TORCH
  script += "expect the LibTorch executor\n";  // and the side stays as it was
#endif
  const Outcome o =
      v.run({"frames", "--size", "1000x900"}, script + "key ctrl+1\nquit\n", {{"OMP_NUM_THREADS", "1"}});
  ASSERT_EQ(o.code, 0) << o.err;
  const Frame saved = v.picture("frames-000000-a.png");
#ifdef UNBLUR_WITH_TORCH
  EXPECT_LE(worst(saved, halved(still)), 1);
#else
  EXPECT_EQ(worst(saved, still), 0);
#endif
}

}  // namespace
}  // namespace unblur::test
