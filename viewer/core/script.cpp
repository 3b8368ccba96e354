// SPDX-License-Identifier: MIT
#include "core/script.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <fstream>
#include <iterator>
#include <optional>

#include "graph/error.h"

namespace unblur {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t from = text.find_first_not_of(kBlank);
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(kBlank) - from + 1);
}

std::optional<double> as_number(std::string_view word) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool good = error == std::errc{} && end == word.data() + word.size() && std::isfinite(value);
  return good ? std::optional(value) : std::nullopt;
}

class LineParser {
 public:
  LineParser(std::string_view line, std::string where) : where_(std::move(where)) {
    const std::size_t end = std::min(line.find_first_of(" \t"), line.size());
    verb_ = line.substr(0, end);
    rest_ = trimmed(line.substr(end));
    for (std::string_view left = rest_; !left.empty();) {
      const std::size_t stop = std::min(left.find_first_of(" \t"), left.size());
      words_.push_back(left.substr(0, stop));
      left = trimmed(left.substr(stop));
    }
  }

  [[nodiscard]] ScriptAction::What parse() const {
    if (verb_ == "open") return ScriptAction::Open{text("a file, folder, camera or pattern")};
    if (verb_ == "key") return press();
    if (verb_ == "click") return click();
    if (verb_ == "drag") {
      const std::vector<double> v = numbers(4, "drag X0 Y0 X1 Y1");
      return ScriptAction::Drag{v[0], v[1], v[2], v[3]};
    }
    if (verb_ == "wheel") return ScriptAction::Wheel{numbers(1, "wheel N")[0]};
    if (verb_ == "wait") return wait();
    if (verb_ == "screenshot") return ScriptAction::Screenshot{text("a file name")};
    if (verb_ == "expect") return ScriptAction::Expect{text("what the status line says")};
    if (verb_ == "quit") {
      if (!words_.empty()) fail("quit stands alone");
      return ScriptAction::Quit{};
    }
    fail(fmt::format("'{}': there are open, key, click, drag, wheel, wait, screenshot, expect and quit",
                     verb_));
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw UsageError(where_ + ": " + what); }

  [[nodiscard]] std::string text(const char* expected) const {
    if (rest_.empty()) fail(fmt::format("{} needs {}", verb_, expected));
    return std::string(rest_);
  }
  [[nodiscard]] std::vector<double> numbers(std::size_t count, const char* form) const {
    std::vector<double> values;
    for (const std::string_view word : words_) {
      const auto value = as_number(word);
      if (!value) fail(fmt::format("'{}' is no number, expected {}", word, form));
      values.push_back(*value);
    }
    if (values.size() != count) fail(fmt::format("expected {}", form));
    return values;
  }
  [[nodiscard]] ScriptAction::What press() const {
    const auto key = key_of(text("a key"));
    if (!key) fail(fmt::format("there is no key '{}'", rest_));
    return ScriptAction::Press{*key};
  }
  [[nodiscard]] ScriptAction::What click() const {
    const std::string label = text("a widget or a place");
    if (words_.size() == 2 && as_number(words_[0]) && as_number(words_[1]))
      return ScriptAction::ClickAt{*as_number(words_[0]), *as_number(words_[1])};
    return ScriptAction::ClickWidget{label};
  }
  [[nodiscard]] ScriptAction::What wait() const {
    const double frames = numbers(1, "wait FRAMES")[0];
    if (frames < 0 || frames > 1e6 || frames != std::floor(frames)) fail("wait FRAMES takes 0 to 1000000");
    return ScriptAction::Wait{static_cast<int>(frames)};
  }

  std::string where_;
  std::string_view verb_, rest_;
  std::vector<std::string_view> words_;
};

}  // namespace

std::vector<ScriptAction> parse_script(std::string_view text, const std::string& name) {
  std::vector<ScriptAction> actions;
  int number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string_view line = trimmed(text.substr(at, end - at));
    at = end + 1;
    ++number;
    if (line.empty() || line.front() == '#') continue;
    actions.push_back(
        {number, std::string(line), LineParser(line, fmt::format("{}:{}", name, number)).parse()});
  }
  return actions;
}

std::vector<ScriptAction> read_script(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw InputError(fmt::format("{}: cannot be read", file.string()));
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return parse_script(text, file.string());
}

}  // namespace unblur
