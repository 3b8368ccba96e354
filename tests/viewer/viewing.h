// SPDX-License-Identifier: MIT
// Running the viewer with a script in a folder of its own, and looking at the pictures that it leaves.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "graph/frame.h"
#include "process.h"
#include "tiny_models.h"

namespace unblur::test {

/// What the models "half" and "weak" do to every value.
inline constexpr float kHalf = 0.5F, kWeak = 0.75F;

class Viewing {
 public:
  /// A folder with "half.safetensors", which runs unless a command says otherwise, "weak.safetensors" and
  /// "memory.safetensors" (tiny_models.h).
  Viewing();
  ~Viewing();
  Viewing(const Viewing&) = delete;
  Viewing& operator=(const Viewing&) = delete;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  /// Off-screen, with these arguments and, if it is not empty, this script.
  Outcome run(std::vector<std::string> arguments, const std::string& script = {},
              const Process::Environment& more = {}) const;
  [[nodiscard]] std::vector<std::string> command(std::vector<std::string> arguments,
                                                 const std::string& script) const;
  [[nodiscard]] Process::Environment environment(const Process::Environment& more = {}) const;
  /// 8-bit RGB.
  [[nodiscard]] Frame picture(const std::string& name) const;
  /// Frame `index` of a file that the viewer wrote, as 8-bit RGB; without pixels beyond its end.
  [[nodiscard]] Frame frame_of(const std::string& file, int index) const;
  /// The one file in the folder whose name ends so; fails the test if there is another number of them.
  [[nodiscard]] std::string only_file(const std::string& ending) const;
  /// Pictures of the test pattern, NAME/0.png and on; returns them.
  std::vector<Frame> write_frames(const std::string& name, int first, int count, bool sharp = false) const;

 private:
  std::filesystem::path folder_;
};

/// Largest difference of two channels in a column range of pictures of one size, in code values.
[[nodiscard]] int worst(const Frame& a, const Frame& b, int from_x, int to_x);
[[nodiscard]] int worst(const Frame& a, const Frame& b);
/// Mean difference of channels, in code values; 256 where the sizes differ.
[[nodiscard]] double mean_difference(const Frame& a, const Frame& b);
/// A column range of a picture.
[[nodiscard]] Frame columns(const Frame& frame, int from_x, int to_x);
/// What a picture has at a pixel.
[[nodiscard]] std::array<int, 3> pixel(const Frame& frame, int x, int y);
/// The picture with every value times a factor, rounded.
[[nodiscard]] Frame scaled_by(const Frame& frame, float factor);
[[nodiscard]] Frame halved(const Frame& frame);

}  // namespace unblur::test
