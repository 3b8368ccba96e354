// SPDX-License-Identifier: MIT
// The command line of unblur-viewer.
#pragma once

#include <optional>
#include <string>

namespace unblur {

struct ViewerOptions {
  std::string input, model, model2, device, precision, view, motion;
  std::string size;         ///< of the window or the picture, WxH
  std::string camera_size;  ///< of a camera's picture, WxH
  float ui_scale = 0;
  bool offscreen = false;
  int frames = 0;  ///< end after so many processed frames; 0: never
  std::string screenshot, script;
  int verbosity = 0;
};

/// Throws UsageError. Nothing where help or the version was asked for: it stands on standard output then.
[[nodiscard]] std::optional<ViewerOptions> parse_viewer_options(int argc, char** argv);

/// "1280x800"; `what` is the option in messages. Throws UsageError.
struct PixelSize {
  int width = 0, height = 0;
};
[[nodiscard]] PixelSize parse_size(const std::string& text, const std::string& what);

}  // namespace unblur
