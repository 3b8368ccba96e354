// SPDX-License-Identifier: MIT
#include "ui/gui.h"

#include <backends/imgui_impl_vulkan.h>
#include <imgui.h>

#include <algorithm>
#include <utility>

#include "graph/error.h"
#include "ui/font.h"
#include "vulkan/check.h"

namespace unblur {
namespace {

constexpr float kFontPixels = 15;

void set_colours(bool dark) {
  dark ? ImGui::StyleColorsDark() : ImGui::StyleColorsLight();
  ImGuiStyle& style = ImGui::GetStyle();
  style.Colors[ImGuiCol_WindowBg] =
      dark ? ImVec4(0.11F, 0.12F, 0.13F, 0.97F) : ImVec4(0.95F, 0.95F, 0.94F, 0.97F);
}

std::string label_of(const char* label) {
  const std::string text(label);
  return text.substr(0, text.find("##"));
}

}  // namespace

Gui::Gui(Gpu& gpu, VkRenderPass render_pass, float scale) : scale_(scale) {
  ImGui::CreateContext();
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  io.BackendPlatformName = "unblur";
  ImGuiStyle& style = ImGui::GetStyle();
  style.WindowRounding = 0;
  style.FrameRounding = 3;
  style.WindowBorderSize = 0;
  style.ScaleAllSizes(scale);
  ImFontConfig font;
  font.FontDataOwnedByAtlas = false;
  const std::span<const std::byte> file = dejavu_sans();
  // ImGui does not write to the font it is given, but takes it as if it might.
  io.Fonts->AddFontFromMemoryTTF(const_cast<std::byte*>(file.data()), static_cast<int>(file.size()),
                                 kFontPixels * scale, &font, nullptr);

  const VkDevice device = gpu.device()->get();
  const VkDescriptorPoolSize size{VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, 1};
  VkDescriptorPoolCreateInfo pool_info{VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO};
  pool_info.flags = VK_DESCRIPTOR_POOL_CREATE_FREE_DESCRIPTOR_SET_BIT;
  pool_info.maxSets = 1;
  pool_info.poolSizeCount = 1;
  pool_info.pPoolSizes = &size;
  VkDescriptorPool pool = VK_NULL_HANDLE;
  UNBLUR_VK(vkCreateDescriptorPool(device, &pool_info, nullptr, &pool));
  pool_ = vk::DescriptorPoolHandle(device, pool);

  ImGui_ImplVulkan_InitInfo info{};
  info.Instance = gpu.device()->instance().get();
  info.PhysicalDevice = gpu.device()->physical().handle;
  info.Device = device;
  info.QueueFamily = gpu.device()->physical().compute_family;
  info.DescriptorPool = pool;
  info.MinImageCount = info.ImageCount = Canvas::kFrames;
  info.MSAASamples = VK_SAMPLE_COUNT_1_BIT;
  info.CheckVkResultFn = [](VkResult result) { vk::check(result, "Dear ImGui", __FILE__, __LINE__); };
  // Only checked for being there: it is used where ImGui submits by itself, which it does not here.
  vkGetDeviceQueue(device, info.QueueFamily, 0, &info.Queue);
  if (!ImGui_ImplVulkan_Init(&info, render_pass)) throw ProcessingError("Dear ImGui could not be set up");
  gpu.run("font", 0,
          [](vk::Recorder&, VkCommandBuffer commands) { ImGui_ImplVulkan_CreateFontsTexture(commands); });
  ImGui_ImplVulkan_DestroyFontUploadObjects();
  set_dark(true);
}

Gui::~Gui() {
  ImGui_ImplVulkan_Shutdown();
  ImGui::DestroyContext();
}

void Gui::set_dark(bool dark) { set_colours(dark); }

void Gui::apply(const UiEvent& event, Taken& taken) {
  ImGuiIO& io = ImGui::GetIO();
  switch (event.kind) {
    case UiEvent::Kind::kMove:
      io.MousePos = {event.x, event.y};
      break;
    case UiEvent::Kind::kButton:
      io.MouseDown[std::clamp(event.button, 0, 4)] = event.down;
      break;
    case UiEvent::Kind::kWheel:
      io.MouseWheel += event.y;
      break;
    case UiEvent::Kind::kKey:
      if (event.key.code >= 0 && event.key.code < IM_ARRAYSIZE(io.KeysDown))
        io.KeysDown[event.key.code] = event.down;
      io.KeyCtrl = event.key.ctrl;
      io.KeyShift = event.key.shift;
      io.KeyAlt = event.key.alt;
      if (event.down && !io.WantTextInput) taken.keys.push_back(event.key);
      break;
    case UiEvent::Kind::kText:
      io.AddInputCharacter(event.text);
      break;
    case UiEvent::Kind::kDrop:
      taken.files.insert(taken.files.end(), event.files.begin(), event.files.end());
      break;
    case UiEvent::Kind::kClose:
      taken.close = true;
      break;
  }
}

Gui::Taken Gui::begin(int width, int height, double seconds) {
  Taken taken;
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width), static_cast<float>(height)};
  io.DeltaTime = static_cast<float>(std::max(seconds, 1e-4));
  while (!events_.empty()) {
    const UiEvent event = events_.front();
    events_.pop_front();
    apply(event, taken);
    if (event.kind != UiEvent::Kind::kMove ||
        (!events_.empty() && events_.front().kind != UiEvent::Kind::kMove))
      break;
  }
  widgets_before_ = std::exchange(widgets_, {});
  ImGui_ImplVulkan_NewFrame();
  ImGui::NewFrame();
  return taken;
}

