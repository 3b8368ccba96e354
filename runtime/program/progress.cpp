// SPDX-License-Identifier: MIT
#include "program/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "graph/error.h"
#include "program/log.h"

namespace unblur {
namespace {

int terminal_columns() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const char* columns = std::getenv("COLUMNS");
  const int value = columns == nullptr ? 0 : std::atoi(columns);
  return value > 0 ? value : 80;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto s = std::llround(seconds);
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

void Speedometer::add(double seconds, std::int64_t done) {
  samples_.push_back({seconds, done});
  while (samples_.size() > 2 && samples_.front().seconds < seconds - kWindow) samples_.pop_front();
}

double Speedometer::per_second() const {
  if (samples_.size() < 2) return 0;
  const double time = samples_.back().seconds - samples_.front().seconds;
  return time > 0 ? static_cast<double>(samples_.back().done - samples_.front().done) / time : 0;
}

Progress::Mode Progress::parse(const std::string& mode, bool quiet) {
  if (mode == "bar") return Mode::kBar;
  if (mode == "lines") return Mode::kLines;
  if (mode == "json") return Mode::kJson;
  if (mode == "none") return Mode::kNone;
  if (mode != "auto")
    throw UsageError(fmt::format("--progress '{}': expected bar, lines, json or none", mode));
  if (quiet) return Mode::kNone;
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal != nullptr && std::string(terminal) == "dumb";
  return isatty(STDERR_FILENO) == 1 && !dumb ? Mode::kBar : Mode::kLines;
}

Progress::Progress(Mode mode, std::string name)
    : mode_(mode), name_(std::move(name)), start_(std::chrono::steady_clock::now()) {
  if (mode_ == Mode::kLines) last_shown_ = 0;  // a run below ten seconds needs no line
}

Progress::~Progress() {
  if (mode_ == Mode::kBar) set_status_line("");
}

void Progress::draw_bar(const DeblurProgress& p) const {
  const double fps = speed_.per_second();
  std::string right;
  double share = -1;
  if (p.total && *p.total > 0) {
    share = std::min(1.0, static_cast<double>(p.done) / static_cast<double>(*p.total));
    right = fmt::format(" {}/{} {:3.0f} %", p.done, *p.total, share * 100);
  } else {
    right = fmt::format(" {} frames", p.done);
  }
  if (fps > 0) right += fmt::format("  {:.{}f} fps", fps, fps < 10 ? 2 : 1);
  if (fps > 0 && share >= 0)
    right += "  " + format_duration(static_cast<double>(*p.total - p.done) / fps) + " left";
  const int columns = terminal_columns();
  std::string name = name_;
  if (static_cast<int>(name.size()) > columns / 3)
    name = "..." + name.substr(name.size() - static_cast<std::size_t>(columns / 3));
  const int room = std::min(40, columns - 1 - static_cast<int>(name.size() + right.size()) - 3);
  std::string bar;
  if (share >= 0 && room > 4) {
    const auto full = static_cast<std::size_t>(share * room);
    bar = " [" + std::string(full, '#') + std::string(static_cast<std::size_t>(room) - full, '.') + "]";
  }
  set_status_line(name + bar + right);
}

void Progress::update(const DeblurProgress& p) {
  const double now = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  speed_.add(now, p.done);
  const double interval = mode_ == Mode::kBar ? 0.1 : mode_ == Mode::kJson ? 0.5 : 10.0;
  if (mode_ == Mode::kNone || now - last_shown_ < interval) return;
  last_shown_ = now;
  if (mode_ == Mode::kBar) {
    draw_bar(p);
    return;
  }
  const double fps = speed_.per_second();
  const double left = p.total && fps > 0 ? static_cast<double>(*p.total - p.done) / fps : -1;
  if (mode_ == Mode::kLines) {
    print_line(fmt::format("unblur: {}: {} of {} frames, {:.2f} fps{}", name_, p.done,
                           p.total ? std::to_string(*p.total) : "unknown", fps,
                           left >= 0 ? ", " + format_duration(left) + " left" : ""));
    return;
  }
  nlohmann::json j{{"progress", name_}, {"done", p.done}, {"fps", fps}};
  j["total"] = p.total ? nlohmann::json(*p.total) : nlohmann::json();
  j["seconds_left"] = left >= 0 ? nlohmann::json(left) : nlohmann::json();
  print_line(j.dump());
}

}  // namespace unblur
