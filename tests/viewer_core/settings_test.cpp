// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "core/viewer_settings.h"
#include "graph/error.h"
#include "scratch.h"

namespace unblur::test {
namespace {

TEST(ViewerSettingsFile, KeepsEverything) {
  const Scratch scratch;
  ViewerSettings s;
  s.source = "C:\\odd \"name\"\n.mp4";
  s.model = "unblur-rt";
  s.model2 = "/a/b.safetensors";
  s.device = "lavapipe", s.precision = "fp16";
  s.view = "difference", s.motion = "hsv";
  s.divider = 0.1F, s.strength = 0.75F, s.gain = 16, s.full_scale = 12.5F, s.speed = 0.25F, s.ui_scale = 1.5F;
  s.grid = 24, s.scale_percent = 75, s.width = 640, s.height = 480;
  s.loop = false, s.mirror = true, s.panels = false, s.dark = false;
  s.camera_width = 1920, s.camera_height = 1080, s.camera_fps = 59.94F;
  const std::filesystem::path file = scratch / "home/unblur/viewer.toml";
  save_viewer_settings(file, s);
  std::string complaint = "old";
  EXPECT_EQ(load_viewer_settings(file, complaint), s);
  EXPECT_EQ(complaint, "");
  std::ifstream in(file);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  EXPECT_NE(text.find("divider = 0.1\n"), std::string::npos) << text;
}

TEST(ViewerSettingsFile, WrongValuesKeepTheirDefaultsAndAreNamed) {
  const Scratch scratch;
  const std::string file = scratch / "viewer.toml";
  std::string complaint;
  EXPECT_EQ(load_viewer_settings(file, complaint), ViewerSettings{}) << "no file yet";
  EXPECT_EQ(complaint, "");
  std::ofstream(file) << "mirror = true\nview = 'sideways'\nstrength = 7\nfuture-key = [1, 2]\ngrid = "
                         "1.5\nloop = 3\ngain = nan\nwidth = 800\n";
  const ViewerSettings s = load_viewer_settings(file, complaint);
  EXPECT_EQ(complaint, file + ":2: view: expected one of split, side, a, b, difference, blink");
  ViewerSettings expected;
  expected.mirror = true;
  expected.width = 800;
  EXPECT_EQ(s, expected);
  std::ofstream(file) << "mirror = true\nview = \n";
  EXPECT_EQ(load_viewer_settings(file, complaint), ViewerSettings{});
  EXPECT_NE(complaint.find(file + ":2"), std::string::npos) << complaint;
}

TEST(ViewerSettingsFile, StandsInTheConfigurationFolder) {
  ::setenv("XDG_CONFIG_HOME", "/some/where", 1);
  EXPECT_EQ(viewer_settings_file(), "/some/where/unblur/viewer.toml");
  EXPECT_THROW(save_viewer_settings("/proc/none/viewer.toml", {}), ProcessingError);
}

}  // namespace
}  // namespace unblur::test
