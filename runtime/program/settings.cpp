// SPDX-License-Identifier: MIT
#include "program/settings.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "graph/error.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

constexpr SettingInfo kSettings[] = {
    {"model", "unblur-rt", "model file, or the name of an installed model"},
    {"trajectory-model", "unblur-trajectory", "the same for `unblur trajectories`"},
    {"device", "", "index, part of the name or UUID; empty = the best (see `unblur devices`)"},
    {"precision", "auto", "auto, fp32 or fp16 (storage; sums are fp32 everywhere)"},
    {"memory-limit", "0", "device memory for the plan, as in 2G or 512M; 0 = what the device has"},
    {"strength", "1", "share of the correction, 0 (unchanged) to 1"},
    {"codec", "", "video codec or encoder; empty = the input's, else H.264"},
    {"crf", "-1", "constant quality on the codec's scale, lower is better; -1 = 16 for H.264"},
    {"pix-fmt", "", "pixel format as FFmpeg names it; empty = the input's"},
    {"scene-cut", "true", "start afresh where the scene changes"},
    {"progress", "auto", "bar, lines, json, none; auto = bar on a terminal, else a line every 10 s"},
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

fs::path base_dir(const char* name, const char* below_home) {
  fs::path value = variable(name);
  if (value.is_absolute()) return value;
  const fs::path home = variable("HOME");
  return home.is_absolute() ? home / below_home : fs::path{};
}

std::vector<fs::path> base_dirs(const char* name, const std::string& otherwise) {
  std::string list = variable(name);
  if (list.empty()) list = otherwise;
  std::vector<fs::path> dirs;
  for (std::size_t at = 0; at <= list.size();) {
    const std::size_t end = std::min(list.find(':', at), list.size());
    const fs::path dir = list.substr(at, end - at);
    if (dir.is_absolute()) dirs.push_back(dir);
    at = end + 1;
  }
  return dirs;
}

}  // namespace

std::span<const SettingInfo> all_settings() { return kSettings; }

std::string environment_name(std::string_view setting) {
  std::string name = "UNBLUR_";
  for (const char c : setting) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

fs::path config_home() { return base_dir("XDG_CONFIG_HOME", ".config"); }
fs::path cache_home() { return base_dir("XDG_CACHE_HOME", ".cache"); }
fs::path data_home() { return base_dir("XDG_DATA_HOME", ".local/share"); }
std::vector<fs::path> config_dirs() { return base_dirs("XDG_CONFIG_DIRS", "/etc/xdg"); }
std::vector<fs::path> data_dirs() { return base_dirs("XDG_DATA_DIRS", "/usr/local/share:/usr/share"); }

Settings::Settings(const std::map<std::string, std::string>& flags, const std::string& config) {
  for (const SettingInfo& s : kSettings) entries_[s.name] = {s.built_in, "built in"};
  // From the weakest source to the strongest; each overwrites.
  std::vector<fs::path> dirs = config_dirs();
  std::reverse(dirs.begin(), dirs.end());
  dirs.push_back(config_home());
  for (const fs::path& dir : dirs) {
    const fs::path file = dir / "unblur" / "config.toml";
    std::error_code ignored;
    if (!dir.empty() && fs::exists(file, ignored)) read_file(file);
  }
  if (!config.empty()) read_file(config);
  for (auto& [name, entry] : entries_) {
    const std::string environment = environment_name(name);
    if (const std::string value = variable(environment.c_str()); !value.empty()) entry = {value, environment};
  }
  for (const auto& [name, value] : flags) entries_.at(name) = {value, "--" + name};
}

void Settings::read_file(const fs::path& path) {
  try {
    const toml::table table = toml::parse_file(path.string());
    for (const auto& [key, node] : table) {
      const std::string name(key.str());
      const std::string origin = fmt::format("{}:{}", path.string(), node.source().begin.line);
      const auto found = entries_.find(name);
      if (found == entries_.end()) {
        throw UsageError(
            fmt::format("{}: '{}' is no setting; `unblur config show` lists them", origin, name));
      }
      std::string value;
      if (const auto text = node.value<std::string>(); node.is_string()) {
        value = *text;
      } else if (const auto yes = node.value<bool>(); node.is_boolean()) {
        value = *yes ? "true" : "false";
      } else if (const auto whole = node.value<std::int64_t>(); node.is_integer()) {
        value = std::to_string(*whole);
      } else if (const auto number = node.value<double>(); node.is_floating_point()) {
        value = fmt::format("{}", *number);
      } else {
        throw UsageError(fmt::format("{}: '{}' must be a text, number or truth value", origin, name));
      }
      found->second = {value, origin};
    }
  } catch (const toml::parse_error& e) {
    throw UsageError(fmt::format("{}:{}: {}", path.string(), e.source().begin.line, e.description()));
  }
}

void Settings::fail(const std::string& name, const std::string& expected) const {
  const Entry& e = entry(name);
  throw UsageError(fmt::format("{} '{}' ({}): expected {}", name, e.value, e.origin, expected));
}

double Settings::number(const std::string& name, double low, double high) const {
  const std::string& t = text(name);
  double value = 0;
  const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
  if (error != std::errc{} || end != t.data() + t.size() || !(value >= low && value <= high)) {
    fail(name, fmt::format("a number from {} to {}", low, high));
  }
  return value;
}

int Settings::integer(const std::string& name, int low, int high) const {
  const double value = number(name, low, high);
  if (value != static_cast<int>(value)) fail(name, "a whole number");
  return static_cast<int>(value);
}

bool Settings::flag(const std::string& name) const {
  const std::string& t = text(name);
  if (t == "true" || t == "1" || t == "yes" || t == "on") return true;
  if (t == "false" || t == "0" || t == "no" || t == "off") return false;
  fail(name, "true or false");
}

std::uint64_t Settings::bytes(const std::string& name) const {
  const std::string& t = text(name);
  double value = 0;
  const auto [end, error] = std::from_chars(t.data(), t.data() + t.size(), value);
  std::string unit(end, t.data() + t.size());
  if (unit.size() > 1 && unit.back() == 'B') unit.pop_back();
  if (unit.size() > 1 && unit.back() == 'i') unit.pop_back();
  double factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  if (unit == "K" || unit == "k") factor = 1024.0;
  if (unit == "M" || unit == "m") factor = 1024.0 * 1024;
  if (unit == "G" || unit == "g") factor = 1024.0 * 1024 * 1024;
  if (error != std::errc{} || factor == 0 || !(value >= 0) || value * factor > 1e15)
    fail(name, "a size such as 512M or 2G");
  return static_cast<std::uint64_t>(value * factor);
}

Precision Settings::precision() const {
  const std::string& t = text("precision");
  if (t == "auto") return Precision::kAuto;
  if (t == "fp32") return Precision::kFp32;
  if (t == "fp16") return Precision::kFp16;
  fail("precision", "auto, fp32 or fp16");
}

}  // namespace unblur
