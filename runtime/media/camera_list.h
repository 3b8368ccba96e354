// SPDX-License-Identifier: MIT
// The cameras of this machine, for a person to choose from.
#pragma once

#include <optional>

#include "media/camera_device.h"

namespace unblur {

struct CameraEntry {
  std::string name;  ///< "camera:0", as open_camera_device takes it
  std::string card;  ///< what it calls itself
  std::vector<CameraMode> modes;
  std::string problem;  ///< why it cannot be used, empty otherwise
};

/// Tries /dev/video0 to 63; devices that do not capture video are left out.
[[nodiscard]] std::vector<CameraEntry> list_cameras();

/// What a device says about itself. Nothing where it does not capture video.
[[nodiscard]] std::optional<CameraEntry> describe_camera(CameraDevice& device, const std::string& name);

/// "MJPEG 1280x720 30 fps"
[[nodiscard]] std::string mode_text(const CameraMode& mode);

}  // namespace unblur
