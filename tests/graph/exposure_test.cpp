// SPDX-License-Identifier: MIT
// The closed form of exposure paths and the order in which their time points are stored.
#include "graph/exposure.h"

#include <gtest/gtest.h>

#include "graph/error.h"

namespace unblur {
namespace {

TEST(Exposure, StoredOrderIsNotChronological) {
  EXPECT_EQ(stored_times(3), (std::vector<float>{-1, 0, 1}));
  EXPECT_EQ(stored_times(9), (std::vector<float>{-1, -0.25F, -0.5F, -0.75F, 0, 0.25F, 0.5F, 0.75F, 1}));
  EXPECT_EQ(chronological_order(3), (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(chronological_order(15), (std::vector<int>{0, 6, 5, 4, 3, 2, 1, 7, 8, 9, 10, 11, 12, 13, 14}));
  for (const int points : {3, 5, 15, 31}) {
    const std::vector<float> times = stored_times(points);
    float before = -2.0F;
    for (const int n : chronological_order(points)) {
      EXPECT_GT(times[static_cast<std::size_t>(n)], before);
      before = times[static_cast<std::size_t>(n)];
    }
  }
  for (const int points : {-3, 0, 1, 2, 14, 257}) {
    EXPECT_THROW((void)stored_times(points), UsageError);
    EXPECT_THROW((void)chronological_order(points), UsageError);
  }
}

TEST(Exposure, PathsPassThroughTheirControlPoints) {
  const Offset start{-3, 5}, end{4, -2};
  const auto expect = [](Offset o, float dy, float dx) {
    EXPECT_FLOAT_EQ(o.dy, dy);
    EXPECT_FLOAT_EQ(o.dx, dx);
  };
  for (const char* mode : {"quad", "bilin"}) {
    expect(offset_at(path_weights(mode, -1), start, end), -3, 5);
    expect(offset_at(path_weights(mode, 0), start, end), 0, 0);
    expect(offset_at(path_weights(mode, 1), start, end), 4, -2);
  }
  expect(offset_at(path_weights("quad", 0.5), start, end), 0.375F * 4 + 0.125F * 3, -0.375F * 2 - 0.125F * 5);
  expect(offset_at(path_weights("bilin", 0.5), start, end), 2, -1);
  expect(offset_at(path_weights("bilin", -0.5), start, end), -1.5F, 2.5F);
  expect(offset_at(path_weights("lin", -1), start, {}), -3, 5);
  expect(offset_at(path_weights("lin", 0.5), start, {}), 1.5F, -2.5F);
  EXPECT_THROW((void)path_weights("cubic", 0), UsageError);
}

}  // namespace
}  // namespace unblur
