// SPDX-License-Identifier: MIT
#define GLFW_INCLUDE_VULKAN
#include <GLFW/glfw3.h>

#include <algorithm>
#include <cmath>

#include "app.h"

namespace unblur {
namespace {

constexpr int kMostOffset = 60;  // frames back

}  // namespace

void App::press(const Key& key) {
  const float x = left_ + width_ / 2, y = top_ + height_ / 2;
  const auto offset = [&](std::size_t side, int by) {
    view_.offsets.at(side) = std::clamp(view_.offsets.at(side) + by, -kMostOffset, 0);
  };
  const auto step = [&](int frames) { live_->frozen() ? move_frozen(-frames) : live_->step(frames); };
  if (key.code >= GLFW_KEY_1 && key.code <= GLFW_KEY_6 && !key.ctrl) {
    const ViewMode mode = static_cast<ViewMode>(key.code - GLFW_KEY_1);
    view_.fit = view_.fit || (mode == ViewMode::kSideBySide) != (view_.mode == ViewMode::kSideBySide);
    view_.mode = mode;
    return;
  }
  switch (key.code) {
    case GLFW_KEY_1:
      return save("a");
    case GLFW_KEY_2:
      return save("b");
    case GLFW_KEY_F:
      return save("view");
    case GLFW_KEY_A:
      return cycle_pick(0);
    case GLFW_KEY_B:
      return cycle_pick(1);
    case GLFW_KEY_M:
      view_.motion = static_cast<MotionStyle>((static_cast<int>(view_.motion) + 1) % 5);
      return tell_wishes();
    case GLFW_KEY_E:
      view_.exposure = !view_.exposure;
      return tell_wishes();
    case GLFW_KEY_S:
      view_.scale_percent = view_.scale_percent == 100 ? 75 : view_.scale_percent == 75 ? 50 : 100;
      return tell_wishes();
    case GLFW_KEY_LEFT_BRACKET:
      return offset(key.shift ? 1 : 0, -1);
    case GLFW_KEY_RIGHT_BRACKET:
      return offset(key.shift ? 1 : 0, 1);
    case GLFW_KEY_SPACE:
      return set_frozen(!live_->frozen());
    case GLFW_KEY_P:
      return live_->play(feed_.state != FeedState::kPlaying);
    case GLFW_KEY_LEFT:
      return step(-1);
    case GLFW_KEY_RIGHT:
      return step(1);
    case GLFW_KEY_HOME:
      return live_->seek(0);
    case GLFW_KEY_L:
      settings_.loop = !feed_.loop;
      return live_->set_loop(settings_.loop);
    case GLFW_KEY_R:
      return key.shift ? live_->restart() : toggle_recording();
    case GLFW_KEY_Z:
      view_.fit = true;
      return;
    case GLFW_KEY_0:
      return zoom_at(x, y, 1 / view_.zoom);
    case GLFW_KEY_EQUAL:
      return zoom_at(x, y, 2);
    case GLFW_KEY_MINUS:
      return zoom_at(x, y, 0.5F);
    case GLFW_KEY_COMMA:
    case GLFW_KEY_PERIOD: {
      float& value = key.shift ? view_.t : view_.strength;
      const float by = key.code == GLFW_KEY_COMMA ? -1 : 1;
      value = std::clamp((std::round(10 * value) + by) / 10, 0.0F, 1.0F);
      return;
    }
    case GLFW_KEY_I:
      view_.inspector = !view_.inspector;
      return;
    case GLFW_KEY_X:
      view_.mirror = !view_.mirror;
      return;
    case GLFW_KEY_T:
      view_.dark = !view_.dark;
      return gui_->set_dark(view_.dark);
    case GLFW_KEY_TAB:
      view_.panels = !view_.panels;
      return;
    case GLFW_KEY_H:
      view_.hidden = !view_.hidden;
      return;
    case GLFW_KEY_SLASH:
      view_.help = !view_.help;
      return;
    case GLFW_KEY_F11:
      if (window_ != nullptr) window_->set_full_screen(!window_->full_screen());
      return;
    case GLFW_KEY_ESCAPE:
      if (window_ != nullptr) window_->set_full_screen(false);
      view_.help = view_.hidden = false;
      return;
    case GLFW_KEY_Q:
      quit_ = quit_ || key.ctrl;
      return;
    default:
      return;
  }
}

void App::cycle_pick(int side) {
  Pick& pick = view_.picks.at(static_cast<std::size_t>(side));
  const bool second = !models_[1].empty();
  pick = pick == Pick::kInput              ? Pick::kModel1
         : pick == Pick::kModel1 && second ? Pick::kModel2
                                           : Pick::kInput;
  tell_wishes();
}

void App::show_second_file(const std::string& name) {
  second_file_ = name;
  if (view_.picks[0] != Pick::kFile) view_.picks[1] = Pick::kFile;
  tell_wishes();
}

/// A model takes the first model's place; of other files the first is opened, and the second shown beside it.
void App::take_files(const std::vector<std::string>& files) {
  int opened = 0;
  for (const std::string& file : files) {
    if (file.ends_with(".safetensors")) {
      models_[0] = file;
      if (view_.picks == std::array{Pick::kInput, Pick::kInput}) view_.picks[1] = Pick::kModel1;
      tell_wishes();
    } else if (++opened == 1) {
      open(file);
    } else if (opened == 2) {
      show_second_file(file);
    }
  }
}

void App::set_frozen(bool frozen) {
  live_->set_frozen(frozen);
  frozen_back_ = 0;
  if (frozen) recent_ = live_->recent();
}

void App::move_frozen(int frames) {
  frozen_back_ = std::clamp(frozen_back_ + frames, 0, std::max(0, static_cast<int>(recent_.size()) - 1));
}

}  // namespace unblur
