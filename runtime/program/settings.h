// SPDX-License-Identifier: MIT
// Settings that may come from a flag, the environment, a file or the program itself, in that order.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/executor.h"

namespace unblur {

struct SettingInfo {
  const char* name;  ///< flag without dashes and key of the configuration file: "pix-fmt"
  const char* built_in;
  const char* help;
};

/// All settings, in the order `config show` prints them. The environment name is UNBLUR_ + upper case.
[[nodiscard]] std::span<const SettingInfo> all_settings();
[[nodiscard]] std::string environment_name(std::string_view setting);

class Settings {
 public:
  struct Entry {
    std::string value;
    std::string
        origin;  ///< "--strength", "UNBLUR_STRENGTH", "/home/me/.config/unblur/config.toml:3", "built in"
  };

  /// `flags`: those given on the command line. `config`: --config FILE, empty = none. Throws UsageError on an
  /// unreadable file or a key that is no setting.
  Settings(const std::map<std::string, std::string>& flags, const std::string& config);

  [[nodiscard]] const Entry& entry(const std::string& name) const { return entries_.at(name); }
  [[nodiscard]] const std::string& text(const std::string& name) const { return entry(name).value; }
  // All throw UsageError naming the origin.
  [[nodiscard]] double number(const std::string& name, double low, double high) const;
  [[nodiscard]] int integer(const std::string& name, int low, int high) const;
  [[nodiscard]] bool flag(const std::string& name) const;
  [[nodiscard]] std::uint64_t bytes(const std::string& name) const;  ///< "2G", "512MiB", "0"
  [[nodiscard]] Precision precision() const;
  [[nodiscard]] const std::map<std::string, Entry>& all() const { return entries_; }

 private:
  void read_file(const std::filesystem::path& path);
  [[noreturn]] void fail(const std::string& name, const std::string& expected) const;
  std::map<std::string, Entry> entries_;
};

/// XDG base directories: an empty or relative variable counts as unset.
[[nodiscard]] std::filesystem::path config_home();
[[nodiscard]] std::vector<std::filesystem::path> config_dirs();  ///< $XDG_CONFIG_DIRS
[[nodiscard]] std::filesystem::path cache_home();
[[nodiscard]] std::filesystem::path data_home();
[[nodiscard]] std::vector<std::filesystem::path> data_dirs();

}  // namespace unblur
