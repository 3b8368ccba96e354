// SPDX-License-Identifier: MIT
#include <fmt/format.h>
#include <imgui.h>

#include <algorithm>
#include <cmath>

#include "app.h"
#include "core/feed_thread.h"
#include "drawing/colours.h"
#include "drawing/plot.h"

namespace unblur {
namespace {

constexpr ImU32 kWhite = IM_COL32(255, 255, 255, 255), kShade = IM_COL32(0, 0, 0, 150);

ImU32 colour_of(const Colour& c) { return ImGui::ColorConvertFloat4ToU32({c.r, c.g, c.b, 1}); }

/// Text on a dark plate. Returns the plate's lower edge.
float plate(ImDrawList& list, float x, float y, const std::string& text, bool from_right = false) {
  const ImVec2 size = ImGui::CalcTextSize(text.c_str());
  const float pad = ImGui::GetFontSize() * 0.3F;
  if (from_right) x -= size.x + 2 * pad;
  list.AddRectFilled({x, y}, {x + size.x + 2 * pad, y + size.y + 2 * pad}, kShade, pad);
  list.AddText({x + pad, y + pad}, kWhite, text.c_str());
  return y + size.y + 2 * pad;
}

struct HelpLine {
  const char *key, *what;
};
constexpr HelpLine kHelp[] = {{"1 2 3 4 5 6", "split, side by side, A, B, difference, blink"},
                              {"a   b", "what side A, side B shows"},
                              {"[ ]   { }", "side A, side B a frame back, forward again"},
                              {"m", "motion: none, paths, arrows, maps"},
                              {"e   < >", "exposure scrubber; earlier, later in the exposure"},
                              {"r", "record the view"},
                              {"space", "freeze; left and right step through the last 2 s"},
                              {"p", "play or pause; left and right step"},
                              {"home   l", "to the start   loop"},
                              {",   .", "weaker, stronger correction"},
                              {"z   0   + -", "fit   one to one   zoom"},
                              {"i", "pixel values under the mouse"},
                              {"s", "processing scale 1, 3/4, 1/2"},
                              {"f", "save the view; ctrl+1 side A, ctrl+2 side B"},
                              {"x   t", "mirror   dark or light"},
                              {"tab   h", "panel   hide everything"},
                              {"f11   ?", "full screen   this help"},
                              {"shift+r", "try again after a failure"},
                              {"ctrl+q", "quit"}};

}  // namespace

std::string App::side_label(int side) const {
  const auto at = static_cast<std::size_t>(side);
  const Pick pick = view_.picks.at(at);
  std::string name = pick_name(pick);
  if (pick == Pick::kModel1 || pick == Pick::kModel2)
    name = live_->processor().model_status(pick == Pick::kModel1 ? 0 : 1).name;
  std::string text = fmt::format("{}: {}", side == 0 ? "A" : "B", name);
  if (view_.offsets.at(at) != 0) {
    const ShownPtr frame = side_frame(side);
    text += fmt::format("  frame {} ({:+})", frame ? frame->index : -1, view_.offsets.at(at));
  }
  return text;
}

void App::draw_labels() {
  ImDrawList& list = *ImGui::GetBackgroundDrawList();
  const float pad = 8 * gui_->scale();
  const float right = left_ + width_ - pad, y = top_ + pad;
  switch (view_.mode) {
    case ViewMode::kSplit:
    case ViewMode::kSideBySide:
      plate(list, left_ + pad, y, side_label(0));
      plate(list, right, y, side_label(1), true);
      break;
    case ViewMode::kA:
      plate(list, left_ + pad, y, side_label(0));
      break;
    case ViewMode::kB:
      plate(list, left_ + pad, y, side_label(1));
      break;
    case ViewMode::kDifference:
      plate(list, left_ + pad, y,
            fmt::format("|A - B| x {:.0f}   {}   {}", view_.gain, side_label(0), side_label(1)));
      break;
    case ViewMode::kBlink:
      plate(list, left_ + pad, y, side_label((static_cast<int>(now_ * 2) & 1)));
      break;
  }
}

void App::draw_divider() {
  ImDrawList& list = *ImGui::GetBackgroundDrawList();
  const float s = gui_->scale();
  if (view_.mode == ViewMode::kSplit) {
    const float x = left_ + view_.divider * width_, y = top_ + height_ / 2;
    list.AddLine({x, top_}, {x, top_ + height_}, kShade, 3 * s);
    list.AddLine({x, top_}, {x, top_ + height_}, kWhite, 1.2F * s);
    list.AddCircleFilled({x, y}, 8 * s, kWhite);
    list.AddTriangleFilled({x - 5 * s, y}, {x - 2 * s, y - 3 * s}, {x - 2 * s, y + 3 * s},
                           IM_COL32(40, 40, 40, 255));
    list.AddTriangleFilled({x + 5 * s, y}, {x + 2 * s, y - 3 * s}, {x + 2 * s, y + 3 * s},
                           IM_COL32(40, 40, 40, 255));
  } else if (view_.mode == ViewMode::kSideBySide) {
    list.AddLine({left_ + width_ / 2, top_}, {left_ + width_ / 2, top_ + height_}, kWhite, 1.2F * s);
  }
}

/// What colours and lengths mean.
void App::draw_motion_key() {
  if (view_.motion == MotionStyle::kNone || !shown_) return;
  ImDrawList& list = *ImGui::GetBackgroundDrawList();
  const float s = gui_->scale(), pad = 8 * s, size = 84 * s;
  const float x = left_ + pad, y = top_ + height_ - size - 4 * pad;
  if (!shown_->motion) {
    plate(list, x, top_ + height_ - 5 * pad, "no model here estimates motion");
    return;
  }
  const PathField& motion = *shown_->motion;
  const char* span = motion.exposure ? "exposure" : "frame interval";
  std::string text = fmt::format("motion over the {}, median {:.1f} px, 95 % below {:.1f} px", span,
                                 motion.median_px, motion.high_px);
  if (!motion.directed) text += "; direction not observable";
  plate(list, x, top_ + height_ - 4.2F * pad, text);
  list.AddRectFilled({x, y - pad}, {x + size + 2 * pad, y + size}, kShade, pad / 2);
  const ImVec2 centre{x + pad + size / 2, y + size / 2 - pad / 2};
  const float radius = size / 2 - pad;
  if (view_.motion == MotionStyle::kMiddlebury || view_.motion == MotionStyle::kHsv) {
    constexpr int kCells = 25;
    const float cell = 2 * radius / kCells;
    for (int j = 0; j < kCells; ++j) {
      for (int i = 0; i < kCells; ++i) {
        Motion m{2 * (static_cast<float>(i) + 0.5F) / kCells - 1,
                 2 * (static_cast<float>(j) + 0.5F) / kCells - 1};
        if (std::hypot(m.dx, m.dy) > 1) continue;
        if (!motion.directed) m = doubled_angle(m);
        const Colour c = view_.motion == MotionStyle::kHsv ? hsv_colour(m) : middlebury_colour(m);
        const ImVec2 low{centre.x - radius + cell * static_cast<float>(i),
                         centre.y - radius + cell * static_cast<float>(j)};
        list.AddRectFilled(low, {low.x + cell + 0.5F, low.y + cell + 0.5F}, colour_of(c));
      }
    }
    list.AddText({x + pad / 2, y - pad}, kWhite, fmt::format("{:.0f} px", view_.full_scale).c_str());
  } else if (view_.motion == MotionStyle::kPaths) {
    constexpr int kSteps = 24;
    for (int k = 0; k < kSteps; ++k) {
      const float t = 2 * (static_cast<float>(k) + 0.5F) / kSteps - 1;
      const Colour c = time_colour(motion.directed ? t : 2 * std::abs(t) - 1);
      const float from = x + pad + size * static_cast<float>(k) / kSteps;
      list.AddRectFilled({from, centre.y - pad}, {from + size / kSteps + 0.5F, centre.y + pad}, colour_of(c));
    }
    list.AddText({x + pad, centre.y - 3.4F * pad}, kWhite, motion.directed ? "start" : "end");
    const ImVec2 end = ImGui::CalcTextSize("end");
    list.AddText({x + pad + size - end.x, centre.y - 3.4F * pad}, kWhite, "end");
    list.AddText({x + pad, centre.y + 1.3F * pad}, kWhite, "true length");
  } else {
    const float reach = std::min(radius, 0.45F * 16 * view_.zoom);
    list.AddLine({centre.x - reach, centre.y}, {centre.x + reach, centre.y}, IM_COL32(255, 219, 89, 255),
                 2 * s);
    list.AddText({x + pad, centre.y + pad}, kWhite, fmt::format("{:.0f} px", view_.full_scale).c_str());
  }
}

/// Place and values under the mouse; empty where there are none.
std::string App::inspector_text(const char* between) const {
  if (inspected_.x < 0 || !shown_) return {};
  const auto value = [&](std::size_t side) {
    std::array<float, 3> rgb{};
    const ViewContent content = view_content();
    const ViewSide& s = content.data.sides.at(side);
    for (std::size_t c = 0; c < 3; ++c) {
      const auto channel = [&](std::size_t which) {
        return static_cast<float>(pixels_.at(3 * side + which) >> (10 * c) & 1023U) / 1023 * 255;
      };
      const float base = channel(0);
      rgb.at(c) = base;
      if (s.kind == SideKind::kResult) rgb.at(c) = base + s.strength * (channel(2) - base);
      if (s.kind == SideKind::kCorrection)
        rgb.at(c) = std::clamp(base + s.strength * (channel(2) - channel(1)), 0.0F, 255.0F);
    }
    return rgb;
  };
  const auto a = value(0), b = value(1);
  const auto triple = [](const char* name, const std::array<float, 3>& v, bool sign) {
    std::string text = name;
    for (const float c : v) text += sign ? fmt::format(" {:+.0f}", c) : fmt::format(" {:.0f}", c);
    return text;
  };
  const std::array<float, 3> apart{b[0] - a[0], b[1] - a[1], b[2] - a[2]};
  return fmt::format("x {:.0f}  y {:.0f}", inspected_.x, inspected_.y) + between + triple("A", a, false) +
         between + triple("B", b, false) + between + triple("B-A", apart, true);
}

void App::draw_inspector() {
  const std::string text = inspector_text("\n");
  if (text.empty()) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const float s = gui_->scale();
  const bool at_right = mouse.x > left_ + width_ - 150 * s;
  plate(*ImGui::GetForegroundDrawList(), at_right ? mouse.x - 16 * s : mouse.x + 16 * s, mouse.y + 12 * s,
        text, at_right);
}

/// The picture on the screen stays; what is computed says so.
void App::draw_busy() {
  const double since = live_->processor().busy_since();
  if (since <= 0 || window_ == nullptr) return;
  const double elapsed = steady_seconds() - since;
  if (elapsed < 0.4) return;
  const std::string text = fmt::format("computing: {}  {:.1f} s", live_->processor().busy_with(), elapsed);
  plate(*ImGui::GetForegroundDrawList(), left_ + 8 * gui_->scale(), top_ + 44 * gui_->scale(), text);
}

void App::draw_help() {
  if (!view_.help) return;
  ImGui::SetNextWindowPos({left_ + width_ / 2, top_ + height_ / 2}, ImGuiCond_Always, {0.5F, 0.5F});
  ImGui::Begin("Keys", nullptr,
               ImGuiWindowFlags_NoResize | ImGuiWindowFlags_NoCollapse | ImGuiWindowFlags_AlwaysAutoResize |
                   ImGuiWindowFlags_NoMove);
  if (ImGui::BeginTable("keys", 2)) {
    for (const HelpLine& line : kHelp) {
      ImGui::TableNextColumn();
      ImGui::TextUnformatted(line.key);
      ImGui::TableNextColumn();
      ImGui::TextUnformatted(line.what);
    }
    ImGui::EndTable();
  }
  ImGui::End();
}

void App::draw_overlay() {
  if (!view_.hidden) {
    draw_divider();
    draw_labels();
    draw_motion_key();
  }
  if (!shown_) {
    const std::string text = feed_.problem.empty() ? "opening " + source_ : feed_.problem;
    plate(*ImGui::GetBackgroundDrawList(), left_ + width_ / 3, top_ + height_ / 2, text);
  }
  if (live_->frozen() && !view_.hidden) {
    plate(*ImGui::GetBackgroundDrawList(), left_ + 8 * gui_->scale(), top_ + 44 * gui_->scale(),
          fmt::format("frozen, {} of {} frames back", frozen_back_,
                      std::max<std::size_t>(recent_.size(), 1) - 1));
  }
  draw_inspector();
  draw_busy();
  draw_help();
}

}  // namespace unblur
