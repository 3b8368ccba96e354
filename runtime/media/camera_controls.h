// SPDX-License-Identifier: MIT
// What a camera lets its user set: how long it exposes, how much it amplifies, the flicker of lamps it
// avoids.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "media/camera_device.h"

namespace unblur {

struct CameraControl {
  enum class What : std::uint8_t {
    kAutoExposure,  ///< menu: who chooses the exposure time
    kExposure,      ///< 100 us
    kAutoGain,      ///< 0 or 1
    kGain,          ///< the camera's own unit
    kPowerLine,     ///< menu: off, 50 Hz, 60 Hz, ...
  };
  struct Choice {
    std::int32_t value = 0;
    std::string name;
  };
  What what = What::kExposure;
  std::string name;  ///< the camera's
  std::int32_t low = 0, high = 0, step = 1, usual = 0, value = 0;
  bool settable = true;         ///< false while an automatic has it
  std::vector<Choice> choices;  ///< of a menu
};

/// Those of the five that the camera has, with their present values.
[[nodiscard]] std::vector<CameraControl> camera_controls(CameraDevice& device);

/// Sets one, clamped to its range and step; an exposure time or gain first ends its automatic. Returns the
/// value that the camera took. Throws InputError: it has no such control, or is gone.
std::int32_t set_camera_control(CameraDevice& device, CameraControl::What what, std::int32_t value);

}  // namespace unblur
