// SPDX-License-Identifier: MIT
#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "app.h"

namespace unblur {
namespace {

constexpr float kLeastZoom = 1.0F / 32, kMostZoom = 64;
constexpr float kGrip = 8;  // px from the divider that still take hold of it
constexpr float kInspectZoom = 16;

}  // namespace

void App::lay_out() {
  const float s = gui_->scale();
  left_ = top_ = 0;
  width_ = static_cast<float>(canvas_.width());
  height_ = static_cast<float>(canvas_.height());
  if (view_.hidden) return;
  height_ -= kStatusHeight * s;
  if (feed_.seekable) height_ -= kTimelineHeight * s;
  if (view_.panels) width_ -= kPanelWidth * s;
  width_ = std::max(width_, 16.0F);
  height_ = std::max(height_, 16.0F);
}

Place App::upright_size() const {
  if (!shown_) return {1, 1};
  const FrameFormat& f = shown_->info.format;
  const bool turned = shown_->info.rotation % 180 != 0;
  return {static_cast<float>(turned ? f.height : f.width), static_cast<float>(turned ? f.width : f.height)};
}

Place App::area_size() const { return {view_.mode == ViewMode::kSideBySide ? width_ / 2 : width_, height_}; }

void App::fit() {
  const Place size = upright_size(), area = area_size();
  view_.zoom = std::min(area.x / size.x, area.y / size.y);
  if (view_.zoom > 1) view_.zoom = std::floor(view_.zoom * 4) / 4;
  view_.centre_x = size.x / 2;
  view_.centre_y = size.y / 2;
}

Place App::picture_place(float x, float y) const {
  const Place area = area_size();
  float in = x - left_;
  if (view_.mode == ViewMode::kSideBySide && in >= area.x) in -= area.x;
  return {view_.centre_x + (in - area.x / 2) / view_.zoom,
          view_.centre_y + (y - top_ - area.y / 2) / view_.zoom};
}

/// As stored_from_upright in shaders/viewer/picture_area.glsl.
Place App::stored_place(Place at) const {
  if (!shown_) return {-1, -1};
  const auto w = static_cast<float>(shown_->info.format.width),
             h = static_cast<float>(shown_->info.format.height);
  if (view_.mirror) at.x = upright_size().x - at.x;
  switch (shown_->info.rotation) {
    case 90:
      return {at.y, h - at.x};
    case 180:
      return {w - at.x, h - at.y};
    case 270:
      return {w - at.y, at.x};
    default:
      return at;
  }
}

void App::zoom_at(float x, float y, float factor) {
  const Place fixed = picture_place(x, y);
  float zoom = std::clamp(view_.zoom * factor, kLeastZoom, kMostZoom);
  // The way past 1:1 stops there.
  if ((view_.zoom < 1 && zoom > 1) || (view_.zoom > 1 && zoom < 1)) zoom = 1;
  view_.zoom = zoom;
  view_.fit = false;
  const Place moved = picture_place(x, y);
  view_.centre_x += fixed.x - moved.x;
  view_.centre_y += fixed.y - moved.y;
}

bool App::shows_inspector() const { return shown_ && (view_.inspector || view_.zoom >= kInspectZoom); }

/// The mouse in the picture area.
void App::move_picture() {
  const ImGuiIO& io = ImGui::GetIO();
  inspected_ = {-1, -1};
  const float x = io.MousePos.x, y = io.MousePos.y;
  const bool inside =
      x >= left_ && y >= top_ && x < left_ + width_ && y < top_ + height_ && !io.WantCaptureMouse;
  const float divider = left_ + view_.divider * width_;
  const bool near_divider = view_.mode == ViewMode::kSplit && std::abs(x - divider) <= kGrip * gui_->scale();
  if (inside && ImGui::IsMouseClicked(0)) {
    dragging_divider_ = near_divider;
    dragging_picture_ = !near_divider;
  }
  if (!ImGui::IsMouseDown(0)) dragging_divider_ = dragging_picture_ = false;
  if (dragging_divider_) view_.divider = std::clamp((x - left_) / width_, 0.0F, 1.0F);
  if (dragging_picture_ && (io.MouseDelta.x != 0 || io.MouseDelta.y != 0) && !ImGui::IsMouseClicked(0)) {
    view_.fit = false;
    view_.centre_x -= io.MouseDelta.x / view_.zoom;
    view_.centre_y -= io.MouseDelta.y / view_.zoom;
  }
  if (inside && io.MouseWheel != 0) zoom_at(x, y, std::pow(1.25F, io.MouseWheel));
  if (inside && ImGui::IsMouseDoubleClicked(0)) view_.fit = true;
  if (inside && shows_inspector()) {
    const Place upright = picture_place(x, y), size = upright_size();
    if (upright.x >= 0 && upright.y >= 0 && upright.x < size.x && upright.y < size.y) {
      const Place stored = stored_place(upright);
      inspected_ = {std::floor(stored.x), std::floor(stored.y)};
    }
  }
}

ViewContent App::view_content() const {
  ViewContent content;
  ViewData& d = content.data;
  d.left = left_;
  d.top = top_;
  d.width = width_;
  d.height = height_;
  d.background = view_.dark ? 0.07F : 0.85F;
  if (!shown_) return content;
  const FrameFormat& format = shown_->info.format;
  d.picture_width = format.width;
  d.picture_height = format.height;
  d.rotation = shown_->info.rotation / 90 % 4;
  d.mirror = view_.mirror ? 1 : 0;
  d.centre_x = view_.centre_x;
  d.centre_y = view_.centre_y;
  d.zoom = view_.zoom;
  d.mode = view_.mode;
  d.divider = view_.divider;
  d.gain = view_.gain;
  d.blink = static_cast<std::int32_t>(now_ * 2) & 1;
  for (std::size_t i = 0; i < 2; ++i) {
    const ShownPtr frame = side_frame(static_cast<int>(i));
    if (!frame || frame->info.format.width != format.width || frame->info.format.height != format.height)
      continue;
    ViewSide& side = d.sides.at(i);
    content.sides.at(i).base = frame->base;
    side.kind = SideKind::kInput;
    side.strength = view_.strength;
    const Pick pick = view_.picks.at(i);
    if (pick == Pick::kInput) continue;
    const Outcome& outcome = frame->outcomes.at(static_cast<std::size_t>(pick));
    side.fault = outcome.fault.empty() ? 0 : 1;
    if (!outcome.after) {
      if (side.fault == 0) side.kind = SideKind::kNothing;  // not computed yet
      continue;
    }
    content.sides.at(i).after = outcome.after;
    content.sides.at(i).before = outcome.before;
    side.kind = outcome.before ? SideKind::kCorrection : SideKind::kResult;
    if (pick == Pick::kFile) side.strength = 1;
    side.before_width = outcome.after->width;
    side.before_height = outcome.after->height;
  }
  if (shown_->motion && (view_.motion != MotionStyle::kNone || view_.exposure)) {
    content.motion = shown_->motion;
    d.path_mode = shown_->motion->quadratic ? 0 : 1;
    d.directed = shown_->motion->directed ? 1 : 0;
    d.map = view_.motion == MotionStyle::kMiddlebury ? 1 : view_.motion == MotionStyle::kHsv ? 2 : 0;
    d.full_scale = view_.full_scale;
    const int longer = std::max(format.width, format.height);
    d.grid = view_.grid >= 4 ? static_cast<int>(view_.grid) : std::max(16, longer / 32);
    d.line_width = std::max(1.2F, 1.5F * gui_->scale());
    d.arrow_reach = 0.9F * static_cast<float>(d.grid);
    d.style = view_.motion == MotionStyle::kQuiver ? 1 : 0;
    content.lines = view_.motion == MotionStyle::kPaths || view_.motion == MotionStyle::kQuiver;
    d.exposure_on = view_.exposure ? 1 : 0;
    d.exposure = 2 * view_.t - 1;
  }
  return content;
}

}  // namespace unblur
