// SPDX-License-Identifier: MIT
#include "media/camera_controls.h"

#include <fmt/format.h>
#include <linux/videodev2.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "graph/error.h"

namespace unblur {
namespace {

using What = CameraControl::What;

struct Known {
  What what;
  std::uint32_t id;
};
constexpr Known kControls[] = {{What::kAutoExposure, V4L2_CID_EXPOSURE_AUTO},
                               {What::kExposure, V4L2_CID_EXPOSURE_ABSOLUTE},
                               {What::kAutoGain, V4L2_CID_AUTOGAIN},
                               {What::kGain, V4L2_CID_GAIN},
                               {What::kPowerLine, V4L2_CID_POWER_LINE_FREQUENCY}};

std::uint32_t id_of(What what) { return std::ranges::find(kControls, what, &Known::what)->id; }

std::vector<CameraControl::Choice> choices_of(CameraDevice& device, const v4l2_queryctrl& query) {
  std::vector<CameraControl::Choice> choices;
  for (std::int32_t i = std::max(0, query.minimum); i <= std::min(query.maximum, 255); ++i) {
    v4l2_querymenu menu{};
    menu.id = query.id;
    menu.index = static_cast<std::uint32_t>(i);
    if (device.control(VIDIOC_QUERYMENU, &menu) != 0) continue;  // menus have gaps
    const auto* name = reinterpret_cast<const char*>(menu.name);
    choices.push_back({i, std::string(name, strnlen(name, sizeof menu.name))});
  }
  return choices;
}

std::optional<CameraControl> control_of(CameraDevice& device, const Known& known) {
  v4l2_queryctrl query{};
  query.id = known.id;
  if (device.control(VIDIOC_QUERYCTRL, &query) != 0 || (query.flags & V4L2_CTRL_FLAG_DISABLED) != 0)
    return std::nullopt;
  v4l2_control now{};
  now.id = known.id;
  if (device.control(VIDIOC_G_CTRL, &now) != 0) now.value = query.default_value;
  CameraControl c;
  c.what = known.what;
  const auto* name = reinterpret_cast<const char*>(query.name);
  c.name = std::string(name, strnlen(name, sizeof query.name));
  c.low = query.minimum, c.high = std::max(query.minimum, query.maximum);
  c.step = std::max(1, query.step);
  c.usual = query.default_value, c.value = now.value;
  c.settable = (query.flags & (V4L2_CTRL_FLAG_INACTIVE | V4L2_CTRL_FLAG_READ_ONLY)) == 0;
  if (query.type == V4L2_CTRL_TYPE_MENU) c.choices = choices_of(device, query);
  return c;
}

int set_raw(CameraDevice& device, std::uint32_t id, std::int32_t& value) {
  v4l2_control control{};
  control.id = id;
  control.value = value;
  const int error = device.control(VIDIOC_S_CTRL, &control);
  if (error == 0) value = control.value;
  return error;
}

/// The automatic that would overwrite a value, off.
void end_automatic(CameraDevice& device, What what) {
  std::int32_t manual = V4L2_EXPOSURE_MANUAL, off = 0;
  if (what == What::kExposure) set_raw(device, V4L2_CID_EXPOSURE_AUTO, manual);
  if (what == What::kGain) set_raw(device, V4L2_CID_AUTOGAIN, off);
}

}  // namespace

std::vector<CameraControl> camera_controls(CameraDevice& device) {
  std::vector<CameraControl> controls;
  for (const Known& known : kControls) {
    if (auto control = control_of(device, known)) controls.push_back(std::move(*control));
  }
  return controls;
}

std::int32_t set_camera_control(CameraDevice& device, What what, std::int32_t value) {
  const auto control = control_of(device, {what, id_of(what)});
  if (!control) throw InputError("the camera has no such control");
  end_automatic(device, what);
  const std::int64_t low = control->low, step = control->step, most = (control->high - low) / step;
  const std::int64_t steps = std::clamp<std::int64_t>((value - low + step / 2) / step, 0, most);
  value = static_cast<std::int32_t>(low + steps * step);
  if (const int error = set_raw(device, id_of(what), value); error != 0)
    throw InputError(
        fmt::format("{}: the camera does not take {}: {}", control->name, value, std::strerror(error)));
  return value;
}

}  // namespace unblur
