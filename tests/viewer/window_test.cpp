// SPDX-License-Identifier: MIT
// A real window on a display of its own, moved by a real mouse.
#include <gtest/gtest.h>

#include <fstream>

#include "core/test_pattern.h"
#include "viewing.h"

namespace unblur::test {
namespace {

#ifdef UNBLUR_XVFB_RUN
TEST(Window, XdotoolMovesTheDividerAndKeysWork) {
  const Viewing v;
  std::string program;
  for (const std::string& word : v.command({"pattern:320x180", "--size", "320x180"}, ""))
    program += word + " ";
  std::ofstream(v / "person.sh")
      << "#!/bin/sh\n" + program +
             "2>viewer.err &\n"
             "viewer=$!\n"
             "xdotool search --sync --onlyvisible --name Unblur >/dev/null\n"
             "sleep 4\n"
             "xdotool key h\nsleep 1\n"
             "xdotool mousemove 160 90\nsleep 0.5\n"
             "xdotool mousedown 1\nsleep 0.5\nxdotool mousemove 120 90\nsleep 0.3\n"
             "xdotool mousemove 80 90\nsleep 0.5\nxdotool mouseup 1\nsleep 0.5\n"
             "xdotool key space\nsleep 1\nxdotool key f\nsleep 1\nxdotool key ctrl+q\n"
             "wait $viewer\n";
  const Outcome o =
      Process(v.folder(), {UNBLUR_XVFB_RUN, "-a", "-s", "-screen 0 640x480x24", "sh", "person.sh"},
              v.environment({{"XDG_RUNTIME_DIR", v.folder().string()}}))
          .wait();
  ASSERT_EQ(o.code, 0) << o.err << slurp(v / "viewer.err");
  Frame saved;
  for (const auto& entry : std::filesystem::directory_iterator(v.folder())) {
    if (entry.path().extension() == ".png") saved = v.picture(entry.path().filename().string());
  }
  ASSERT_EQ(saved.format.width, 320) << slurp(v / "viewer.err");
  const std::optional<int> index = read_stamp(saved);  // in the lower left corner: side A
  ASSERT_TRUE(index.has_value());
  const Frame input = TestPattern(test_pattern_options("pattern:320x180")).picture(*index, false);
  EXPECT_EQ(worst(saved, input, 0, 78), 0);
  EXPECT_LE(worst(saved, halved(input), 82, 320), 1);
}
#endif

}  // namespace
}  // namespace unblur::test
