// SPDX-License-Identifier: MIT
#include "media/ffmpeg/handles.h"

extern "C" {
#include <libavutil/log.h>
}

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <new>

#include "graph/error.h"

namespace unblur::ff {
namespace {

std::mutex log_mutex;
std::string last_error_line;

void on_log(void* object, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_INFO) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line(object, level, format, arguments, line, sizeof line, &print_prefix);
  std::string text(line);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  if (text.empty()) return;
  spdlog::debug("ffmpeg: {}", text);
  if (level > AV_LOG_ERROR) return;
  const std::lock_guard lock(log_mutex);
  last_error_line = text.substr(text.find("] ") == std::string::npos ? 0 : text.find("] ") + 2);
}

template <typename T>
T* require(T* pointer) {
  if (pointer == nullptr) throw std::bad_alloc();
  return pointer;
}

}  // namespace

FramePtr make_frame() { return FramePtr(require(av_frame_alloc())); }
PacketPtr make_packet() { return PacketPtr(require(av_packet_alloc())); }
CodecParameters make_parameters() { return CodecParameters(require(avcodec_parameters_alloc())); }

std::string error_text(int code) {
  char buffer[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, buffer, sizeof buffer);
  std::string text(buffer);
  const std::lock_guard lock(log_mutex);
  if (!last_error_line.empty()) text += fmt::format(" ({})", std::exchange(last_error_line, {}));
  return text;
}

void capture_log() {
  av_log_set_level(AV_LOG_INFO);
  av_log_set_callback(on_log);
}

InputContext open_input(const std::string& path) {
  capture_log();
  AVFormatContext* raw = nullptr;
  // "file:" keeps names with a colon from being taken for a protocol.
  int code = avformat_open_input(&raw, ("file:" + path).c_str(), nullptr, nullptr);
  if (code < 0) throw InputError(fmt::format("{}: {}", path, error_text(code)));
  InputContext input(raw);
  code = avformat_find_stream_info(input.get(), nullptr);
  if (code < 0) throw InputError(fmt::format("{}: no stream can be read: {}", path, error_text(code)));
  return input;
}

}  // namespace unblur::ff
