// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include "app.h"
#include "graph/error.h"
#include "program/log.h"
#include "program/settings.h"
#include "vulkan/instance.h"

namespace unblur {
namespace {

/// Command line over environment over what was remembered.
ViewerSettings merged(const ViewerOptions& o, ViewerSettings s) {
  const auto take = [](std::string& to, const std::string& from, const char* variable) {
    const char* environment = std::getenv(variable);
    if (!from.empty()) {
      to = from;
    } else if (environment != nullptr && *environment != '\0') {
      to = environment;
    }
  };
  take(s.model, o.model, "UNBLUR_MODEL");
  take(s.device, o.device, "UNBLUR_DEVICE");
  take(s.precision, o.precision, "UNBLUR_PRECISION");
  if (!o.model2.empty()) s.model2 = o.model2;
  if (!o.view.empty()) s.view = o.view;
  if (!o.motion.empty()) s.motion = o.motion;
  if (!o.input.empty()) s.source = o.input;
  if (s.source.empty()) s.source = "pattern";
  if (o.ui_scale > 0) s.ui_scale = o.ui_scale;
  if (!o.size.empty()) {
    const PixelSize size = parse_size(o.size, "--size");
    s.width = size.width;
    s.height = size.height;
  }
  if (!o.camera_size.empty()) {
    const PixelSize size = parse_size(o.camera_size, "--camera-size");
    s.camera_width = size.width;
    s.camera_height = size.height;
  }
  return s;
}

int run(int argc, char** argv) {
  const std::optional<ViewerOptions> options = parse_viewer_options(argc, argv);
  if (!options) return 0;
  set_up_log(options->verbosity);
  // Off-screen nothing is remembered: a run depends on its command line alone.
  std::string complaint;
  ViewerSettings remembered;
  if (!options->offscreen) remembered = load_viewer_settings(viewer_settings_file(), complaint);
  const ViewerSettings settings = merged(*options, std::move(remembered));

  std::unique_ptr<WindowSystem> windows;
  std::vector<const char*> extensions;
  if (!options->offscreen) {
    windows = std::make_unique<WindowSystem>();
    extensions = windows->instance_extensions();
  }
  const auto instance = vk::shared_instance(false, extensions);
  ExitCode code = ExitCode::kDone;
  {
    Gpu gpu(settings.device, windows != nullptr);
    std::unique_ptr<Window> window;
    if (windows) window = std::make_unique<Window>(gpu, "Unblur", settings.width, settings.height);
    App app(*options, settings, gpu, window.get());
    if (!complaint.empty()) app.note(complaint);
    code = app.run();
  }
  if (!instance->validation_messages().empty() && code == ExitCode::kDone) code = ExitCode::kProcessingFailed;
  return static_cast<int>(code);
}

}  // namespace
}  // namespace unblur

int main(int argc, char** argv) {
  try {
    return unblur::run(argc, argv);
  } catch (const unblur::Error& error) {
    fmt::print(stderr, "unblur-viewer: error: {}\n", error.what());
    return error.exit_code();
  } catch (const std::exception& error) {
    fmt::print(stderr, "unblur-viewer: error: {}\n", error.what());
    return 1;
  }
}
