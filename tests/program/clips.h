// SPDX-License-Identifier: MIT
// Test clips made by the ffmpeg tool, and what ffprobe says about a file. Tests that need them are skipped,
// loudly, where the tools are not installed.
#pragma once

#include "process.h"

namespace unblur::test {

[[nodiscard]] bool have_ffmpeg();

/// Runs ffmpeg with these words after its quiet defaults; fails the test if it fails.
void ffmpeg(const Sandbox& box, const std::string& words);

/// One line per packet of a stream ("v:0", "a:0", "s:0"): time in s and, if asked, size; sorted by time.
[[nodiscard]] std::string packets(const Sandbox& box, const std::string& file, const std::string& stream,
                                  bool sizes);

/// Stream properties that an output must share with its input.
[[nodiscard]] std::string properties(const Sandbox& box, const std::string& file);

/// HDR numbers (mastering display, light level) as a player finds them: in the bitstream or the container.
[[nodiscard]] std::string hdr(const Sandbox& box, const std::string& file);

/// Hash of every decoded frame with its time.
[[nodiscard]] std::string frame_hashes(const Sandbox& box, const std::string& file);

[[nodiscard]] int frame_count(const Sandbox& box, const std::string& file);

/// PSNR of the first video streams in dB; 1000 for equal ones.
[[nodiscard]] double psnr(const Sandbox& box, const std::string& a, const std::string& b);

}  // namespace unblur::test
