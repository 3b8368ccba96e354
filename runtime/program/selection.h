// SPDX-License-Identifier: MIT
// Which frames of an input: --start and --frames, and a camera's mode. The same for every verb that reads
// frames.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "media/camera_device.h"
#include "pipeline/deblur.h"
#include "program/endpoints.h"
#include "program/settings.h"

namespace unblur {

struct Selection {
  std::vector<std::string> inputs;
  std::string start;
  std::int64_t frames = -1;
  std::string size;  ///< of a camera's picture
  double fps = 0;
};

/// Adds input, --start, --frames, --size, --fps. `what`: help of the input.
void add_selection(CLI::App& verb, Selection& selection, const std::string& what);

/// Fills start_frame or start_seconds and max_frames. Throws UsageError.
void apply_range(const Selection& selection, DeblurOptions& options);

/// The camera's mode. Throws UsageError where one is asked for and an input is no camera.
[[nodiscard]] CameraOptions camera_options(const Selection& selection,
                                           const std::vector<std::string>& inputs);

/// What verbs that write videos share: encoder, cuts, and the settings that a resumed run must have in common
/// with the interrupted one.
[[nodiscard]] OutputOptions common_options(const Settings& settings, const Selection& selection,
                                           const std::string& input);

}  // namespace unblur
