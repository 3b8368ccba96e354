// SPDX-License-Identifier: MIT
#include "drawing/field.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "drawing/statistics.h"
#include "fields.h"
#include "graph/error.h"

namespace unblur {
namespace {

TEST(TrajectoryField, ContentMovesAgainstTheGatherOffset) {
  // S = (dy 3, dx -2), E = (dy -5, dx 4), quad: o(1/2) = E * 3/8 - S / 8.
  const TrajectoryField field({.mode = "quad", .points = 5, .directed = true}, {4, 1, 1}, {3, -2, -5, 4});
  EXPECT_EQ(field.at(0, 0, 0), (Motion{2, -3}));
  EXPECT_EQ(field.at(0, 0, 2), (Motion{0, 0}));
  EXPECT_EQ(field.at(0, 0, 4), (Motion{-4, 5}));
  EXPECT_EQ(field.whole(0, 0), (Motion{-6, 8}));
  const Motion half = field.at(0, 0, 3);
  EXPECT_FLOAT_EQ(half.dx, -(4 * 0.375F + 2 * 0.125F));
  EXPECT_FLOAT_EQ(half.dy, -(-5 * 0.375F - 3 * 0.125F));
  EXPECT_EQ(std::vector<float>(field.times().begin(), field.times().end()),
            (std::vector<float>{-1, -0.5F, 0, 0.5F, 1}));
}

TEST(TrajectoryField, LengthFollowsThePath) {
  const TrajectoryField bent({.mode = "bilin", .points = 15, .directed = false}, {4, 1, 1}, {3, 4, 0, -12});
  EXPECT_NEAR(bent.length(0, 0), 5 + 12, 1e-4);
  const TrajectoryField straight({.mode = "lin", .points = 15, .directed = false}, {2, 1, 1}, {3, 4});
  EXPECT_NEAR(straight.length(0, 0), 10, 1e-4);
  EXPECT_EQ(straight.whole(0, 0), (Motion{8, 6}));
}

TEST(TrajectoryField, RefusesWhatDoesNotFit) {
  EXPECT_THROW(TrajectoryField({.mode = "lin"}, {4, 1, 1}, {1, 2, 3, 4}), ModelError);
  EXPECT_THROW(TrajectoryField({.mode = "quad"}, {4, 1, 1}, {1, 2, 3}), ModelError);
  EXPECT_THROW(TrajectoryField({.mode = "quad"}, {4, 1, 1}, {1, 2, 3, NAN}), ModelError);
}

TEST(GatherAt, MovesContentForwardAndIsZeroOutside) {
  const int w = 8, h = 4;
  std::vector<float> sharp(3 * w * h);
  for (std::size_t i = 0; i < sharp.size(); ++i) sharp[i] = static_cast<float>(i % 7 + 1) / 8;
  const TrajectoryField field = test::constant_field(w, h, true, {4, -2});
  EXPECT_EQ(gather_at(sharp, field, 0), sharp);
  const std::vector<float> end = gather_at(sharp, field, 1), between = gather_at(sharp, field, 0.25);
  const auto value = [&](const std::vector<float>& p, int c, int x, int y) {
    return x < 0 || x >= w || y < 0 || y >= h ? 0.0F : p[static_cast<std::size_t>((c * h + y) * w + x)];
  };
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        EXPECT_EQ(value(end, c, x, y), value(sharp, c, x - 2, y + 1));  // content went right and up
        // A quarter of half the motion: 0.5 px right, 0.25 px up.
        const float want = 0.75F * (value(sharp, c, x - 1, y) + value(sharp, c, x, y)) / 2 +
                           0.25F * (value(sharp, c, x - 1, y + 1) + value(sharp, c, x, y + 1)) / 2;
        EXPECT_NEAR(value(between, c, x, y), want, 1e-6);
      }
    }
  }
}

TEST(Numbers, HoldContentMotionInOrderOfTime) {
  const TrajectoryField field = test::constant_field(3, 2, true, {6, -2});
  const SafeTensors numbers = trajectory_numbers(field);
  const Tensor& t = numbers.tensors.at("trajectory");
  EXPECT_EQ(t.dims, (Dims{15, 2, 2, 3}));
  for (std::size_t k = 0; k < 15; ++k) {
    EXPECT_NEAR(t.f32()[k * 12], 3 * field.times()[k], 1e-5);        // dx
    EXPECT_NEAR(t.f32()[k * 12 + 11], -1 * field.times()[k], 1e-5);  // dy
  }
  EXPECT_EQ(numbers.tensors.at("time").to_floats(),
            std::vector<float>(field.times().begin(), field.times().end()));
  EXPECT_EQ(numbers.tensors.at("control").dims, (Dims{1, 4, 2, 3}));
  EXPECT_EQ(numbers.metadata.at("directed"), "true");

  const std::vector<std::byte> flow = flo_file(field, 14);
  ASSERT_EQ(flow.size(), 12 + 8 * 6U);
  float tag = 0, pair[2];
  std::int32_t size[2];
  std::memcpy(&tag, flow.data(), 4);
  std::memcpy(size, flow.data() + 4, 8);
  std::memcpy(pair, flow.data() + 12 + 8 * 5, 8);
  EXPECT_EQ(tag, 202021.25F);
  EXPECT_EQ(size[0], 3);
  EXPECT_EQ(size[1], 2);
  EXPECT_EQ(pair[0], 3);
  EXPECT_EQ(pair[1], -1);
}

TEST(BlurStatistics, TellLengthsAndDirection) {
  BlurStatistics s;
  EXPECT_EQ(s.percentile(0.5), 0);
  EXPECT_FALSE(s.main_direction());
  // A quarter stands still, the rest moves down by 10 px.
  s.add(test::straight_field(40, 40, true, [](int x, int) { return Motion{0, x < 10 ? 0.0F : 10.0F}; }));
  EXPECT_EQ(s.count(), 1600);
  EXPECT_NEAR(s.percentile(0.2), 0, 0.07);
  EXPECT_NEAR(s.percentile(0.5), 10, 0.07);
  EXPECT_NEAR(s.percentile(0.95), 10, 0.07);
  EXPECT_NEAR(s.share_above(2), 0.75, 1e-9);
  EXPECT_NEAR(*s.main_direction(), 90, 1e-3);

  // Opposite motions cancel where direction is known, and are one axis where it is not.
  const auto both_ways = [](int x, int) { return x % 2 == 0 ? Motion{-6, 0} : Motion{6, 0}; };
  BlurStatistics directed, undirected;
  directed.add(test::straight_field(40, 40, true, both_ways));
  undirected.add(test::straight_field(40, 40, false, both_ways));
  EXPECT_FALSE(directed.main_direction());
  EXPECT_NEAR(*undirected.main_direction(), 0, 1e-3);
  BlurStatistics up;
  up.add(test::constant_field(40, 40, true, {0, -3}));
  EXPECT_NEAR(*up.main_direction(), 270, 1e-3);
}

TEST(FullScale, IsRoundAndNeverBelow) {
  EXPECT_EQ(full_scale(0), 2);
  EXPECT_EQ(full_scale(-1), 2);
  EXPECT_EQ(full_scale(6), 6);
  EXPECT_EQ(full_scale(6.1), 8);
  EXPECT_EQ(full_scale(8.5), 10);
  EXPECT_EQ(full_scale(13), 15);
  EXPECT_EQ(full_scale(81), 100);
}

}  // namespace
}  // namespace unblur
