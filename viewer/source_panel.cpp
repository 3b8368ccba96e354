// SPDX-License-Identifier: MIT
// The panel's first part: what is open, cameras with their modes and controls, files.
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>

#include "app.h"
#include "media/camera_list.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

/// "MJPG" for V4L2's code of four letters.
std::string four_letters(std::uint32_t code) {
  std::string text;
  for (unsigned i = 0; i < 4; ++i) text += static_cast<char>(code >> (8 * i) & 0xffU);
  return text;
}

/// Short enough for the panel, whatever the camera calls it.
const char* name_of(CameraControl::What what) {
  switch (what) {
    case CameraControl::What::kAutoExposure:
      return "Exposure by";
    case CameraControl::What::kExposure:
      return "Exposure";
    case CameraControl::What::kAutoGain:
      return "Gain by";
    case CameraControl::What::kGain:
      return "Gain";
    case CameraControl::What::kPowerLine:
      return "Mains";
  }
  return "";
}

/// Folders first, by name; what begins with a dot is left out.
std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    if (!entry.path().filename().string().starts_with('.')) entries.push_back(entry.path());
  }
  std::ranges::sort(entries, {}, [&ignored](const fs::path& p) {
    return std::pair(!fs::is_directory(p, ignored), p.filename().string());
  });
  return entries;
}

}  // namespace

void App::source_panel() {
  if (!gui_->header("Source", true)) return;
  ImGui::TextWrapped("%s", source_.c_str());
  if (shown_) {
    const StreamInfo& info = shown_->info;
    ImGui::TextDisabled("%s %s, %d x %d, %.4g fps%s", info.kind.c_str(), info.codec.c_str(),
                        info.format.width, info.format.height, info.frame_rate.value(),
                        info.rotation != 0 ? fmt::format(", turned {}", info.rotation).c_str() : "");
  }
  if (!feed_.mode.empty()) ImGui::TextDisabled("%s", feed_.mode.c_str());
  if (!second_file_.empty()) ImGui::TextWrapped("second file: %s", second_file_.c_str());
  if (gui_->button("Camera")) open("camera");
  ImGui::SameLine();
  if (gui_->button("Modes...")) {
    choosing_ = choosing_ == Choosing::kCamera ? Choosing::kNothing : Choosing::kCamera;
    if (choosing_ == Choosing::kCamera) cameras_ = list_cameras();
  }
  ImGui::SameLine();
  if (gui_->button("Pattern")) open("pattern");
  ImGui::SameLine();
  if (gui_->button("Files..."))
    choosing_ = choosing_ == Choosing::kFile ? Choosing::kNothing : Choosing::kFile;
  if (choosing_ == Choosing::kCamera) camera_list();
  if (choosing_ == Choosing::kFile) file_list();
  for (const CameraControl& control : feed_.controls) camera_control(control);
}

void App::camera_list() {
  if (cameras_.empty()) ImGui::TextUnformatted("no camera found");
  ImGui::BeginChild("cameras", {0, 7 * ImGui::GetTextLineHeightWithSpacing()}, true);
  for (const CameraEntry& camera : cameras_) {
    ImGui::TextWrapped("%s %s", camera.name.c_str(), camera.card.c_str());
    if (!camera.problem.empty()) ImGui::TextWrapped("%s", camera.problem.c_str());
    for (const CameraMode& mode : camera.modes) {
      const std::string text = mode_text(mode), label = fmt::format("{} {}", camera.name, text);
      const bool chosen = ImGui::Selectable(fmt::format("  {}##{}", text, label).c_str(),
                                            source_ == camera.name && feed_.mode == text);
      gui_->mark(label);
      if (!chosen) continue;
      settings_.camera_width = mode.width;
      settings_.camera_height = mode.height;
      settings_.camera_fps = mode.rate.known() ? static_cast<float>(mode.rate.value()) : 0;
      settings_.camera_format = four_letters(mode.pixel_format);
      open(camera.name);
    }
  }
  ImGui::EndChild();
}

/// A click opens a file as the source; the button before it makes it what sides can show beside it.
void App::file_list() {
  ImGui::BeginChild("files", {0, 9 * ImGui::GetTextLineHeightWithSpacing()}, true);
  fs::path enter;
  if (ImGui::Selectable("..")) enter = folder_.parent_path();
  for (const fs::path& entry : entries_of(folder_)) {
    std::error_code ignored;
    const bool is_folder = fs::is_directory(entry, ignored);
    const std::string name = entry.filename().string() + (is_folder ? "/" : "");
    const std::string as_second = name + " as second file";
    if (gui_->small_button(fmt::format("2##{}", name).c_str(), entry.string() == second_file_))
      show_second_file(entry.string());
    gui_->mark(as_second);
    ImGui::SameLine();
    if (ImGui::Selectable(name.c_str())) is_folder ? void(enter = entry) : open(entry.string());
    gui_->mark(name);
  }
  ImGui::EndChild();
  if (gui_->button("Open this folder")) open(folder_.string());
  if (!enter.empty()) folder_ = enter;
}

void App::camera_control(const CameraControl& control) {
  const char* label = name_of(control.what);
  int value = control.value;
  if (!control.choices.empty()) {
    const auto chosen = std::ranges::find(control.choices, control.value, &CameraControl::Choice::value);
    if (ImGui::BeginCombo(label, chosen == control.choices.end() ? "" : chosen->name.c_str())) {
      for (const CameraControl::Choice& choice : control.choices) {
        if (ImGui::Selectable(choice.name.c_str(), choice.value == control.value))
          live_->set_control(control.what, choice.value);
        gui_->mark(choice.name);
      }
      ImGui::EndCombo();
    } else {
      gui_->mark(label);
    }
    return;
  }
  const int step = std::max(1, control.step);
  if (ImGui::SliderInt(label, &value, control.low, control.high))
    live_->set_control(control.what, control.low + (value - control.low) / step * step);
  gui_->mark(label);
  if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s", control.name.c_str());
}

}  // namespace unblur