void Gui::end() { ImGui::Render(); }

void Gui::draw(VkCommandBuffer commands) { ImGui_ImplVulkan_RenderDrawData(ImGui::GetDrawData(), commands); }

void Gui::mark(const std::string& label) {
  const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
  widgets_[label] = {(low.x + high.x) / 2, (low.y + high.y) / 2};
}

bool Gui::button(const char* label) {
  const bool pressed = ImGui::Button(label);
  mark(label_of(label));
  return pressed;
}

bool Gui::small_button(const char* label, bool active) {
  if (active) ImGui::PushStyleColor(ImGuiCol_Button, ImGui::GetStyleColorVec4(ImGuiCol_ButtonActive));
  const bool pressed = ImGui::Button(label);
  if (active) ImGui::PopStyleColor();
  mark(label_of(label));
  return pressed;
}

bool Gui::check(const char* label, bool* value) {
  const bool changed = ImGui::Checkbox(label, value);
  const ImVec2 low = ImGui::GetItemRectMin(), high = ImGui::GetItemRectMax();
  widgets_[label_of(label)] = {low.x + (high.y - low.y) / 2, (low.y + high.y) / 2};
  return changed;
}

bool Gui::slider(const char* label, float* value, float low, float high, const char* format) {
  const bool changed = ImGui::SliderFloat(label, value, low, high, format);
  // The slider itself, without its label at the right.
  const ImVec2 from = ImGui::GetItemRectMin(), to = ImGui::GetItemRectMax();
  widgets_[label_of(label)] = {from.x + ImGui::CalcItemWidth() / 2, (from.y + to.y) / 2};
  return changed;
}

bool Gui::header(const char* label, bool open) {
  const bool shown = ImGui::CollapsingHeader(label, open ? ImGuiTreeNodeFlags_DefaultOpen : 0);
  mark(label_of(label));
  return shown;
}

std::optional<Place> Gui::find(const std::string& label) const {
  const auto& known = widgets_.empty() ? widgets_before_ : widgets_;
  const auto found = known.find(label);
  if (found == known.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string> Gui::labels() const {
  std::vector<std::string> names;
  for (const auto& [label, place] : widgets_) names.push_back(label);
  return names;
}

}  // namespace unblur
