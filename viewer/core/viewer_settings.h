// SPDX-License-Identifier: MIT
// What the viewer remembers from one day to the next: $XDG_CONFIG_HOME/unblur/viewer.toml, a key per line, as
// the members here with dashes ("ui-scale"). People may edit it.
#pragma once

#include <filesystem>
#include <string>

namespace unblur {

struct ViewerSettings {
  std::string source;              ///< opened last; empty = never one
  std::string model, model2;       ///< file or name; empty = the default, none
  std::string device;              ///< index, part of the name or UUID; empty = the best
  std::string precision = "auto";  ///< auto, fp32, fp16
  std::string view = "split";      ///< split, side, a, b, difference, blink
  std::string motion = "none";     ///< none, paths, quiver, middlebury, hsv
  float divider = 0.5F;            ///< 0 to 1
  float strength = 1;              ///< 0 to 1
  float gain = 4;                  ///< of the difference, 1 to 64
  int grid = 0;                    ///< px between paths or arrows, 0 = by the size
  float full_scale = 32;           ///< px, of arrows and maps
  int scale_percent = 100;         ///< of the picture that the model gets: 100, 75, 50
  float speed = 1;                 ///< of playback, 1/16 to 16
  bool loop = true;
  int camera_width = 0, camera_height = 0;  ///< 0 = by itself
  float camera_fps = 0;
  std::string camera_format;  ///< MJPG, JPEG, YUYV; empty = by itself
  bool mirror = false, panels = true, dark = true;
  float ui_scale = 0;              ///< 0 = the display's
  int width = 1280, height = 800;  ///< of the window
  bool operator==(const ViewerSettings&) const = default;
};

/// Empty where there is no home.
[[nodiscard]] std::filesystem::path viewer_settings_file();

/// Never throws. What is missing keeps its default, and so does what is no value for its key: the first such
/// place becomes `complaint`. Keys that are not known are left alone (another version's).
[[nodiscard]] ViewerSettings load_viewer_settings(const std::filesystem::path& file, std::string& complaint);

/// Complete or not at all; makes the folder. Throws ProcessingError.
void save_viewer_settings(const std::filesystem::path& file, const ViewerSettings& settings);

}  // namespace unblur
