// SPDX-License-Identifier: MIT
// Running programs as a person does: arguments, environment, exit code, what was printed.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace unblur::test {

/// All of a file; nothing where it cannot be read.
[[nodiscard]] std::string slurp(const std::filesystem::path& path);

struct Outcome {
  int code = 0;  ///< exit code; minus the signal's number if it was killed
  std::string out, err;
};

class Process {
 public:
  using Environment = std::map<std::string, std::string>;
  /// `in`: file for standard input, empty = nothing to read. Relative paths are inside `folder`.
  Process(const std::filesystem::path& folder, const std::vector<std::string>& command,
          const Environment& more = {}, const std::string& in = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  void signal(int number) const;
  /// Waits at most two minutes, then kills it.
  Outcome wait();

 private:
  pid_t pid_ = -1;
  std::filesystem::path out_, err_;
};

/// A folder of its own for a test, removed at the end.
class Sandbox {
 public:
  Sandbox();
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path operator/(const std::string& name) const { return folder_ / name; }
  /// Runs the program under test.
  Outcome unblur(const std::vector<std::string>& arguments, const Process::Environment& more = {},
                 const std::string& in = {}) const;
  /// Runs any program; standard output goes to the file `out` in the folder if given.
  Outcome run(const std::vector<std::string>& command) const;
  [[nodiscard]] std::vector<std::string> unblur_command(const std::vector<std::string>& arguments) const;
  [[nodiscard]] Process::Environment environment(const Process::Environment& more) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace unblur::test
