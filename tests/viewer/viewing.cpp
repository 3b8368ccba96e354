// SPDX-License-Identifier: MIT
#include "viewing.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "graph/model.h"
#include "media/image_file.h"

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
  std::vector<std::string> all{UNBLUR_PROGRAM, "-m", "half.safetensors"};
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

Frame halved(const Frame& frame) {
  Frame result = frame;
  for (std::byte& b : result.data)
    b = static_cast<std::byte>(std::lround(kHalf * static_cast<float>(std::to_integer<int>(b))));
  return result;
}

}  // namespace unblur::test
