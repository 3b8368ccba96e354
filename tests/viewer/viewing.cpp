// SPDX-License-Identifier: MIT
#include "viewing.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "core/inputs.h"
#include "core/test_pattern.h"
#include "graph/model.h"
#include "media/image_file.h"
#include "media/rgb.h"

namespace unblur::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

Viewing::Viewing() {
  static std::atomic<int> next{0};
  folder_ = fs::temp_directory_path() /
            ("unblur-viewer-" + std::to_string(::getpid()) + "-" + std::to_string(next++));
  fs::create_directories(folder_);
  write_model(folder_ / "half.safetensors", scaling_model("half", kHalf));
  write_model(folder_ / "weak.safetensors", scaling_model("weak", kWeak));
  write_model(folder_ / "memory.safetensors", memory_model());
}

Viewing::~Viewing() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::vector<std::string> Viewing::command(std::vector<std::string> arguments,
                                          const std::string& script) const {
  std::vector<std::string> all{UNBLUR_PROGRAM};
  if (std::ranges::find(arguments, "-m") == arguments.end())
    all.insert(all.end(), {"-m", "half.safetensors"});
  all.insert(all.end(), arguments.begin(), arguments.end());
  if (!script.empty()) {
    std::ofstream(folder_ / "script.txt") << script;
    all.insert(all.end(), {"--script", "script.txt"});
  }
  return all;
}

Process::Environment Viewing::environment(const Process::Environment& more) const {
  Process::Environment all{{"XDG_CONFIG_HOME", (folder_ / "config").string()},
                           {"XDG_DATA_HOME", (folder_ / "data").string()},
                           {"UNBLUR_MODEL", ""}};
  for (const auto& [name, value] : more) all[name] = value;
  return all;
}

Outcome Viewing::run(std::vector<std::string> arguments, const std::string& script,
                     const Process::Environment& more) const {
  arguments.insert(arguments.begin(), "--offscreen");
  return Process(folder_, command(std::move(arguments), script), environment(more)).wait();
}

Frame Viewing::picture(const std::string& name) const { return read_image(folder_ / name).frame; }

Frame Viewing::frame_of(const std::string& file, int index) const {
  FileFrames frames((folder_ / file).string());
  const TimedFrame* found = frames.at(index);
  return found == nullptr ? Frame() : to_rgb(found->frame, 8);
}

std::string Viewing::only_file(const std::string& ending) const {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending)) found.push_back(name);
  }
  EXPECT_EQ(found.size(), 1U) << ending;
  return found.empty() ? "absent" + ending : found.front();
}

std::vector<Frame> Viewing::write_frames(const std::string& name, int first, int count, bool sharp) const {
  const TestPattern pattern(test_pattern_options("pattern:320x180"));
  fs::create_directories(folder_ / name);
  std::vector<Frame> frames;
  for (int i = 0; i < count; ++i) {
    frames.push_back(pattern.picture(first + i, sharp));
    write_png(folder_ / name / (std::to_string(i) + ".png"), frames.back());
  }
  return frames;
}

int worst(const Frame& a, const Frame& b, int from_x, int to_x) {
  if (a.format.width != b.format.width || a.format.height != b.format.height) return 256;
  int most = 0;
  for (int y = 0; y < a.format.height; ++y) {
    for (int i = 3 * from_x; i < 3 * to_x; ++i) {
      const std::size_t at =
          static_cast<std::size_t>(y) * a.format.row_bytes(0) + static_cast<std::size_t>(i);
      most = std::max(most, std::abs(std::to_integer<int>(a.data[at]) - std::to_integer<int>(b.data[at])));
    }
  }
  return most;
}

int worst(const Frame& a, const Frame& b) { return worst(a, b, 0, a.format.width); }

double mean_difference(const Frame& a, const Frame& b) {
  if (a.data.size() != b.data.size() || a.data.empty()) return 256;
  double sum = 0;
  for (std::size_t i = 0; i < a.data.size(); ++i)
    sum += std::abs(std::to_integer<int>(a.data[i]) - std::to_integer<int>(b.data[i]));
  return sum / static_cast<double>(a.data.size());
}

Frame columns(const Frame& frame, int from_x, int to_x) {
  FrameFormat format = frame.format;
  format.width = to_x - from_x;
  Frame result(format);
  for (int y = 0; y < format.height; ++y) {
    const auto* row = frame.data.data() + static_cast<std::size_t>(y) * frame.format.row_bytes(0);
    std::copy_n(row + 3 * static_cast<std::ptrdiff_t>(from_x), format.row_bytes(0),
                result.data.data() + static_cast<std::size_t>(y) * format.row_bytes(0));
  }
  return result;
}

std::array<int, 3> pixel(const Frame& frame, int x, int y) {
  const std::size_t at =
      static_cast<std::size_t>(y) * frame.format.row_bytes(0) + 3 * static_cast<std::size_t>(x);
  std::array<int, 3> rgb{};
  for (std::size_t c = 0; c < 3; ++c) rgb.at(c) = std::to_integer<int>(frame.data.at(at + c));
  return rgb;
}

Frame scaled_by(const Frame& frame, float factor) {
  Frame result = frame;
  for (std::byte& b : result.data)
    b = static_cast<std::byte>(std::lround(factor * static_cast<float>(std::to_integer<int>(b))));
  return result;
}

Frame halved(const Frame& frame) { return scaled_by(frame, kHalf); }

}  // namespace unblur::test
