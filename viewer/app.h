// SPDX-License-Identifier: MIT
// The viewer: what is shown and how, what keys, mouse and scripts do, the loop around it. Everything here
// runs on the main thread; sources and models are behind Live.
//
//   app.cpp      the loop; settings; wishes of the sides
//   stage.cpp    the picture area: layout, zoom and pan, divider, what the shaders get
//   overlay.cpp  what is drawn over it: labels, key of motion, inspector, help
//   panels.cpp   the panel at the right, the status line
//   source_panel.cpp  its first part: cameras, files
//   actions.cpp  keys, dropped files
//   saving.cpp   pictures, recordings, exposures
//   script_run.cpp
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/export.h"
#include "core/live_meter.h"
#include "core/script.h"
#include "core/viewer_settings.h"
#include "gpu/picture_area.h"
#include "graph/error.h"
#include "live.h"
#include "media/camera_list.h"
#include "options.h"
#include "ui/gui.h"
#include "ui/window.h"

namespace unblur {

enum class MotionStyle : std::uint8_t { kNone, kPaths, kQuiver, kMiddlebury, kHsv };

/// What the person has chosen.
struct ViewState {
  ViewMode mode = ViewMode::kSplit;
  std::array<Pick, 2> picks{Pick::kInput, Pick::kModel1};
  std::array<int, 2> offsets{};  ///< frames back, <= 0
  float divider = 0.5F, gain = 4, strength = 1;
  bool fit = true, mirror = false;
  float zoom = 1, centre_x = 0, centre_y = 0;  ///< canvas px per picture px; upright px
  MotionStyle motion = MotionStyle::kNone;
  float grid = 0, full_scale = 32;  ///< px
  bool exposure = false, exposure_plays = false, exposure_reversed = false;
  float t = 0.5F;  ///< of the exposure, 0 to 1
  int scale_percent = 100;
  bool panels = true, hidden = false, help = false, inspector = false, dark = true;
};

class App {
 public:
  /// `window` null: off-screen.
  App(const ViewerOptions& options, const ViewerSettings& settings, Gpu& gpu, Window* window);
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  /// Until it is closed. Throws what ends the program; with a window, what can be shown is shown instead.
  ExitCode run();
  /// Into the log.
  void note(const std::string& message);

 private:
  // ---- app.cpp ----
  void open(const std::string& name);
  void tell_wishes();
  void refresh_shown();
  void draw_frame(double seconds);
  void run_window();
  void run_offscreen();
  void write_counters(bool last);
  /// Something that the person asked for failed: it stays in the status line until something succeeds.
  void fail_action(const std::string& problem);
  void remember();
  [[nodiscard]] ShownPtr side_frame(int side) const;
  [[nodiscard]] std::string model_error() const;
  [[nodiscard]] bool too_slow() const;
  // ---- stage.cpp ----
  void lay_out();
  void move_picture();
  void fit();
  [[nodiscard]] ViewContent view_content() const;
  void zoom_at(float x, float y, float factor);
  [[nodiscard]] Place upright_size() const;
  [[nodiscard]] Place area_size() const;                      ///< of one picture
  [[nodiscard]] Place picture_place(float x, float y) const;  ///< upright px under a canvas px
  [[nodiscard]] Place stored_place(Place upright) const;
  [[nodiscard]] bool shows_inspector() const;
  // ---- overlay.cpp ----
  void draw_overlay();
  void draw_labels();
  void draw_divider();
  void draw_motion_key();
  void draw_inspector();
  void draw_busy();
  void draw_help();
  [[nodiscard]] std::string side_label(int side) const;
  [[nodiscard]] std::string inspector_text(const char* between) const;
  // ---- panels.cpp ----
  void draw_panel();
  void source_panel();  ///< source_panel.cpp, as the next three
  void camera_list();
  void file_list();
  void camera_control(const CameraControl& control);
  void view_panel();
  void side_panel(int side);
  void model_panel();
  void model_list();
  void motion_panel();
  void exposure_panel();
  void time_panel();
  void log_panel();
  void draw_status();
  void draw_timeline();
  [[nodiscard]] std::string status_text() const;
  // ---- actions.cpp ----
  void press(const Key& key);
  void set_frozen(bool frozen);
  void move_frozen(int frames);
  void cycle_pick(int side);
  void take_files(const std::vector<std::string>& files);  ///< dropped ones
  void show_second_file(const std::string& name);
  // ---- saving.cpp ----
  void save(const std::string& what);  ///< "a", "b", "view"
  [[nodiscard]] Frame side_picture(int side, bool stored);
  void toggle_recording();
  void record(double seconds);
  void export_exposure_to(const std::string& path);
  [[nodiscard]] std::string file_name(const std::string& what, const std::string& ending) const;
  // ---- script_run.cpp ----
  void advance_script();
  bool run_action(const ScriptAction& action);
  [[noreturn]] void script_failed(const ScriptAction& action, const std::string& why) const;
  void take_screenshot(const std::string& file);

