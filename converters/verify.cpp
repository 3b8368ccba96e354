// SPDX-License-Identifier: MIT
#include "verify.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "graph/error.h"
#include "graph/file.h"

extern char** environ;  // NOLINT: POSIX names it

namespace unblur {
namespace {

namespace fs = std::filesystem;

constexpr int kClipWidth = 192, kClipHeight = 128, kClipFrames = 4;

/// A fresh folder under the system's temporary one, removed with all it holds.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "unblur-convert-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw ProcessingError(fmt::format("{}: cannot create a temporary folder: {}", pattern,
                                        std::generic_category().message(errno)));
    }
    path_ = pattern;
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// Exit code of a program whose output goes to two files; 128 + signal if it was killed.
int run(const std::vector<std::string>& arguments, const fs::path& out, const fs::path& err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out.c_str(), kFlags, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err.c_str(), kFlags, 0600);
  std::vector<char*> argv;
  for (const std::string& a : arguments)
    argv.push_back(const_cast<char*>(a.c_str()));  // NOLINT: the C interface
  argv.push_back(nullptr);
  pid_t pid = 0;
  const int error = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    throw ProcessingError(
        fmt::format("{}: cannot be started: {}", arguments[0], std::generic_category().message(error)));
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string trimmed_content(const fs::path& path) {
  std::ifstream file(path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// The last line that a program wrote to stderr, without "unblur: error: ".
std::string error_line(const fs::path& path) {
  std::string text = trimmed_content(path);
  text = text.substr(text.rfind('\n') + 1);  // npos + 1 is 0
  constexpr std::string_view kPrefix = "unblur: error: ";
  return text.starts_with(kPrefix) ? text.substr(kPrefix.size()) : text;
}

}  // namespace

void write_test_clip(const fs::path& path, int width, int height, int frames) {
  std::string clip = fmt::format("YUV4MPEG2 W{} H{} F30:1 Ip A1:1 C444 XCOLORRANGE=FULL\n", width, height);
  for (int t = 0; t < frames; ++t) {
    clip += "FRAME\n";
    for (int plane = 0; plane < 3; ++plane) {
      const double contrast = plane == 0 ? 90 : 40;
      for (int y = 0; y < height; ++y) {
        for (int x = 0; x < width; ++x) {
          const double u = x - 3.0 * t;  // three pixels per frame to the right, one down
          const double v = y - 1.0 * t;
          const double wave = 0.5 * std::sin(0.11 * u + 0.07 * v + plane) +
                              0.3 * std::sin(0.53 * u - 0.31 * v) +
                              0.2 * (std::sin(0.9 * u) * std::sin(0.8 * v) > 0 ? 1 : -1);
          clip += static_cast<char>(static_cast<unsigned char>(std::lround(128 + contrast * wave)));
        }
      }
    }
  }
  const auto bytes = std::as_bytes(std::span(clip));
  write_file(path, std::array{bytes});
}

Verification verify_model(const fs::path& model, const fs::path& input) {
  std::error_code error;
  const fs::path program = fs::read_symlink("/proc/self/exe", error).parent_path() / "unblur-compare";
  if (error || ::access(program.c_str(), X_OK) != 0) return {false, "unblur-compare is not installed"};

  const ScratchFolder scratch;
  fs::path frames = input;
  if (frames.empty()) {
    frames = scratch.path() / "frames.y4m";
    write_test_clip(frames, kClipWidth, kClipHeight, kClipFrames);
  }
  const fs::path out = scratch.path() / "out";
  const fs::path err = scratch.path() / "err";
  const int code =
      run({program.string(), model.string(), frames.string(), "--backends", "torch:cpu,vulkan:0"}, out, err);
  switch (static_cast<ExitCode>(code)) {
    case ExitCode::kDone:
      return {true, trimmed_content(out)};
    case ExitCode::kNoDevice:
      return {false, error_line(err)};
    case ExitCode::kOutsideTolerance:
      throw ToleranceError(
          fmt::format("Vulkan and LibTorch differ, no file is written: {}", error_line(err)));
    case ExitCode::kInputUnreadable:
      throw InputError(error_line(err));
    default:
      throw ProcessingError(fmt::format("unblur-compare ended with code {}: {}", code, error_line(err)));
  }
}

}  // namespace unblur
