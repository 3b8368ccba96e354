// SPDX-License-Identifier: MIT
#include "folders.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "clip_folder.h"
#include "clip_windows.h"
#include "graph/error.h"
#include "media/image_file.h"
#include "preview.h"
#include "test_photos.h"

namespace unblur {
namespace {

class Folders : public testing::Test {
 protected:
  Folders() : root_(std::filesystem::temp_directory_path() / ("unblur_folders_" + std::to_string(getpid()))) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~Folders() override { std::filesystem::remove_all(root_); }

  void put(const std::string& path, int value, int width = 40, int height = 24) const {
    std::filesystem::create_directories((root_ / path).parent_path());
    write_png(root_ / path, frame_from_tensor(torch::full({3, height, width}, value, torch::kUInt8)));
  }
  std::filesystem::path root_;
};

TEST_F(Folders, RedsGoproAndDvdLayoutsAreFound) {
  for (const std::string frame : {"00000001.png", "00000000.png", "00000002.png"}) {
    put("reds/000/blur/" + frame, 10);
    put("reds/000/sharp/" + frame, 20);
  }
  put("gopro/GOPR1/blur/1.png", 1);
  put("gopro/GOPR1/blur_gamma/1.png", 2);
  put("gopro/GOPR1/sharp/1.png", 3);
  put("dvd/clip/input/00001.png", 4);
  put("dvd/clip/GT/00001.png", 5);
  const auto sequences = find_pairs(root_);
  ASSERT_EQ(sequences.size(), 3U);
  EXPECT_EQ(sequences[0].name, "dvd/clip");
  EXPECT_EQ(sequences[1].name, "gopro/GOPR1");
  EXPECT_EQ(sequences[2].name, "reds/000");
  ASSERT_EQ(sequences[2].frames.size(), 3U);
  EXPECT_EQ(sequences[2].frames[0].blurred.filename(), "00000000.png");
  const Clip dvd = load_pairs(sequences[0]);
  EXPECT_EQ(dvd.blurred[0][0][0][0].item<int>(), 4);
  EXPECT_EQ(dvd.sharp[0][0][0][0].item<int>(), 5);
  EXPECT_EQ(load_pairs(sequences[1]).blurred[0][0][0][0].item<int>(), 1);
  EXPECT_EQ(load_pairs(find_pairs(root_, true)[1]).blurred[0][0][0][0].item<int>(), 2);
  EXPECT_EQ(load_pairs(sequences[2], 1, 5).blurred.size(0), 2);
}

// 30 and 13 frames: windows at 0 and 13 of the first, 0 of the second.
TEST_F(Folders, WindowsHaveAFixedPhaseAndEveryEpochShowsEachOnce) {
  const std::vector<PairSequence> sequences{{"a", std::vector<FramePair>(30)},
                                            {"b", std::vector<FramePair>(13)}};
  const ClipWindows windows(sequences, 13, 2);
  EXPECT_EQ(windows.batches_per_epoch(), 2);
  for (const std::int64_t epoch : {0, 1, 7}) {
    std::set<std::pair<std::size_t, std::int64_t>> seen;
    for (int k = 0; k < 4; ++k) {
      const auto w = windows.at(5, epoch * 2 + k / 2, k % 2);
      ASSERT_EQ(w.has_value(), k < 3);  // the last batch is smaller
      if (w) seen.insert({w->sequence, w->first});
    }
    EXPECT_EQ(seen, (std::set<std::pair<std::size_t, std::int64_t>>{{0, 0}, {0, 13}, {1, 0}}));
  }
  EXPECT_THROW(ClipWindows(sequences, 31, 2), InputError);
}

TEST_F(Folders, WindowsBringTheirNeighboursAndRepeatTheEnds) {
  for (int t = 0; t < 4; ++t) {
    put("v/input/" + std::to_string(t) + ".png", 10 + t);
    put("v/GT/" + std::to_string(t) + ".png", 20 + t);
    put("v/input/._" + std::to_string(t) + ".png", 99);
  }
  const PairSequence video = find_pairs(root_).at(0);
  ASSERT_EQ(video.frames.size(), 4U);
  const auto values = [&](std::int64_t first) {
    const Clip clip = load_window(video, first, 2, 1, 16, false, 1, 0);
    EXPECT_EQ(clip.sharp.sizes(), (torch::IntArrayRef{4, 3, 16, 16}));
    std::vector<int> out;
    for (int t = 0; t < 4; ++t) out.push_back(clip.blurred[t][0][0][0].item<int>());
    return out;
  };
  EXPECT_EQ(values(0), (std::vector<int>{10, 10, 11, 12}));
  EXPECT_EQ(values(2), (std::vector<int>{11, 12, 13, 13}));
  EXPECT_THROW((void)load_window(video, 0, 2, 1, 24, false, 1, 0), InputError);  // as high as the pictures
}

TEST_F(Folders, MirroredWindowsStayPairs) {
  const torch::Tensor ramp = torch::arange(40, torch::kUInt8).view({1, 1, 40}).expand({3, 24, 40});
  std::filesystem::create_directories(root_ / "v/blur");
  std::filesystem::create_directories(root_ / "v/sharp");
  write_png(root_ / "v/blur/0.png", frame_from_tensor(ramp));
  write_png(root_ / "v/sharp/0.png", frame_from_tensor(ramp + 100));
  const PairSequence video = find_pairs(root_).at(0);
  std::set<int> first, step;
  for (std::uint64_t index = 0; index < 200; ++index) {
    const Clip clip = load_window(video, 0, 1, 0, 16, true, 1, index);
    EXPECT_TRUE(torch::equal(clip.blurred + 100, clip.sharp));
    const int a = clip.blurred[0][0][0][0].item<int>(), b = clip.blurred[0][0][0][1].item<int>();
    step.insert(b - a);
    first.insert(std::min(a, clip.blurred[0][0][0][15].item<int>()));
  }
  EXPECT_EQ(step, (std::set<int>{-1, 1}));
  EXPECT_EQ(*first.begin(), 0);
  EXPECT_EQ(*first.rbegin(), 23);  // of 0 to 40 - 16 - 1
}

TEST_F(Folders, GoproAlignDataHoldsPairsSideBySide) {
  for (const std::string split : {"train", "test"}) {
    std::filesystem::create_directories(root_ / split);
    for (int t = 0; t < 2; ++t) {
      const torch::Tensor left = torch::full({3, 24, 40}, 10 + t, torch::kUInt8);
      const torch::Tensor right = torch::full({3, 24, 40}, 20 + t, torch::kUInt8);
      write_png(root_ / split / ("GOPR0372_07_00_00004" + std::to_string(7 + t) + ".png"),
                frame_from_tensor(torch::cat({left, right}, 2)));
    }
  }
  EXPECT_EQ(find_pairs(root_).size(), 2U);
  const auto sequences = find_pairs(root_ / "train");
  ASSERT_EQ(sequences.size(), 1U);
  EXPECT_EQ(sequences[0].name, "GOPR0372_07_00");
  const Clip clip = load_pairs(sequences[0]);
  ASSERT_EQ(clip.blurred.sizes(), (torch::IntArrayRef{2, 3, 24, 40}));
  EXPECT_EQ(clip.blurred[1].min().item<int>(), 11);
  EXPECT_EQ(clip.blurred[1].max().item<int>(), 11);
  EXPECT_EQ(clip.sharp[1].min().item<int>(), 21);
  put("train/GOPR0372_07_00_000049.png", 1, 41, 24);
  EXPECT_THROW((void)load_pairs(find_pairs(root_ / "train")[0]), InputError);
}

TEST_F(Folders, SinglePairsAreSequencesOfOneFrame) {
  put("pairs/flower_blur.png", 7);
  put("pairs/flower_sharp.png", 8);
  put("pairs/other.png", 9);
  const auto sequences = find_pairs(root_);
  ASSERT_EQ(sequences.size(), 1U);
  EXPECT_EQ(sequences[0].name, "pairs/flower");
  SynthesisOptions options;
  options.frames = 3;
  options.width = options.height = 16;
  const Clip clip = draw_pair_clip(sequences, options, 1, 0);
  EXPECT_EQ(clip.blurred.sizes(), (torch::IntArrayRef{3, 3, 16, 16}));
  EXPECT_EQ(clip.visible.sum().item<double>(), 0);
}

TEST_F(Folders, BadFoldersAreInputErrors) {
  EXPECT_THROW((void)find_pairs(root_ / "none"), InputError);
  EXPECT_THROW((void)find_pairs(root_), InputError);
  put("a/blur/1.png", 1);
  put("a/sharp/2.png", 1);
  EXPECT_THROW((void)find_pairs(root_), InputError);
}

TEST_F(Folders, SizesMustAgree) {
  put("a/blur/1.png", 1);
  put("a/sharp/1.png", 1, 44, 24);
  EXPECT_THROW((void)load_pairs(find_pairs(root_)[0]), InputError);
}

TEST_F(Folders, SynthesisedClipsComeBackAsPairs) {
  Photo photo = wave_photo(240, 200, 1);
  const std::filesystem::path file = root_ / "photo.png";
  write_png(file, frame_from_tensor(
                      torch::from_blob(photo.rgb.data(), {200, 240, 3}, torch::kUInt8).permute({2, 0, 1})));
  SynthRequest request;
  request.photos.folders = {file};
  request.photos.split = Split::kAll;
  request.clips.width = request.clips.height = 64;
  request.clips.frames = 3;
  request.clips.repeated_frame = 0;
  request.count = 2;
  request.output = root_ / "out";
  request.preview = root_ / "sheet.png";
  write_clips(request);
  const PhotoLibrary library(request.photos);
  const Clip made = synthesise(request.clips, library, request.seed, 1);
  const auto sequences = find_pairs(root_ / "out");
  ASSERT_EQ(sequences.size(), 2U);
  EXPECT_EQ(sequences[1].name, "clip_01");
  const Clip back = load_pairs(sequences[1]);
  EXPECT_TRUE(torch::equal(back.blurred, made.blurred));
  EXPECT_TRUE(torch::equal(back.sharp, made.sharp));
  EXPECT_TRUE(torch::equal(read_flo(root_ / "out/clip_01/flow/00000002.flo"), made.flow[2]));
  EXPECT_TRUE(std::filesystem::exists(root_ / "out/clip_00/meta.json"));
  EXPECT_EQ(read_image(root_ / "sheet.png").frame.format.height, 2 * (64 + 4));
}

}  // namespace
}  // namespace unblur
