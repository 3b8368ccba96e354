// SPDX-License-Identifier: MIT
// What a run leaves behind for eyes and scripts: tables as CSV and JSON lines, and progress on stderr.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace unblur {

/// `<stem>.csv` and `<stem>.jsonl` with the same rows; the first column is "iteration".
class LogTable {
 public:
  /// Continues existing files: rows of iterations above `keep_up_to` (of a run that went on after the
  /// checkpoint that is now resumed) are dropped; -1 starts anew. Throws ProcessingError if a file cannot be
  /// written.
  LogTable(const std::filesystem::path& stem, std::vector<std::string> columns, std::int64_t keep_up_to);
  /// One value per column after "iteration". NaN is an empty field and JSON null. Flushed at once.
  void add(std::int64_t iteration, const std::vector<double>& values);

 private:
  std::vector<std::string> columns_;
  std::ofstream csv_, json_;
};

/// A line that is redrawn on a terminal, or one line every ten seconds elsewhere.
class Progress {
 public:
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void show(const std::string& line);
  /// A message that stays.
  void note(const std::string& line);

 private:
  bool quiet_, terminal_, open_ = false;
  std::chrono::steady_clock::time_point last_{};
};

[[nodiscard]] std::string format_duration(double seconds);  ///< "1 h 02 min", "3 min 05 s"

}  // namespace unblur
