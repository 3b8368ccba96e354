// SPDX-License-Identifier: MIT
// Dear ImGui with what the viewer needs around it: input from a window or a script, a font of our own,
// widgets that scripts find by their label.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gpu/canvas.h"
#include "ui/event.h"

namespace unblur {

struct Place {
  float x = 0, y = 0;
};

class Gui {
 public:
  /// `scale` of text and spacing. Throws ProcessingError.
  Gui(Gpu& gpu, VkRenderPass render_pass, float scale);
  ~Gui();
  Gui(const Gui&) = delete;
  Gui& operator=(const Gui&) = delete;

  void set_dark(bool dark);
  [[nodiscard]] float scale() const noexcept { return scale_; }

  /// Queues input. A frame takes events up to the first that presses or releases something, so that no click
  /// is too short to be seen.
  void add(const UiEvent& event) { events_.push_back(event); }
  [[nodiscard]] bool has_events() const noexcept { return !events_.empty(); }

  /// Keys pressed in this frame and not meant for a text field, files dropped.
  struct Taken {
    std::vector<Key> keys;
    std::vector<std::string> files;
    bool close = false;
  };
  Taken begin(int width, int height, double seconds);
  void end();
  void draw(VkCommandBuffer commands);

  // ---- widgets; each is found by its label, what stands before "##" ----
  bool button(const char* label);
  bool small_button(const char* label, bool active);
  bool check(const char* label, bool* value);
  bool slider(const char* label, float* value, float low, float high, const char* format = "%.2f");
  bool header(const char* label, bool open);
  /// Of the widget drawn last.
  void mark(const std::string& label);
  /// The middle of a widget of the last frame.
  [[nodiscard]] std::optional<Place> find(const std::string& label) const;
  [[nodiscard]] std::vector<std::string> labels() const;

 private:
  void apply(const UiEvent& event, Taken& taken);
  void upload_font(Gpu& gpu);

  float scale_;
  vk::DescriptorPoolHandle pool_;
  std::deque<UiEvent> events_;
  std::map<std::string, Place> widgets_, widgets_before_;
};

}  // namespace unblur
