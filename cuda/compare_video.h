// SPDX-License-Identifier: MIT
// Two videos frame by frame: how far are the files apart that two runs, or two programs, have written?
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "media/frame_io.h"

namespace unblur {

/// Of 8-bit RGB.
struct VideoFrameScore {
  std::int64_t index = 0;
  double psnr_db = 0;  ///< infinite where equal
  double ssim = 1;
};

struct VideoReport {
  std::vector<VideoFrameScore> frames;
  double psnr_db = 0;                        ///< of the pooled squared error
  double ssim = 0;                           ///< mean
  std::vector<VideoFrameScore> worst;        ///< lowest PSNR first
  std::vector<std::filesystem::path> saved;  ///< pictures of those
};

/// Saves the `worst` frames of lowest PSNR to `folder` (made if absent; empty: none) as frame.N.a.png,
/// frame.N.b.png and frame.N.difference.png (|a - b|, its largest value white). Throws InputError where sizes
/// or numbers of frames differ, or one has no frame.
[[nodiscard]] VideoReport compare_videos(FrameSource& a, FrameSource& b, std::size_t worst,
                                         const std::filesystem::path& folder);

}  // namespace unblur
