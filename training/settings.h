// SPDX-License-Identifier: MIT
// A TOML file plus `--set key=value` overrides, read key by key. Whatever was never asked for is a spelling
// mistake and an error. Every error is a UsageError that names the file, line and key.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace unblur {

class Settings {
 public:
  /// Throws InputError if the file cannot be read, UsageError if it is no TOML or an override is malformed.
  static Settings read(const std::filesystem::path& path, const std::vector<std::string>& overrides);
  static Settings parse(std::string_view text, const std::string& origin,
                        const std::vector<std::string>& overrides);

  Settings(Settings&&) noexcept;
  Settings& operator=(Settings&&) noexcept;
  ~Settings();

  /// Values by dotted key ("joint.rate"); the fallback where the key is absent. Numbers must lie in [low,
  /// high].
  [[nodiscard]] std::string text(std::string_view key, std::string_view fallback);
  [[nodiscard]] double number(std::string_view key, double fallback, double low, double high);
  [[nodiscard]] std::int64_t integer(std::string_view key, std::int64_t fallback, std::int64_t low,
                                     std::int64_t high);
  [[nodiscard]] bool flag(std::string_view key, bool fallback);
  [[nodiscard]] std::vector<std::string> texts(std::string_view key);
  /// Number of tables in an array of tables; their keys are "key.0.name", "key.1.name", ...
  [[nodiscard]] std::size_t tables(std::string_view key);

  /// Names in a table, empty where it is absent.
  [[nodiscard]] std::vector<std::string> keys(std::string_view table);

  /// Throws UsageError naming the first key that nothing asked for.
  void refuse_unknown() const;
  /// The merged settings as TOML, for the log and the checkpoint.
  [[nodiscard]] std::string dump() const;
  /// Folder of the file: relative paths in it are meant from there.
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

 private:
  struct Impl;
  explicit Settings(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::filesystem::path folder_;
};

}  // namespace unblur
