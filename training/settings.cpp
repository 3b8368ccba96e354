// SPDX-License-Identifier: MIT
#include "settings.h"

#include <fmt/format.h>

#include <toml++/toml.h>
#include <fstream>
#include <set>
#include <sstream>

#include "graph/error.h"

namespace unblur {

struct Settings::Impl {
  toml::table root;
  std::string origin;
  std::set<std::string, std::less<>> asked;

  const toml::node* find(std::string_view key) {
    asked.emplace(key);
    const toml::node* node = &root;
    while (!key.empty() && node != nullptr) {
      const auto dot = key.find('.');
      const std::string part(key.substr(0, dot));
      key = dot == std::string_view::npos ? std::string_view{} : key.substr(dot + 1);
      if (const auto* table = node->as_table()) {
        node = table->get(part);
      } else if (const auto* array = node->as_array()) {
        node = array->get(static_cast<std::size_t>(std::stoul(part)));
      } else {
        node = nullptr;
      }
    }
    return node;
  }
  [[noreturn]] void refuse(std::string_view key, const toml::node& node, const std::string& wanted) const {
    const auto line = node.source().begin.line;
    throw UsageError(line > 0 ? fmt::format("{}:{}: '{}' must be {}", origin, line, key, wanted)
                              : fmt::format("{}: '{}' must be {}", origin, key, wanted));
  }
};

namespace {

/// "joint.rate=1e-3" as a table; a value that is no TOML is taken as text, so that paths need no quotes.
toml::table parse_override(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError("--set wants KEY=VALUE, not '" + text + "'");
  try {
    return toml::parse(text);
  } catch (const toml::parse_error&) {
    std::ostringstream quoted;
    quoted << text.substr(0, equals) << " = " << toml::value<std::string>(text.substr(equals + 1));
    try {
      return toml::parse(quoted.str());
    } catch (const toml::parse_error& e) {
      throw UsageError(fmt::format("--set {}: {}", text, e.description()));
    }
  }
}

void merge(toml::table& into, const toml::table& from) {
  for (const auto& [key, value] : from) {
    toml::node* old = into.get(key.str());
    if (old != nullptr && old->is_table() && value.is_table()) {
      merge(*old->as_table(), *value.as_table());
    } else {
      value.visit([&](const auto& v) { into.insert_or_assign(key.str(), v); });
    }
  }
}

/// Visits every leaf with its dotted key.
template <typename Visit>
void each_leaf(const toml::node& node, const std::string& key, const Visit& visit) {
  const auto join = [&](const std::string& part) { return key.empty() ? part : key + "." + part; };
  if (const auto* table = node.as_table()) {
    for (const auto& [name, child] : *table) each_leaf(child, join(std::string(name.str())), visit);
  } else if (const auto* array = node.as_array(); array != nullptr && array->is_array_of_tables()) {
    for (std::size_t i = 0; i < array->size(); ++i) each_leaf((*array)[i], join(std::to_string(i)), visit);
  } else {
    visit(key, node);
  }
}

}  // namespace

Settings::Settings(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Settings::Settings(Settings&&) noexcept = default;
Settings& Settings::operator=(Settings&&) noexcept = default;
Settings::~Settings() = default;

Settings Settings::read(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  std::ifstream file(path);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) throw InputError("cannot read the configuration " + path.string());
  Settings settings = parse(text.str(), path.string(), overrides);
  settings.folder_ = path.parent_path();
  return settings;
}

Settings Settings::parse(std::string_view text, const std::string& origin,
                         const std::vector<std::string>& overrides) {
  auto impl = std::make_unique<Impl>();
  impl->origin = origin;
  try {
    impl->root = toml::parse(text, origin);
  } catch (const toml::parse_error& e) {
    throw UsageError(fmt::format("{}:{}: {}", origin, e.source().begin.line, e.description()));
  }
  for (const std::string& o : overrides) merge(impl->root, parse_override(o));
  return Settings(std::move(impl));
}

std::string Settings::text(std::string_view key, std::string_view fallback) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return std::string(fallback);
  const auto value = node->value_exact<std::string>();
  if (!value) impl_->refuse(key, *node, "a text in quotes");
  return *value;
}

double Settings::number(std::string_view key, double fallback, double low, double high) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return fallback;
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !(*value >= low && *value <= high)) {
    impl_->refuse(key, *node, fmt::format("a number from {} to {}", low, high));
  }
  return *value;
}

std::int64_t Settings::integer(std::string_view key, std::int64_t fallback, std::int64_t low,
                               std::int64_t high) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return fallback;
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < low || *value > high) {
    impl_->refuse(key, *node, fmt::format("a whole number from {} to {}", low, high));
  }
  return *value;
}

bool Settings::flag(std::string_view key, bool fallback) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return fallback;
  const auto value = node->value_exact<bool>();
  if (!value) impl_->refuse(key, *node, "true or false");
  return *value;
}

std::vector<std::string> Settings::texts(std::string_view key) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return {};
  if (const auto one = node->value_exact<std::string>()) return {*one};
  const toml::array* array = node->as_array();
  std::vector<std::string> out;
  if (array == nullptr) impl_->refuse(key, *node, "a list of texts");
  for (const auto& item : *array) {
    const auto value = item.value_exact<std::string>();
    if (!value) impl_->refuse(key, *node, "a list of texts");
    out.push_back(*value);
  }
  return out;
}

std::size_t Settings::tables(std::string_view key) {
  const toml::node* node = impl_->find(key);
  if (node == nullptr) return 0;
  const toml::array* array = node->as_array();
  if (array == nullptr || !array->is_array_of_tables()) impl_->refuse(key, *node, "an array of tables");
  return array->size();
}

std::vector<std::string> Settings::keys(std::string_view table) {
  const toml::node* node = impl_->find(table);
  if (node == nullptr) return {};
  if (!node->is_table()) impl_->refuse(table, *node, "a table");
  std::vector<std::string> names;
  for (const auto& [name, value] : *node->as_table()) names.emplace_back(name.str());
  return names;
}

void Settings::refuse_unknown() const {
  each_leaf(impl_->root, "", [&](const std::string& key, const toml::node& node) {
    if (impl_->asked.contains(key)) return;
    const auto line = node.source().begin.line;
    throw UsageError(line > 0 ? fmt::format("{}:{}: unknown key '{}'", impl_->origin, line, key)
                              : fmt::format("{}: unknown key '{}'", impl_->origin, key));
  });
}

std::string Settings::dump() const {
  std::ostringstream out;
  out << impl_->root;
  return out.str();
}

}  // namespace unblur
