// SPDX-License-Identifier: MIT
#include "vulkan/selftest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "fixture.h"

namespace unblur::vk {
namespace {

TEST(SelftestTest, PassesAndNamesWhatItSkips) {
  const std::vector<SelftestResult> results = selftest(test::device(), test::pipelines());
  for (const SelftestResult& r : results) {
    EXPECT_FALSE(r.failed()) << r.kernel << ' ' << r.storage << ' ' << r.operation << ": " << r.error
                             << " above " << r.tolerance;
    if (!r.skipped.empty()) GTEST_LOG_(INFO) << r.kernel << ' ' << r.storage << " skipped: " << r.skipped;
  }
  EXPECT_GE(std::ranges::count_if(results, &SelftestResult::passed), 30)
      << "14 operators and a convolution, twice";
}

TEST(SelftestTest, SeesADisturbedResult) {
  for (const SelftestResult& r : selftest(test::device(), test::pipelines(), "warp")) {
    EXPECT_EQ(r.failed(), r.kernel == "warp") << r.kernel;
  }
}

}  // namespace
}  // namespace unblur::vk
