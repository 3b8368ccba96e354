// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "clip_plan.h"
#include "graph/error.h"
#include "test_photos.h"

namespace unblur {
namespace {

TEST(Rng, DependsOnlyOnSeedIndexAndStream) {
  CounterRng a(1, 2, 3), b(1, 2, 3);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(a.next(), b.next());
  std::set<std::uint64_t> firsts;
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    for (std::uint64_t index = 0; index < 4; ++index) {
      for (std::uint64_t stream = 0; stream < 4; ++stream)
        firsts.insert(CounterRng(seed, index, stream).next());
    }
  }
  EXPECT_EQ(firsts.size(), 64U);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  CounterRng rng(5, 0, 0);
  constexpr int kCount = 20000;
  double sum = 0, square = 0, uniform = 0;
  for (int i = 0; i < kCount; ++i) {
    const double n = rng.normal();
    sum += n;
    square += n * n;
    uniform += rng.uniform(2, 4);
  }
  EXPECT_NEAR(sum / kCount, 0, 0.03);
  EXPECT_NEAR(square / kCount, 1, 0.05);
  EXPECT_NEAR(uniform / kCount, 3, 0.02);
}

TEST(Photos, GlobMatchesRunsAndSingleCharacters) {
  EXPECT_TRUE(glob_matches("mate_*", "mate_Dune.jpg"));
  EXPECT_TRUE(glob_matches("*/plasma_*.jpg", "debian/plasma_Path.jpg"));
  EXPECT_TRUE(glob_matches("a?c", "abc"));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_FALSE(glob_matches("mate_*", "the_mate_Dune.jpg"));
  EXPECT_FALSE(glob_matches("a?c", "ac"));
}

TEST(Photos, SplitFollowsTheHashOfTheFileName) {
  EXPECT_EQ(fnv1a64(""), 0xcbf29ce484222325ULL);
  EXPECT_EQ(fnv1a64("a"), 0xaf63dc4c8601ec8cULL);  // published test vector
  EXPECT_TRUE(is_validation_name("28d24b9c83de.jpg"));
  EXPECT_FALSE(is_validation_name("seeding_by_Clements_Engelhardt.jpg"));
}

TEST(Photos, AbsentFolderIsAnInputError) {
  PhotoOptions options;
  options.folders = {"/nonexistent/folder"};
  EXPECT_THROW(PhotoLibrary{options}, InputError);
}

TEST(Photos, SoftCropsAreRejected) {
  Photo half = wave_photo(400, 400, 1);
  for (int y = 0; y < 400; ++y) {  // left half flat
    for (int x = 0; x < 200 * 3; ++x) half.rgb[static_cast<std::size_t>(y * 400 * 3 + x)] = 90;
  }
  std::vector<Photo> photos{half};
  const PhotoLibrary library(std::move(photos), 0.2);
  CounterRng rng(1, 1, 1);
  for (int i = 0; i < 100; ++i) {
    const PhotoCrop crop = library.draw_crop(rng, 96, 96);
    EXPECT_GT(crop.x + crop.width, 192) << "a flat crop passed";  // energy is known per cell of 32 px
  }
}

TEST(Motion, InverseUndoesAMap) {
  const Mat3 m{1.1, 0.2, 5, -0.1, 0.9, -7, 1e-4, -2e-4, 1};
  const Point p = map_point(inverse(m), map_point(m, {12, 34}));
  EXPECT_NEAR(p.x, 12, 1e-9);
  EXPECT_NEAR(p.y, 34, 1e-9);
}

TEST(Plan, SameIndexGivesTheSamePlan) {
  const PhotoLibrary photos = wave_library();
  SynthesisOptions options;
  for (std::uint64_t index = 0; index < 8; ++index) {
    const ClipPlan a = draw_plan(options, photos, 3, index), b = draw_plan(options, photos, 3, index);
    EXPECT_EQ(a.blur_length, b.blur_length);
    ASSERT_EQ(a.layers.size(), b.layers.size());
    EXPECT_EQ(a.layers[0].motion.at(0.37), b.layers[0].motion.at(0.37));
  }
  EXPECT_NE(draw_plan(options, photos, 3, 0).layers[0].motion.at(0.3),
            draw_plan(options, photos, 4, 0).layers[0].motion.at(0.3));
}

TEST(Plan, SharesOfStillAndRepeatedClipsAreAsAsked) {
  const PhotoLibrary photos = wave_library();
  SynthesisOptions options;
  options.frames = 3;
  options.max_layers = 0;
  int still = 0, repeated = 0, slow = 0;
  constexpr int kCount = 600;
  for (std::uint64_t index = 0; index < kCount; ++index) {
    const ClipPlan plan = draw_plan(options, photos, 1, index);
    still += plan.still ? 1 : 0;
    repeated += plan.repeated ? 1 : 0;
    slow += !plan.still && plan.speed < 0.5 ? 1 : 0;
  }
  EXPECT_NEAR(still, 0.10 * kCount, 30);
  EXPECT_NEAR(repeated, 0.15 * kCount, 35);
  EXPECT_NEAR(slow, 0.25 * kCount, 42);
}

TEST(Plan, SpeedIsThe75thPercentileOfTheBackground) {
  const PhotoLibrary photos = wave_library();
  SynthesisOptions options;
  options.still_camera = options.zero_motion = options.repeated_frame = 0;
  options.min_speed = options.max_speed = 10;
  options.max_layers = 0;
  options.min_duty = options.max_duty = 1;
  double sum = 0;
  for (std::uint64_t index = 0; index < 40; ++index) sum += draw_plan(options, photos, 2, index).blur_length;
  EXPECT_NEAR(sum / 40, 10,
              2);  // full duty: blur as long as the step between frames, up to curvature and acceleration
}

TEST(Plan, WeightedBinsAreReached) {
  const PhotoLibrary photos = wave_library();
  SynthesisOptions options;
  for (int bin = 0; bin < kBinCount; ++bin) {
    options.bin_weights = {};
    options.bin_weights[static_cast<std::size_t>(bin)] = 1;
    for (std::uint64_t index = 0; index < 10; ++index) {
      EXPECT_EQ(draw_plan(options, photos, 1, index).bin(), bin) << "index " << index;
    }
  }
}

TEST(Plan, SubFramesStepByAtMostAPixel) {
  const PhotoLibrary photos = wave_library();
  SynthesisOptions options;
  options.repeated_frame = 0;
  for (std::uint64_t index = 0; index < 30; ++index) {
    const ClipPlan plan = draw_plan(options, photos, 1, index);
    for (std::size_t k = 0; k < plan.instants.size(); ++k) {
      EXPECT_LE(plan.instants[k], 48);
      EXPECT_GE(plan.instants[k], plan.still ? 1 : 8);
      if (plan.instants[k] == 48) continue;
      const LayerPlan& ground = plan.layers[0];
      const Point surface =
          map_point(ground.motion.at(static_cast<double>(k)), {plan.width / 2.0, plan.height / 2.0});
      Point previous{};
      for (int i = 0; i < plan.instants[k]; ++i) {
        const double offset = plan.duty[k] * ((i + 0.5) / plan.instants[k] - 0.5);
        const Point now = map_point(inverse(ground.motion.at(static_cast<double>(k) + offset)), surface);
        if (i > 0) {
          EXPECT_LT(std::hypot(now.x - previous.x, now.y - previous.y), 1.7);
        }
        previous = now;
      }
    }
  }
}

}  // namespace
}  // namespace unblur
