// SPDX-License-Identifier: MIT
// Scripts and keys as text.
#include "core/script.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/random_script.h"
#include "graph/error.h"
#include "scratch.h"

namespace unblur::test {
namespace {

std::string refusal_of(const std::string& text) {
  try {
    (void)parse_script(text, "s");
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(Scripts, EveryActionIsRead) {
  const auto actions = parse_script(
      "# a comment\n\nopen my clip.mp4\r\n  key Ctrl+Shift+P\nkey ?\nclick Model 1\nclick 10 20.5\nclick 10\n"
      "drag 1 2 3 4\nwheel -2\nwait 12\nscreenshot out/a b.png\nexpect 320x180, fp32\nquit",
      "s");
  ASSERT_EQ(actions.size(), 12U);
  EXPECT_EQ(actions[0].line, 3);
  EXPECT_EQ(std::get<ScriptAction::Open>(actions[0].what).path, "my clip.mp4");
  EXPECT_EQ(actions[0].text, "open my clip.mp4");
  EXPECT_EQ(std::get<ScriptAction::Press>(actions[1].what).key, (Key{'P', true, true, false}));
  EXPECT_EQ(std::get<ScriptAction::Press>(actions[2].what).key, (Key{'/', false, true, false}));
  EXPECT_EQ(std::get<ScriptAction::ClickWidget>(actions[3].what).label, "Model 1");
  EXPECT_EQ(std::get<ScriptAction::ClickAt>(actions[4].what).y, 20.5);
  EXPECT_EQ(std::get<ScriptAction::ClickWidget>(actions[5].what).label, "10") << "a place is two numbers";
  EXPECT_EQ(std::get<ScriptAction::Drag>(actions[6].what).y1, 4);
  EXPECT_EQ(std::get<ScriptAction::Wheel>(actions[7].what).notches, -2);
  EXPECT_EQ(std::get<ScriptAction::Wait>(actions[8].what).frames, 12);
  EXPECT_EQ(std::get<ScriptAction::Screenshot>(actions[9].what).file, "out/a b.png");
  EXPECT_EQ(std::get<ScriptAction::Expect>(actions[10].what).text, "320x180, fp32");
  EXPECT_TRUE(std::holds_alternative<ScriptAction::Quit>(actions[11].what));
  EXPECT_EQ(actions[11].line, 14);
  EXPECT_TRUE(parse_script("", "s").empty());
}

TEST(Scripts, MistakesNameTheirLine) {
  EXPECT_EQ(refusal_of("quit\njump 3"),
            "s:2: 'jump': there are open, key, click, drag, wheel, wait, screenshot, expect and quit");
  EXPECT_EQ(refusal_of("\n\nkey hyper"), "s:3: there is no key 'hyper'");
  EXPECT_EQ(refusal_of("drag 1 2 3"), "s:1: expected drag X0 Y0 X1 Y1");
  EXPECT_EQ(refusal_of("drag 1 2 3 x"), "s:1: 'x' is no number, expected drag X0 Y0 X1 Y1");
  EXPECT_EQ(refusal_of("wait 1.5"), "s:1: wait FRAMES takes 0 to 1000000");
  EXPECT_EQ(refusal_of("wait -1"), "s:1: wait FRAMES takes 0 to 1000000");
  EXPECT_EQ(refusal_of("wheel nan"), "s:1: 'nan' is no number, expected wheel N");
  EXPECT_EQ(refusal_of("quit now"), "s:1: quit stands alone");
  for (const char* bare : {"open", "key", "click", "screenshot", "expect"})
    EXPECT_NE(refusal_of(bare).find("needs"), std::string::npos) << bare;
  EXPECT_THROW((void)read_script("/nonexistent/script"), InputError);
  const Scratch scratch;
  std::ofstream(scratch / "s.txt") << "key a\nwait";
  EXPECT_THROW((void)read_script(scratch / "s.txt"), UsageError);
}

TEST(Keys, NamesAndCodesGoBothWays) {
  for (const char* name :
       {"a", "z", "0", "space", "escape", "f1", "f12", "left", "pageup", "?", "plus", "shift+[", "minus", ",",
        "ctrl+s", "ctrl+shift+p", "shift+left", "alt+enter", "\\"}) {
    const auto key = key_of(name);
    ASSERT_TRUE(key.has_value()) << name;
    EXPECT_EQ(key_name(*key), name);
  }
  EXPECT_EQ(key_of("SPACE"), key_of("space"));
  EXPECT_EQ(key_of("<"), key_of("shift+,"));
  EXPECT_EQ(key_of("F"), (Key{'F', false, false, false}));
  for (const char* wrong : {"", "ctrl+", "ctrl", "f13", "shift+ctrl", "aa", " "})
    EXPECT_FALSE(key_of(wrong)) << wrong;
  EXPECT_EQ(key_name({999, true, false, false}), "ctrl+key 999");
}

TEST(RandomScripts, AreValidAndRepeatable) {
  RandomScriptOptions options;
  options.sources = {"pattern:320x180", "clip.mp4"};
  options.keys = {"space", "ctrl+shift+p", "?"};
  options.widgets = {"Model 1", "Loop"};
  const std::string text = random_script(7, 300, options);
  EXPECT_EQ(text, random_script(7, 300, options));
  EXPECT_NE(text, random_script(8, 300, options));
  const auto actions = parse_script(text, "random");
  ASSERT_EQ(actions.size(), 2 * (options.sources.size() + options.keys.size() + 300) + 1)
      << "everything once, then 300, each with a wait, and quit";
  std::vector<int> kinds(std::variant_size_v<ScriptAction::What>);
  for (const ScriptAction& a : actions) ++kinds[a.what.index()];
  EXPECT_GT(kinds[0], 5) << "open";
  EXPECT_GT(kinds[1], 50) << "key";
  EXPECT_GT(kinds[2], 30) << "click a widget";
  EXPECT_GT(kinds[3], 10) << "click a place";
  EXPECT_GT(kinds[4], 15) << "drag";
  EXPECT_GT(kinds[5], 15) << "wheel";
  const auto bare = parse_script(random_script(1, 40, {}), "random");
  for (const ScriptAction& a : bare) EXPECT_FALSE(std::holds_alternative<ScriptAction::Open>(a.what));
}

}  // namespace
}  // namespace unblur::test
