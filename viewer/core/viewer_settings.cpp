// SPDX-License-Identifier: MIT
#include "core/viewer_settings.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>

#include "graph/error.h"
#include "graph/file.h"
#include "program/settings.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;
using Names = std::initializer_list<std::string_view>;

/// Every member with its key and what it may be: nothing for free text and truth values, the words of a text,
/// or the range of a number.
template <typename Settings, typename Visit>
void each_member(Settings& s, Visit&& visit) {
  visit("source", s.source);
  visit("model", s.model);
  visit("model2", s.model2);
  visit("device", s.device);
  visit("precision", s.precision, Names{"auto", "fp32", "fp16"});
  visit("view", s.view, Names{"split", "side", "a", "b", "difference", "blink"});
  visit("motion", s.motion, Names{"none", "paths", "quiver", "middlebury", "hsv"});
  visit("divider", s.divider, 0.0, 1.0);
  visit("strength", s.strength, 0.0, 1.0);
  visit("gain", s.gain, 1.0, 64.0);
  visit("grid", s.grid, 0.0, 4096.0);
  visit("full-scale", s.full_scale, 0.1, 10000.0);
  visit("scale-percent", s.scale_percent, 50.0, 100.0);
  visit("speed", s.speed, 1.0 / 16, 16.0);
  visit("loop", s.loop);
  visit("camera-width", s.camera_width, 0.0, 16384.0);
  visit("camera-height", s.camera_height, 0.0, 16384.0);
  visit("camera-fps", s.camera_fps, 0.0, 1000.0);
  visit("camera-format", s.camera_format, Names{"", "MJPG", "JPEG", "YUYV"});
  visit("mirror", s.mirror);
  visit("panels", s.panels);
  visit("dark", s.dark);
  visit("ui-scale", s.ui_scale, 0.0, 8.0);
  visit("width", s.width, 64.0, 32768.0);
  visit("height", s.height, 64.0, 32768.0);
}

class Loader {
 public:
  Loader(const toml::table& table, std::string file) : table_(table), file_(std::move(file)) {}

  void operator()(std::string_view key, std::string& value) { (void)take(key, value, "a text"); }
  void operator()(std::string_view key, bool& value) { (void)take(key, value, "true or false"); }
  void operator()(std::string_view key, std::string& value, Names names) {
    std::string read = value;
    if (!take(key, read, "a text")) return;
    if (std::ranges::find(names, read) != names.end()) {
      value = read;
    } else {
      complain(key, fmt::format("one of {}", fmt::join(names, ", ")));
    }
  }
  template <typename Number>
    requires std::integral<Number> || std::floating_point<Number>
  void operator()(std::string_view key, Number& value, double low, double high) {
    double read = value;
    const auto expected =
        fmt::format("{} from {} to {}", std::integral<Number> ? "a whole number" : "a number", low, high);
    if (!take(key, read, expected)) return;
    const bool good =
        read >= low && read <= high && (!std::integral<Number> || read == static_cast<int>(read));
    if (good) {
      value = static_cast<Number>(read);
    } else {
      complain(key, expected);
    }
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  template <typename T>
  bool take(std::string_view key, T& value, std::string_view expected) {
    const auto node = table_[key];
    if (!node) return false;
    std::optional<T> read;
    if constexpr (std::same_as<T, double>) {
      read = node.template value<double>();  // of a whole number as well
    } else {
      read = node.template value_exact<T>();
    }
    if (read) {
      value = *read;
    } else {
      complain(key, expected);
    }
    return read.has_value();
  }
  void complain(std::string_view key, std::string_view expected) {
    const auto line = table_[key].node()->source().begin.line;
    if (complaint_.empty()) complaint_ = fmt::format("{}:{}: {}: expected {}", file_, line, key, expected);
  }

  const toml::table& table_;
  std::string file_, complaint_;
};

}  // namespace

fs::path viewer_settings_file() {
  const fs::path home = config_home();
  return home.empty() ? fs::path{} : home / "unblur" / "viewer.toml";
}

ViewerSettings load_viewer_settings(const fs::path& file, std::string& complaint) {
  complaint.clear();
  ViewerSettings settings;
  std::error_code ignored;
  if (file.empty() || !fs::exists(file, ignored)) return settings;
  try {
    const toml::table table = toml::parse_file(file.string());
    Loader loader(table, file.string());
    each_member(settings, loader);
    complaint = loader.complaint();
  } catch (const toml::parse_error& e) {
    complaint = fmt::format("{}:{}: {}", file.string(), e.source().begin.line, e.description());
  }
  return settings;
}

void save_viewer_settings(const fs::path& file, const ViewerSettings& settings) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  std::string text = "# Written by unblur-viewer when it ends.\n";
  each_member(settings, [&text](std::string_view key, const auto& value, const auto&... /*range*/) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(value)>, std::string>) {
      std::ostringstream line;
      line << toml::table{{key, value}};  // knows what to escape
      text += line.str() + "\n";
    } else {
      text += fmt::format("{} = {}\n", key, value);
    }
  });
  const auto bytes = std::as_bytes(std::span(text));
  write_file(file, {&bytes, 1});
}

}  // namespace unblur
