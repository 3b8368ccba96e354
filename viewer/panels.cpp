// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <filesystem>

#include "app.h"
#include "graph/error.h"
#include "graph/executor.h"
#include "program/files.h"

namespace unblur {
namespace {

/// Model files where `find_model` looks.
std::vector<std::filesystem::path> installed_models() {
  std::vector<std::filesystem::path> found;
  for (const std::filesystem::path& folder : model_folders()) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".safetensors") found.push_back(entry.path());
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace

void App::side_panel(int side) {
  static const std::optional<std::string> no_torch = torch_backend_missing();
  Pick& pick = view_.picks.at(static_cast<std::size_t>(side));
  const char letter = side == 0 ? 'A' : 'B';
  ImGui::TextUnformatted(side == 0 ? "A" : "B");
  for (int i = 0; i < kPicks; ++i) {
    const Pick choice = static_cast<Pick>(i);
    if (i % 3 != 0) ImGui::SameLine();
    const bool absent = choice == Pick::kReference && no_torch.has_value();
    const std::string label = fmt::format("{}: {}", letter, pick_name(choice));
    if (absent) ImGui::PushStyleVar(ImGuiStyleVar_Alpha, 0.4F);
    if (gui_->small_button(fmt::format("{}##{}: {}", pick_name(choice), letter, pick_name(choice)).c_str(),
                           pick == choice)) {
      if (absent) {
        fail_action(*no_torch);
      } else {
        pick = choice;
        tell_wishes();
      }
      if (choice == Pick::kFile && second_file_.empty()) choosing_ = Choosing::kFile;
    }
    gui_->mark(label);
    if (absent) {
      ImGui::PopStyleVar();
      if (ImGui::IsItemHovered()) ImGui::SetTooltip("%s", no_torch->c_str());
    }
  }
}

void App::view_panel() {
  if (!gui_->header("View", true)) return;
  constexpr std::array kNames{"Split", "Side by side", "A", "B", "Difference", "Blink"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const ViewMode mode = static_cast<ViewMode>(i);
    if (i % 4 != 0) ImGui::SameLine();
    if (gui_->small_button(kNames.at(i), view_.mode == mode)) {
      view_.fit = view_.fit || (mode == ViewMode::kSideBySide) != (view_.mode == ViewMode::kSideBySide);
      view_.mode = mode;
    }
  }
  side_panel(0);
  side_panel(1);
  gui_->slider("Strength", &view_.strength, 0, 1);
  if (view_.mode == ViewMode::kDifference) gui_->slider("Gain", &view_.gain, 1, 64, "%.0f");
  if (gui_->button("Fit")) view_.fit = true;
  ImGui::SameLine();
  if (gui_->button("1:1")) {
    view_.fit = false;
    view_.zoom = 1;
  }
  ImGui::SameLine();
  gui_->check("Mirror", &view_.mirror);
  ImGui::SameLine();
  gui_->check("Pixels", &view_.inspector);
  for (const int percent : {100, 75, 50}) {
    if (percent != 100) ImGui::SameLine();
    const char* label = percent == 100 ? "Full size" : percent == 75 ? "3/4" : "1/2";
    if (gui_->small_button(label, view_.scale_percent == percent)) {
      view_.scale_percent = percent;
      tell_wishes();
    }
  }
}

void App::model_list() {
  static std::vector<std::filesystem::path> files;
  if (gui_->button("Look for models") || files.empty()) files = installed_models();
  for (const std::filesystem::path& file : files) {
    const std::string stem = file.stem().string();
    ImGui::PushID(stem.c_str());
    for (std::size_t i = 0; i < 2; ++i) {
      const std::string label = fmt::format("{} as {}", stem, i + 1);
      if (i > 0) ImGui::SameLine();
      if (gui_->small_button(i == 0 ? "1" : "2", models_.at(i) == file.string() || models_.at(i) == stem)) {
        models_.at(i) = file.string();
        if (view_.picks == std::array{Pick::kInput, Pick::kInput}) view_.picks[1] = Pick::kModel1;
        tell_wishes();
      }
      gui_->mark(label);
    }
    ImGui::SameLine();
    ImGui::TextUnformatted(stem.c_str());
    ImGui::PopID();
  }
}

void App::model_panel() {
  if (!gui_->header("Models", false)) return;
  model_list();
  for (int i = 0; i < 2; ++i) {
    const ModelStatus status = live_->processor().model_status(i);
    if (status.name.empty()) continue;
    ImGui::Separator();
    ImGui::TextWrapped("%d: %s", i + 1, status.name.c_str());
    if (!status.problem.empty()) ImGui::TextWrapped("%s", status.problem.c_str());
    if (!status.model) continue;
    ImGui::TextDisabled("%s, %s, %.1f MiB on the device", status.model->info.task.c_str(),
                        status.plan.precision.c_str(),
                        static_cast<double>(status.plan.total_bytes()) / (1U << 20U));
    if (ImGui::TreeNode(fmt::format("Card {}", i + 1).c_str())) {
      for (const auto& [key, text] : status.model->info.card)
        ImGui::TextWrapped("%s: %s", key.c_str(), text.c_str());
      ImGui::TreePop();
    } else {
      gui_->mark(fmt::format("Card {}", i + 1));
    }
  }
  ImGui::TextUnformatted("Precision");
  for (const char* precision : {"auto", "fp32", "fp16"}) {
    ImGui::SameLine();
    if (gui_->small_button(precision, settings_.precision == precision)) {
      settings_.precision = precision;
      tell_wishes();
    }
  }
}

void App::motion_panel() {
  if (!gui_->header("Motion", false)) return;
  constexpr std::array kNames{"No motion", "Paths", "Arrows", "Wheel", "HSV"};
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    const MotionStyle style = static_cast<MotionStyle>(i);
    if (i % 4 != 0) ImGui::SameLine();
    if (gui_->small_button(kNames.at(i), view_.motion == style)) {
      view_.motion = style;
      tell_wishes();
    }
  }
  gui_->slider("Grid", &view_.grid, 0, 64, view_.grid < 4 ? "auto" : "%.0f px");
  gui_->slider("Full scale", &view_.full_scale, 2, 128, "%.0f px");
  if (shown_ && shown_->motion) {
    ImGui::TextWrapped("Blur of this frame: median %.1f px, 95 %% below %.1f px", shown_->motion->median_px,
                       shown_->motion->high_px);
  }
  exposure_panel();
}

void App::exposure_panel() {
  if (gui_->check("Exposure", &view_.exposure)) tell_wishes();
  if (!view_.exposure) return;
  gui_->slider("t", &view_.t, 0, 1);
  gui_->check("Play", &view_.exposure_plays);
  ImGui::SameLine();
  gui_->check("Reverse", &view_.exposure_reversed);
  if (gui_->button("Save GIF")) export_exposure_to(file_name("exposure", ".gif"));
  ImGui::SameLine();
  if (gui_->button("Save MP4")) export_exposure_to(file_name("exposure", ".mp4"));
}

void App::time_panel() {
  if (!gui_->header("Time and memory", true)) return;
  const double fps = shown_ ? shown_->info.frame_rate.value() : 0;
  const double budget = fps > 0 ? 1000 / fps : 0;
  std::vector<float> values(gpu_ms_.begin(), gpu_ms_.end());
  float top = static_cast<float>(budget) * 1.5F;
  for (const float v : values) top = std::max(top, v * 1.1F);
  const ImVec2 size{ImGui::GetContentRegionAvail().x, 60 * gui_->scale()};
  ImGui::PlotLines("##times", values.data(), static_cast<int>(values.size()), 0, nullptr, 0,
                   std::max(top, 1.0F), size);
  gui_->mark("Plot");
  if (budget > 0 && top > 0) {
    const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
    const float y = high.y - (high.y - low.y) * static_cast<float>(budget) / top;
    ImGui::GetWindowDrawList()->AddLine({low.x, y}, {high.x, y}, IM_COL32(255, 90, 60, 255));
    ImGui::TextDisabled("line: 1/fps = %.1f ms", budget);
  }
  if (shown_) {
    ImGui::Text("on the device %.1f ms, in all %.1f ms", shown_->gpu_ms, shown_->compute_ms);
    for (std::size_t i = 0; i < std::min<std::size_t>(shown_->times.size(), 6); ++i) {
      const NodeTime& t = shown_->times[i];
      ImGui::TextDisabled("%6.2f ms  %s", t.ms, t.name.c_str());
    }
  }
  if (meter_.count() > 0) {
    ImGui::Text("latency p50 %.0f ms, p95 %.0f ms", meter_.latency(0.5), meter_.latency(0.95));
    ImGui::Text("%.1f fps, dropped %lld", meter_.shown_fps(), static_cast<long long>(live_->dropped()));
  }
  if (too_slow()) ImGui::TextWrapped("Below half of the source's rate: try 3/4 or 1/2 (key s).");
  ImGui::TextDisabled("memory %.1f MiB, pictures %.1f MiB",
                      static_cast<double>(gpu_.device()->allocated_bytes()) / (1U << 20U),
                      static_cast<double>(live_->processor().picture_bytes()) / (1U << 20U));
  ImGui::TextDisabled("pixels read back: %.1f MiB",
                      static_cast<double>(gpu_.pixel_bytes_read()) / (1U << 20U));
}

void App::log_panel() {
  if (!gui_->header("Log", false)) return;
  ImGui::BeginChild("log", {0, 8 * ImGui::GetTextLineHeightWithSpacing()}, true);
  for (const std::string& line : log_) ImGui::TextWrapped("%s", line.c_str());
  ImGui::EndChild();
}

void App::draw_panel() {
  const float width = kPanelWidth * gui_->scale();
  ImGui::SetNextWindowPos({static_cast<float>(canvas_.width()) - width, 0});
  ImGui::SetNextWindowSize({width, top_ + height_});
  ImGui::Begin("panel", nullptr,
               ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_NoSavedSettings);
  ImGui::PushItemWidth(-90 * gui_->scale());
  ImGui::BeginChild("scroll");
  source_panel();
  view_panel();
  model_panel();
  motion_panel();
  time_panel();
  log_panel();
  ImGui::EndChild();
  ImGui::PopItemWidth();
  ImGui::End();
}

}  // namespace unblur
