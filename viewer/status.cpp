// SPDX-License-Identifier: MIT
// The status line and the time line below the picture.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>

#include "app.h"

namespace unblur {
namespace {

constexpr ImGuiWindowFlags kBar = ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
                                  ImGuiWindowFlags_NoSavedSettings | ImGuiWindowFlags_NoScrollWithMouse;

std::string clock_text(double seconds) {
  const int whole = std::max(0, static_cast<int>(seconds));
  return fmt::format("{}:{:02}.{:01}", whole / 60, whole % 60, static_cast<int>(seconds * 10) % 10);
}

}  // namespace

std::string App::status_text() const {
  const DeviceInfo& device = gpu_.device()->physical().info;
  const ModelStatus model = live_->processor().model_status(0);
  std::string text = last_error_.empty() ? std::string() : fmt::format("error: {}  |  ", last_error_);
  text += models_[0].empty() ? "no model" : model.name;
  if (!model.plan.precision.empty()) text += ", " + model.plan.precision;
  if (const ModelStatus second = live_->processor().model_status(1); !second.name.empty())
    text += fmt::format(" / {}, {}", second.name, second.plan.precision);
  if (shown_) {
    const FrameFormat& f = shown_->info.format;
    text += fmt::format("  |  {}x{}", f.width, f.height);
    if (view_.scale_percent != 100) text += fmt::format(" at {} %", view_.scale_percent);
    text += fmt::format("  |  frame {} {:.3f} s", shown_->index, shown_->seconds);
    for (int side = 0; side < 2; ++side) {
      const int offset = view_.offsets.at(static_cast<std::size_t>(side));
      if (offset != 0) {
        const ShownPtr frame = side_frame(side);
        text += fmt::format(" ({} {:+}: {} {:.3f} s)", side == 0 ? "A" : "B", offset, frame->index,
                            frame->seconds);
      }
    }
  }
  if (const std::string pixel = inspector_text("  "); !pixel.empty()) text += "  |  " + pixel;
  if (feed_.state == FeedState::kPaused) text += "  paused";
  if (feed_.state == FeedState::kEnded) text += "  ended";
  if (feed_.state == FeedState::kLost) text += "  " + feed_.problem;
  if (live_->frozen()) text += "  frozen";
  if (recorder_) text += fmt::format("  recording {} ({} frames)", record_file_, recorder_->written());
  if (window_ != nullptr && meter_.count() > 1) {
    text += fmt::format("  |  {:.1f} fps, {:.0f}/{:.0f} ms, {} dropped", meter_.shown_fps(),
                        meter_.latency(0.5), meter_.latency(0.95), live_->dropped());
  }
  if (too_slow()) text += "  |  slow: try 3/4 (key s)";
  text += fmt::format("  |  {}, {}", device.name, device.driver);
  return text;
}

void App::draw_status() {
  const float height = kStatusHeight * gui_->scale();
  ImGui::SetNextWindowPos({0, static_cast<float>(canvas_.height()) - height});
  ImGui::SetNextWindowSize({static_cast<float>(canvas_.width()), height});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {8 * gui_->scale(), 4 * gui_->scale()});
  ImGui::Begin("status", nullptr, kBar);
  const std::string text = status_text();
  ImGui::TextUnformatted(text.c_str());
  if (ImGui::IsWindowHovered()) ImGui::SetTooltip("%s", text.c_str());
  ImGui::End();
  ImGui::PopStyleVar();
}

void App::draw_timeline() {
  if (!feed_.seekable) return;
  const float height = kTimelineHeight * gui_->scale();
  ImGui::SetNextWindowPos({0, top_ + height_});
  ImGui::SetNextWindowSize({static_cast<float>(canvas_.width()), height});
  ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {8 * gui_->scale(), 4 * gui_->scale()});
  ImGui::Begin("timeline", nullptr, kBar);
  const bool playing = feed_.state == FeedState::kPlaying;
  if (gui_->button("|<")) live_->seek(0);
  ImGui::SameLine();
  if (gui_->button("<")) live_->step(-1);
  ImGui::SameLine();
  if (gui_->button(playing ? "Pause" : "Play")) live_->play(!playing);
  ImGui::SameLine();
  if (gui_->button(">")) live_->step(1);
  ImGui::SameLine();
  bool loop = feed_.loop;
  if (gui_->check("Loop", &loop)) {
    settings_.loop = loop;
    live_->set_loop(loop);
  }
  ImGui::SameLine();
  ImGui::SetNextItemWidth(80 * gui_->scale());
  auto speed = static_cast<float>(feed_.speed);
  if (ImGui::SliderFloat("##speed", &speed, 0.0625F, 4, "x %.2f", ImGuiSliderFlags_Logarithmic)) {
    settings_.speed = speed;
    live_->set_speed(speed);
  }
  gui_->mark("Speed");
  ImGui::SameLine();
  if (feed_.info.frames && *feed_.info.frames > 1) {
    int at = static_cast<int>(std::max<std::int64_t>(feed_.index, 0));
    const int last = static_cast<int>(*feed_.info.frames) - 1;
    const std::string label = fmt::format("%d / {}   {}", last, clock_text(feed_.seconds));
    ImGui::SetNextItemWidth(-1);
    if (ImGui::SliderInt("##position", &at, 0, last, label.c_str())) live_->seek(at);
    gui_->mark("Position");
  } else {
    ImGui::Text("frame %lld   %s", static_cast<long long>(feed_.index), clock_text(feed_.seconds).c_str());
  }
  ImGui::End();
  ImGui::PopStyleVar();
}

}  // namespace unblur
