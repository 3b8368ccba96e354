// SPDX-License-Identifier: MIT
// A real window on a display of its own, moved by a real mouse; sources that fail under it.
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <optional>
#include <thread>

#include "core/test_pattern.h"
#include "media/image_file.h"
#include "viewing.h"

#ifdef UNBLUR_XVFB_RUN
namespace unblur::test {
namespace {

/// Shell lines on a display of their own. `$viewer` there is the program with the model.
class Display {
 public:
  Display(const Viewing& v, const std::string& lines) {
    std::string program;
    for (const std::string& word : v.command({}, "")) program += word + " ";
    std::ofstream(v / "person.sh")
        << "#!/bin/sh\nset -e\nviewer='" + program +
               "'\nhand='" UNBLUR_X11_HAND
               "'\nwindow() { xdotool search --sync --onlyvisible --name Unblur; }\n" +
               lines;
    process_.emplace(
        v.folder(),
        std::vector<std::string>{UNBLUR_XVFB_RUN, "-a", "-s", "-screen 0 640x480x24", "sh", "person.sh"},
        v.environment({{"XDG_RUNTIME_DIR", v.folder().string()}}));
  }
  Outcome wait() { return process_->wait(); }

 private:
  std::optional<Process> process_;
};

/// Waits until a file holds a text so often; false after half a minute.
bool comes(const std::filesystem::path& file, const std::string& text, int times = 1) {
  for (int i = 0; i < 600; ++i) {
    const std::string all = slurp(file);
    int found = 0;
    for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++found;
    if (found >= times) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

TEST(Window, XdotoolMovesTheDividerAndTheWindowChangesItsSize) {
  const Viewing v;
  write_png(v / "still.png", TestPattern(test_pattern_options("pattern:320x180")).picture(3, true));
  Display display(
      v,
      "$viewer pattern:320x180 --size 320x180 2>viewer.err &\n"
      "id=$(window)\nsleep 3\n"
      "xdotool key h\nsleep 1\n"
      "xdotool mousemove 160 90\nsleep 0.5\n"
      "xdotool mousedown 1\nsleep 0.5\nxdotool mousemove 120 90\nsleep 0.3\n"
      "xdotool mousemove 80 90\nsleep 0.5\nxdotool mouseup 1\nsleep 0.5\n"
      "xdotool key space\nsleep 1\nxdotool key f\nsleep 1\nmv *-view.png divided.png\n"
      // Another size, out of sight and back, the whole screen and back.
      "xdotool key space\nxdotool windowsize --sync $id 400 300\nsleep 1\nxdotool key f\nsleep 1\n"
      "mv *-view.png resized.png\n"
      "xdotool windowunmap $id\nsleep 1\nxdotool windowmap $id\nsleep 1\n"
      "xdotool windowfocus $id\nxdotool key F11\nsleep 1\nxdotool key f\nsleep 1\nmv *-view.png full.png\n"
      "xdotool key F11\nsleep 1\n"
      "$hand drop $id \"$PWD/still.png\"\nsleep 1.5\nxdotool key f\nsleep 1\n"
      "mv still-000000-view.png dropped.png\nxdotool key ctrl+q\nwait $!\n");
  const Outcome o = display.wait();
  ASSERT_EQ(o.code, 0) << o.err << slurp(v / "viewer.err");
  const Frame saved = v.picture("divided.png");
  ASSERT_EQ(saved.format.width, 320) << slurp(v / "viewer.err");
  const std::optional<int> index = read_stamp(saved);  // in the lower left corner: side A
  ASSERT_TRUE(index.has_value());
  const Frame input = TestPattern(test_pattern_options("pattern:320x180")).picture(*index, false);
  EXPECT_EQ(worst(saved, input, 0, 78), 0);
  EXPECT_LE(worst(saved, halved(input), 82, 320), 1);
  const Frame resized = v.picture("resized.png"), full = v.picture("full.png");
  EXPECT_EQ(resized.format.width, 400);
  EXPECT_EQ(resized.format.height, 300);
  EXPECT_EQ(full.format.width, 640);
  EXPECT_EQ(full.format.height, 480);
  EXPECT_EQ(v.picture("dropped.png").format.width, 400);
}

TEST(Window, ScriptsRunSettingsStayAndALostDeviceIsTriedAgain) {
  const Viewing v;
  std::ofstream(v / "first.txt") << "wait 3\nkey 4\nkey m\nkey x\nkey ,\nwait 2\nexpect fps\nquit\n";
  std::ofstream(v / "again.txt") << "wait 2\nexpect 160x120\nscreenshot again.png\nquit\n";
  std::ofstream(v / "lost.txt")
      << "wait 30\nexpect device was lost\nkey shift+r\nwait 4\nkey h\nkey 1\nwait 2\n"
         "key space\nscreenshot after.png\nquit\n";
  Display display(
      v,
      "$viewer pattern:160x120 --size 320x240 --script first.txt 2>viewer.err\n"
      "$viewer --script again.txt 2>>viewer.err\n"
      "UNBLUR_FAULT=device-lost@5 XDG_CONFIG_HOME=$PWD/other $viewer pattern:320x180 --size 320x180 "
      "--script lost.txt 2>>viewer.err\n");
  const Outcome o = display.wait();
  ASSERT_EQ(o.code, 0) << o.err << slurp(v / "viewer.err");
  const std::string settings = slurp(v.folder() / "config" / "unblur" / "viewer.toml");
  for (const char* line : {"view = 'b'", "motion = 'paths'", "mirror = true", "source = 'pattern:160x120'"})
    EXPECT_NE(settings.find(line), std::string::npos) << line << " in\n" << settings;
  EXPECT_EQ(v.picture("again.png").format.height, 240);
  const Frame after = v.picture("after.png");
  const std::optional<int> index = read_stamp(after);
  ASSERT_TRUE(index.has_value());
  const Frame input = TestPattern(test_pattern_options("pattern:320x180")).picture(*index, false);
  EXPECT_EQ(worst(after, input, 0, 158), 0);
  EXPECT_LE(worst(after, halved(input), 162, 320), 1);
}

TEST(Window, ACameraFailsAndComesBack) {
  const Viewing v;
  const auto tell_camera = [&v](const char* what) { std::ofstream(v / "command") << what; };
  Display display(
      v, "LD_PRELOAD=" UNBLUR_FAKE_V4L2
         " UNBLUR_FAKE_V4L2_COMMAND=$PWD/command "
         "UNBLUR_VIEWER_COUNTERS=$PWD/counters.csv $viewer camera:9 --camera-size 640x360 --size 320x180 "
         "--view a 2>viewer.err &\n"
         "while [ ! -e end ]; do sleep 0.2; done\n"
         "xdotool key h\nsleep 1\nxdotool key f\nsleep 1\nxdotool key ctrl+q\nwait $!\n");
  ASSERT_TRUE(comes(v / "counters.csv", "\n", 3)) << slurp(v / "viewer.err");
  int back = 0;
  for (const auto& [command, said] : {std::pair{"broken", "no picture could be decoded"},
                                      {"stall", "sent no picture"},
                                      {"eio", "Input/output error"},
                                      {"gone", "the camera was unplugged"}}) {
    tell_camera(command);
    EXPECT_TRUE(comes(v / "viewer.err", said)) << slurp(v / "viewer.err");
    tell_camera("run");
    EXPECT_TRUE(comes(v / "viewer.err", "camera:9 is back", ++back)) << slurp(v / "viewer.err");
  }
  std::ofstream(v / "end") << "now";
  const Outcome o = display.wait();
  ASSERT_EQ(o.code, 0) << o.err << slurp(v / "viewer.err");
  const Frame seen = v.picture(v.only_file("-view.png"));
  int ramp = 0;
  for (int x = 0; x < 320; ++x) ramp += std::abs(pixel(seen, x, 90)[1] - 80) <= 3 ? 1 : 0;
  EXPECT_GT(ramp, 280) << "a bright bar over a grey ramp";
}

}  // namespace
}  // namespace unblur::test
#endif
