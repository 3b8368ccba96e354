// SPDX-License-Identifier: MIT
#include "core/random_script.h"

#include <fmt/format.h>

#include <random>

namespace unblur {
namespace {

/// The library's distributions differ between implementations; the generator does not.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : generator_(seed) {}
  int below(int n) { return static_cast<int>(generator_() % static_cast<std::uint32_t>(n)); }
  const std::string& one_of(const std::vector<std::string>& list) {
    return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
  }

 private:
  std::mt19937 generator_;
};

}  // namespace

std::string random_script(std::uint32_t seed, int actions, const RandomScriptOptions& o) {
  Dice dice(seed);
  const auto place = [&] {
    const int x = dice.below(o.width);
    return fmt::format("{} {}", x, dice.below(o.height));
  };
  std::string text = fmt::format("# seed {}\n", seed);
  const auto wait = [&] { return fmt::format("\nwait {}\n", 1 + dice.below(o.most_wait)); };
  for (const std::string& source : o.sources) text += fmt::format("open {}\nwait 3\n", source);
  for (const std::string& key : o.keys) text += fmt::format("key {}\nwait 2\n", key);
  for (int done = 0; done < actions;) {
    const int kind = dice.below(100);
    std::string line;
    if (kind < 36 && !o.keys.empty()) {
      line = "key " + dice.one_of(o.keys);
    } else if (kind < 40 && !o.twice.empty()) {
      line = "key " + dice.one_of(o.twice);
      const std::string between = wait();
      line += between + line;
    } else if (kind < 60 && !o.widgets.empty()) {
      line = "click " + dice.one_of(o.widgets);
    } else if (kind < 70) {
      line = "click " + place();
    } else if (kind < 82) {
      const std::string from = place();
      line = fmt::format("drag {} {}", from, place());
    } else if (kind < 92) {
      line = fmt::format("wheel {}", dice.below(7) - 3);
    } else if (!o.sources.empty()) {
      line = "open " + dice.one_of(o.sources);
    }
    if (line.empty()) continue;
    text += line;
    text += wait();
    ++done;
  }
  return text + "quit\n";
}

}  // namespace unblur
