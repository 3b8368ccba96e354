// SPDX-License-Identifier: MIT
// Recorded pairs of blurred and sharp pictures on disk, for training and for evaluation. Understood below any
// root, at any depth:
//   SEQ/{blur,sharp}/NAME        REDS, GoPro (blur_gamma in place of blur where asked), BSD
//   SEQ/{input,GT}/NAME          DVD
//   NAME_blur.EXT, NAME_sharp.EXT   single pairs; each is a sequence of one frame
//   {train,val,test}/SEQ_FRAME.EXT  Gopro_align_data: the blurred picture beside the sharp one in one file
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "clip_plan.h"
#include "synthesis.h"

namespace unblur {

struct FramePair {
  std::filesystem::path blurred, sharp;  ///< equal: left and right half of one picture
};

struct PairSequence {
  std::string name;  ///< path below the root, "test000"; for single pairs the file name's stem without _blur
  std::vector<FramePair> frames;
};

/// All sequences below `root`, by name; frames by file name. Throws InputError where the root is absent,
/// nothing is found, or a blurred frame lacks its sharp one.
[[nodiscard]] std::vector<PairSequence> find_pairs(const std::filesystem::path& root,
                                                   bool gamma_blur = false);

/// Frames [first, first + count) (count < 0: to the end), uint8 [T,3,H,W]; flow is zero and nowhere valid.
/// Throws InputError where sizes differ within the sequence.
[[nodiscard]] Clip load_pairs(const PairSequence& sequence, std::int64_t first = 0, std::int64_t count = -1);

/// Training clip `index` from recorded pairs: options.frames consecutive frames (a shorter sequence stands
/// still on its last frame) of a random sequence, drawn by length, cut at a random place and turned. A
/// picture smaller than the cut is an InputError.
[[nodiscard]] Clip draw_pair_clip(const std::vector<PairSequence>& sequences, const SynthesisOptions& options,
                                  std::uint64_t seed, std::uint64_t index);

}  // namespace unblur