  ViewerOptions options_;
  ViewerSettings settings_;
  Gpu& gpu_;
  Window* window_;
  const std::atomic<int>& signal_;  ///< Ctrl-C or SIGTERM: an orderly end
  Canvas canvas_;
  std::unique_ptr<Gui> gui_;
  PictureArea area_;
  std::unique_ptr<Live> live_;

  ViewState view_;
  std::array<std::string, 2> models_;
  std::string second_file_, source_;
  FeedStatus feed_;
  enum class Choosing : std::uint8_t { kNothing, kCamera, kFile } choosing_ = Choosing::kNothing;
  std::vector<CameraEntry> cameras_;
  std::filesystem::path folder_;  ///< whose files are listed
  ShownPtr shown_;                ///< the frame on the screen
  std::deque<ShownPtr> recent_;   ///< of the same moment; while frozen they stand still
  int frozen_back_ = 0;           ///< frames before the last of `recent_`
  std::int64_t seen_ = 0;         ///< Live::count that is on the screen
  LiveMeter meter_;
  bool arrived_ = false;      ///< a new frame is in what is drawn
  std::deque<float> gpu_ms_;  ///< of the last frames, for the plot
  std::deque<std::string> log_;
  std::string last_error_, action_error_;
  std::optional<Error> first_problem_;  ///< with a side that is shown
  double now_ = 0;                      ///< s, of this frame
  std::ofstream counters_;              ///< UNBLUR_VIEWER_COUNTERS
  double counted_ = 0;                  ///< steady clock, when a line was written last
  bool quit_ = false;

  // The picture area and the mouse in it, canvas px.
  float left_ = 0, top_ = 0, width_ = 1, height_ = 1;
  bool dragging_divider_ = false, dragging_picture_ = false;
  std::array<std::uint32_t, 6> pixels_{};  ///< under the mouse, one frame late
  Place inspected_{-1, -1};

  std::unique_ptr<Recorder> recorder_;
  std::string record_file_;
  int record_width_ = 0, record_height_ = 0;
  std::vector<ScriptAction> script_;
  std::size_t script_at_ = 0;
  std::deque<UiEvent> script_events_;  ///< one a frame
  std::int64_t wait_count_ = -1;       ///< of processed frames, -1: none waited for
  int wait_still_ = 0;                 ///< frames drawn while none came
};

/// px at scale 1.
inline constexpr float kPanelWidth = 310, kStatusHeight = 26, kTimelineHeight = 34;

[[nodiscard]] std::optional<ViewMode> view_mode_of(const std::string& name);
[[nodiscard]] const char* view_mode_name(ViewMode mode);
[[nodiscard]] std::optional<MotionStyle> motion_style_of(const std::string& name);
[[nodiscard]] const char* motion_style_name(MotionStyle style);

}  // namespace unblur
