// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#define GLFW_INCLUDE_VULKAN
#include <GLFW/glfw3.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "app.h"
#include "graph/colour.h"
#include "graph/error.h"
#include "graph/tensor.h"
#include "media/image_file.h"
#include "media/rgb.h"
#include "vulkan/program.h"

namespace unblur {
namespace {

constexpr int kMostOffset = 60;  // frames back
constexpr int kRecordedRate = 30;

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
    case GLFW_KEY_PERIOD:
      view_.strength = std::clamp(
          (std::round(10 * view_.strength) + (key.code == GLFW_KEY_COMMA ? -1 : 1)) / 10, 0.0F, 1.0F);
      return;
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

void App::set_frozen(bool frozen) {
  live_->set_frozen(frozen);
  frozen_back_ = 0;
  if (frozen) recent_ = live_->recent();
}

void App::move_frozen(int frames) {
  frozen_back_ = std::clamp(frozen_back_ + frames, 0, std::max(0, static_cast<int>(recent_.size()) - 1));
}

std::string App::file_name(const std::string& what, const std::string& ending) const {
  std::string stem = std::filesystem::path(source_).filename().stem().string();
  std::ranges::replace(stem, ':', '-');
  return fmt::format("{}-{:06}-{}{}", stem.empty() ? "unblur" : stem, shown_ ? shown_->index : 0, what,
                     ending);
}

/// As the shaders show it at 1:1, at the picture's own size, upright.
Frame App::side_picture(int side) const {
  const ViewContent content = view_content();
  const SidePictures& pictures = content.sides.at(static_cast<std::size_t>(side));
  const ViewSide& how = content.data.sides.at(static_cast<std::size_t>(side));
  if (!pictures.base) throw ProcessingError("there is no picture to save yet");
  if (how.fault != 0) throw ProcessingError(last_error_.empty() ? "this side has no picture" : last_error_);
  Frame frame = Pictures::read(gpu_, *pictures.base);
  if (pictures.after) {
    const Frame after = Pictures::read(gpu_, *pictures.after);
    if (!pictures.before) {
      const std::vector<float> from = frame_to_rgb(frame), to = frame_to_rgb(after);
      std::vector<float> mixed(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) mixed[i] = from[i] + how.strength * (to[i] - from[i]);
      frame = rgb_frame(mixed, frame.format.width, frame.format.height, 8);
    } else {
      throw ProcessingError("side pictures are saved at full processing size; the view can be saved at any");
    }
  }
  return rotated(frame, shown_->info.rotation);
}

void App::save(const std::string& what) {
  try {
    const std::string file = file_name(what, ".png");
    write_png(file, what == "view" ? canvas_.read() : side_picture(what == "a" ? 0 : 1));
    note("saved " + file);
  } catch (const Error& error) {
    last_error_ = error.what();
    note(error.what());
  }
}

void App::toggle_recording() {
  try {
    if (recorder_) {
      recorder_->finish();
      note(fmt::format("recorded {}: {} frames", record_file_, recorder_->written()));
      recorder_.reset();
    } else {
      record_file_ = file_name("view", ".mp4");
      record_width_ = canvas_.width() / 2 * 2;
      record_height_ = canvas_.height() / 2 * 2;
      recorder_ = std::make_unique<Recorder>(record_file_, record_width_, record_height_, kRecordedRate,
                                             window_ == nullptr);
    }
  } catch (const Error& error) {
    recorder_.reset();
    last_error_ = error.what();
    note(error.what());
  }
}

/// A video has one size: another window ends the recording.
void App::record(double seconds) {
  if (canvas_.width() / 2 * 2 != record_width_ || canvas_.height() / 2 * 2 != record_height_)
    return toggle_recording();
  Frame whole = canvas_.read();
  if (whole.format.width != record_width_ || whole.format.height != record_height_) {
    Frame even(FrameFormat{.layout = PixelLayout::kRgb, .width = record_width_, .height = record_height_});
    for (int y = 0; y < record_height_; ++y) {
      std::memcpy(even.data.data() + static_cast<std::size_t>(y) * even.format.row_bytes(0),
                  whole.data.data() + static_cast<std::size_t>(y) * whole.format.row_bytes(0),
                  even.format.row_bytes(0));
    }
    whole = std::move(even);
  }
  try {
    recorder_->add(std::move(whole), seconds);
  } catch (const Error& error) {
    recorder_.reset();
    last_error_ = error.what();
    note(error.what());
  }
}

/// The motion comes back from the device for this: pairs of halves, from the model's scale to the picture's.
void App::export_exposure_to(const std::string& path) {
  try {
    if (!shown_ || !shown_->motion) throw ProcessingError("no model here estimates motion");
    const PathField& field = *shown_->motion;
    const std::vector<std::byte> bytes =
        vk::download(gpu_.device(), *gpu_.pipelines(), field.words, 0,
                     static_cast<std::uint64_t>(field.width) * static_cast<std::uint64_t>(field.height) * 8);
    gpu_.count_pixels_read(bytes.size());
    const int side = view_.picks[1] == Pick::kInput ? 0 : 1;
    const SidePictures pictures = view_content().sides.at(static_cast<std::size_t>(side));
    const Frame sharp =
        Pictures::read(gpu_, pictures.after && !pictures.before ? *pictures.after : *shown_->base);
    const int w = sharp.format.width, h = sharp.format.height;
    const auto plane = static_cast<std::size_t>(w) * static_cast<std::size_t>(h);
    std::vector<float> control(4 * plane);
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const std::size_t cell =
            static_cast<std::size_t>(y * field.height / h) * static_cast<std::size_t>(field.width) +
            static_cast<std::size_t>(x * field.width / w);
        std::array<std::uint16_t, 4> m{};
        std::memcpy(m.data(), bytes.data() + 8 * cell, 8);
        const std::size_t at =
            static_cast<std::size_t>(y) * static_cast<std::size_t>(w) + static_cast<std::size_t>(x);
        // Gather offsets (S.dy, S.dx, E.dy, E.dx) are minus the content's displacements.
        control[at] = -half_to_float(m[1]);
        control[plane + at] = -half_to_float(m[0]);
        control[2 * plane + at] = -half_to_float(m[3]);
        control[3 * plane + at] = -half_to_float(m[2]);
      }
    }
    const TrajectoryField trajectories({field.quadratic ? "quad" : "bilin", 15, field.directed}, {4, h, w},
                                       std::move(control));
    ExposureClip clip;
    clip.reverse = view_.exposure_reversed;
    clip.rotation = shown_->info.rotation;
    export_exposure(path, frame_to_rgb(sharp), trajectories, clip);
    note("saved " + path);
  } catch (const Error& error) {
    last_error_ = error.what();
    note(error.what());
  }
}

}  // namespace unblur
