// SPDX-License-Identifier: MIT
#include "options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "graph/error.h"

namespace unblur {

PixelSize parse_size(const std::string& text, const std::string& what) {
  PixelSize size;
  char rest = 0;
  if (std::sscanf(text.c_str(), "%dx%d%c", &size.width, &size.height, &rest) != 2 || size.width < 16 ||
      size.height < 16 || size.width > 16384 || size.height > 16384) {
    throw UsageError(fmt::format("{} '{}': expected WIDTHxHEIGHT, as in 1280x800", what, text));
  }
  return size;
}

std::optional<ViewerOptions> parse_viewer_options(int argc, char** argv) {
  ViewerOptions o;
  CLI::App app("Shows blur, motion and sharpness live: a camera or a video beside what a model makes of it.",
               "unblur-viewer");
  app.add_option(
         "input,-i,--input", o.input,
         "a file, a folder, camera[:N] or pattern[:WxH[@FPS]]; default what was open last, else pattern")
      ->type_name("INPUT");
  app.add_option("-m,--model", o.model, "model file or name of an installed one; default unblur-rt")
      ->type_name("MODEL");
  app.add_option("-b,--model2", o.model2, "a second model, to compare with")->type_name("MODEL");
  app.add_option("-d,--device", o.device, "index, part of the name or UUID; default the best")
      ->type_name("DEVICE");
  app.add_option("--precision", o.precision, "what values are stored in")
      ->check(CLI::IsMember({"auto", "fp32", "fp16"}));
  app.add_option("--view", o.view, "what is shown")
      ->check(CLI::IsMember({"split", "side", "a", "b", "difference", "blink"}));
  app.add_option("--motion", o.motion, "how motion is drawn")
      ->check(CLI::IsMember({"none", "paths", "quiver", "middlebury", "hsv"}));
  app.add_option("--size", o.size, "of the window, px")->type_name("WxH");
  app.add_option("--camera-size", o.camera_size, "of a camera's picture")->type_name("WxH");
  app.add_option("--ui-scale", o.ui_scale, "of text and widgets; default the display's")
      ->type_name("S")
      ->check(CLI::Range(0.5F, 4.0F));
  app.add_flag("--offscreen", o.offscreen, "no window: every frame is read, processed and drawn in turn");
  app.add_option("--frames", o.frames, "end after so many processed frames")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 30));
  app.add_option("--screenshot", o.screenshot, "write the last picture of the window as PNG")
      ->type_name("FILE");
  app.add_option("--script", o.script, "do what FILE says, a line each (docs/viewer.md)")->type_name("FILE");
  app.add_flag_callback(
      "-q,--quiet", [&] { o.verbosity = -1; }, "warnings only");
  app.add_flag_callback(
      "-v,--verbose", [&] { o.verbosity = 1; }, "details");
  app.set_version_flag("-V,--version", "unblur-viewer " UNBLUR_VERSION);
  app.footer(
      "Examples:\n"
      "  unblur-viewer camera\n"
      "  unblur-viewer clip.mp4 --view split --motion paths\n"
      "  unblur-viewer --offscreen pattern --frames 10 --screenshot view.png");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return std::nullopt;
  } catch (const CLI::CallForVersion&) {
    std::cout << app.version() << '\n';
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw UsageError(error.what());
  }
  if (o.offscreen && o.frames == 0 && o.script.empty())
    throw UsageError("--offscreen needs --frames or --script: who else would end it?");
  return o;
}

}  // namespace unblur
