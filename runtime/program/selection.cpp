// SPDX-License-Identifier: MIT
#include "program/selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "graph/error.h"

namespace unblur {
namespace {

double parse_number(const std::string& text, const std::string& whole) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || text.empty()) {
    throw UsageError(
        fmt::format("--start '{}': expected a frame number, or a time such as 12.5s or 1:02.5", whole));
  }
  return value;
}

/// "90" is a frame; "3s", "0:03" and "1:02:03.5" are times.
void parse_start(const std::string& text, DeblurOptions& options) {
  if (text.empty()) return;
  if (text.find(':') != std::string::npos) {
    double seconds = 0;
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t end = std::min(text.find(':', at), text.size());
      seconds = seconds * 60 + parse_number(text.substr(at, end - at), text);
      at = end + 1;
    }
    options.start_seconds = seconds;
  } else if (text.back() == 's') {
    options.start_seconds = parse_number(text.substr(0, text.size() - 1), text);
  } else {
    const double frame = parse_number(text, text);
    if (frame != std::floor(frame) || frame > 1e12) parse_number("", text);
    options.start_frame = static_cast<std::int64_t>(frame);
  }
}

}  // namespace

void add_selection(CLI::App& verb, Selection& selection, const std::string& what) {
  verb.add_option("input,-i,--input", selection.inputs, what)->type_name("INPUT")->required();
  verb.add_option("--start", selection.start, "first frame (90) or time (3s, 0:03)")->type_name("FRAME|TIME");
  verb.add_option("--frames", selection.frames, "how many frames to take")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  verb.add_option("--size", selection.size, "picture size of a camera; default the one nearest to 1280x720")
      ->type_name("WxH");
  verb.add_option("--fps", selection.fps, "frame rate of a camera; default the one nearest to 30")
      ->type_name("N")
      ->check(CLI::Range(0.1, 1000.0));
}

void apply_range(const Selection& selection, DeblurOptions& options) {
  options.max_frames = selection.frames;
  parse_start(selection.start, options);
}

CameraOptions camera_options(const Selection& selection, const std::vector<std::string>& inputs) {
  CameraOptions camera;
  camera.fps = selection.fps;
  const bool asked = !selection.size.empty() || selection.fps > 0;
  if (asked && !std::ranges::all_of(inputs, is_camera))
    throw UsageError("--size and --fps choose a camera's mode; other inputs have their own");
  if (selection.size.empty()) return camera;
  char rest = 0;
  if (std::sscanf(selection.size.c_str(), "%dx%d%c", &camera.width, &camera.height, &rest) != 2 ||
      camera.width < 1 || camera.height < 1) {
    throw UsageError(fmt::format("--size '{}': expected WIDTHxHEIGHT, as in 1280x720", selection.size));
  }
  return camera;
}

OutputOptions common_options(const Settings& settings, const Selection& selection, const std::string& input) {
  OutputOptions o;
  o.codec = settings.text("codec");
  o.pix_fmt = settings.text("pix-fmt");
  o.crf = settings.integer("crf", -1, 63);
  o.cut_start = !selection.start.empty();
  o.cut_end = selection.frames >= 0;
  std::error_code ignored;
  const auto size =
      std::filesystem::is_regular_file(input, ignored) ? std::filesystem::file_size(input, ignored) : 0;
  o.settings = {{"input", std::filesystem::absolute(input).string()},
                {"input bytes", std::to_string(size)},
                {"precision", settings.text("precision")},
                {"memory-limit", settings.text("memory-limit")},
                {"scene-cut", settings.text("scene-cut")},
                {"start", selection.start},
                {"frames", std::to_string(selection.frames)}};
  return o;
}

}  // namespace unblur
