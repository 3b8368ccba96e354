// SPDX-License-Identifier: MIT
// Running the viewer with a script in a folder of its own, and looking at the pictures that it leaves.
#pragma once

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

 private:
  std::filesystem::path folder_;
};

/// Largest difference of two channels in a column range of pictures of one size, in code values.
[[nodiscard]] int worst(const Frame& a, const Frame& b, int from_x, int to_x);
/// The picture with every value halved, rounded.
[[nodiscard]] Frame halved(const Frame& frame);

}  // namespace unblur::test
