// SPDX-License-Identifier: MIT
#include "program/log.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <cstdio>
#include <mutex>

namespace unblur {
namespace {

std::mutex terminal_mutex;
std::string status;

class LineSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    const bool warning = message.level >= spdlog::level::warn;
    print_line(std::string("unblur: ") + (warning ? "warning: " : "") +
               std::string(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}
};

}  // namespace

void set_up_log(int verbosity) {
  auto logger = std::make_shared<spdlog::logger>("unblur", std::make_shared<LineSink>());
  logger->set_level(verbosity < 0    ? spdlog::level::warn
                    : verbosity == 0 ? spdlog::level::info
                                     : spdlog::level::debug);
  spdlog::set_default_logger(logger);
}

void print_line(const std::string& line) {
  const std::lock_guard lock(terminal_mutex);
  if (!status.empty()) std::fputs("\r\033[K", stderr);
  std::fputs((line + "\n").c_str(), stderr);
  if (!status.empty()) std::fputs(status.c_str(), stderr);
  std::fflush(stderr);
}

void set_status_line(const std::string& line) {
  const std::lock_guard lock(terminal_mutex);
  if (line.empty() && status.empty()) return;
  status = line;
  std::fputs(("\r\033[K" + line).c_str(), stderr);
  std::fflush(stderr);
}

}  // namespace unblur
