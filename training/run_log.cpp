// SPDX-License-Identifier: MIT
#include "run_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "graph/error.h"

namespace unblur {
namespace {

/// Number behind the first occurrence of `prefix` in a row, or -1.
std::int64_t iteration_of(const std::string& row, const std::string& prefix) {
  return row.starts_with(prefix) ? std::atoll(row.c_str() + prefix.size()) : -1;
}

/// Opens `path` with the rows that are kept from an earlier run behind `header`.
std::ofstream reopen(const std::filesystem::path& path, const std::string& header,
                     const std::string& row_prefix, std::int64_t keep_up_to) {
  std::vector<std::string> kept;
  if (std::ifstream old(path); old && keep_up_to >= 0) {
    std::string row;
    if (!header.empty()) std::getline(old, row);
    while (std::getline(old, row)) {
      if (!row.empty() && iteration_of(row, row_prefix) <= keep_up_to) kept.push_back(row);
    }
  }
  std::ofstream file(path, std::ios::trunc);
  if (!header.empty()) file << header << '\n';
  for (const auto& row : kept) file << row << '\n';
  if (!file.flush()) throw ProcessingError("cannot write the log " + path.string());
  return file;
}

}  // namespace

LogTable::LogTable(const std::filesystem::path& stem, std::vector<std::string> columns,
                   std::int64_t keep_up_to)
    : columns_(std::move(columns)) {
  std::string header = "iteration";
  for (const auto& c : columns_) header += "," + c;
  csv_ = reopen(stem.string() + ".csv", header, "", keep_up_to);
  json_ = reopen(stem.string() + ".jsonl", "", "{\"iteration\":", keep_up_to);
}

void LogTable::add(std::int64_t iteration, const std::vector<double>& values) {
  csv_ << iteration;
  json_ << "{\"iteration\":" << iteration;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const bool finite = std::isfinite(values.at(i));
    const std::string text = fmt::format("{:.6g}", values[i]);
    csv_ << ',' << (finite ? text : "");
    json_ << ",\"" << columns_[i] << "\":" << (finite ? text : "null");
  }
  csv_ << '\n';
  json_ << "}\n";
  csv_.flush();
  json_.flush();
}

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (open_) std::fputc('\n', stderr);
}

void Progress::show(const std::string& line) {
  const auto now = std::chrono::steady_clock::now();
  const auto pause = terminal_ ? std::chrono::milliseconds(200) : std::chrono::milliseconds(10'000);
  if (quiet_ || now - last_ < pause) return;
  last_ = now;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", line, terminal_ ? "\x1b[K" : "\n");
  std::fflush(stderr);
  open_ = terminal_;
}

void Progress::note(const std::string& line) {
  if (quiet_) return;
  fmt::print(stderr, "{}{}\n", open_ ? "\r\x1b[K" : "", line);
  open_ = false;
}

std::string format_duration(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds)));
  if (s >= 3600) return fmt::format("{} h {:02} min", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {:02} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

}  // namespace unblur
