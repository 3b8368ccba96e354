// SPDX-License-Identifier: MIT
#include "app.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "graph/error.h"
#include "media/image_file.h"
#include "program/files.h"
#include "program/signals.h"

namespace unblur {
namespace {

constexpr std::array kModes{"split", "side", "a", "b", "difference", "blink"};
constexpr std::array kStyles{"none", "paths", "quiver", "middlebury", "hsv"};
constexpr std::size_t kLogLines = 200;
constexpr double kFrameSeconds = 1.0 / 30;  // of the virtual clock

template <typename T>
std::optional<T> by_name(const auto& names, const std::string& name) {
  const auto found = std::ranges::find_if(names, [&](const char* n) { return name == n; });
  if (found == names.end()) return std::nullopt;
  return static_cast<T>(found - names.begin());
}

/// The default model only where it is installed.
std::string model_or_default(const std::string& name) {
  if (!name.empty()) return name;
  try {
    return find_model("unblur-rt").string();
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

std::optional<ViewMode> view_mode_of(const std::string& name) { return by_name<ViewMode>(kModes, name); }
const char* view_mode_name(ViewMode mode) { return kModes.at(static_cast<std::size_t>(mode)); }
std::optional<MotionStyle> motion_style_of(const std::string& name) {
  return by_name<MotionStyle>(kStyles, name);
}
const char* motion_style_name(MotionStyle style) { return kStyles.at(static_cast<std::size_t>(style)); }

App::App(const ViewerOptions& options, const ViewerSettings& settings, Gpu& gpu, Window* window)
    : options_(options),
      settings_(settings),
      gpu_(gpu),
      window_(window),
      signal_(catch_signals()),
      canvas_(gpu),
      area_(gpu, canvas_.render_pass()) {
  canvas_.resize(settings.width, settings.height);
  float scale = settings.ui_scale;
  if (scale <= 0) scale = window != nullptr ? window->content_scale() : 1.0F;
  gui_ = std::make_unique<Gui>(gpu, canvas_.render_pass(), scale);
  live_ = std::make_unique<Live>(gpu, window != nullptr ? std::function<void()>(Window::wake) : nullptr);

  view_.mode = view_mode_of(settings.view).value_or(ViewMode::kSplit);
  view_.motion = motion_style_of(settings.motion).value_or(MotionStyle::kNone);
  view_.divider = settings.divider;
  view_.strength = settings.strength;
  view_.gain = settings.gain;
  view_.grid = static_cast<float>(settings.grid);
  view_.full_scale = settings.full_scale;
  view_.scale_percent = settings.scale_percent;
  view_.mirror = settings.mirror;
  view_.panels = settings.panels;
  view_.dark = settings.dark;
  gui_->set_dark(view_.dark);
  folder_ = std::filesystem::current_path();
  models_ = {model_or_default(settings.model), settings.model2};
  if (!models_[1].empty()) view_.picks = {Pick::kModel1, Pick::kModel2};
  if (models_[0].empty()) {
    view_.picks = {Pick::kInput, Pick::kInput};
    note("no model: the input is shown; choose one with -m, or install unblur-rt");
  }
  if (!options.script.empty()) script_ = read_script(options.script);
  if (const char* file = std::getenv("UNBLUR_VIEWER_COUNTERS"); file != nullptr && *file != '\0') {
    counters_.open(file);
    counters_ << "seconds,frames,vulkan_bytes,vulkan_allocations,vulkan_objects,vulkan_allocations_made,"
                 "pixel_bytes_read,detail_bytes_read\n";
  }
  tell_wishes();
  open(settings.source);
}

App::~App() {
  live_.reset();  // nothing new comes while the rest goes
  try {
    gpu_.device()->wait_idle();
  } catch (const Error& error) {  // a lost device has nothing running
    spdlog::debug("{}", error.what());
  }
}

void App::fail_action(const std::string& problem) {
  action_error_ = problem;
  note(action_error_);
}

void App::note(const std::string& message) {
  spdlog::info("{}", message);
  log_.push_back(message);
  if (log_.size() > kLogLines) log_.pop_front();
}

void App::open(const std::string& name) {
  FeedOptions feed;
  feed.loop = settings_.loop;
  feed.speed = settings_.speed;
  feed.camera = {settings_.camera_width, settings_.camera_height, settings_.camera_fps};
  for (std::size_t i = 0; i < settings_.camera_format.size(); ++i)
    feed.camera.pixel_format |= std::uint32_t{static_cast<unsigned char>(settings_.camera_format[i])}
                                << 8 * i;
  source_ = settings_.source = name;
  set_frozen(false);
  shown_.reset();
  arrived_ = false;
  recent_.clear();
  last_error_.clear();
  action_error_.clear();
  view_.fit = true;
  meter_.clear();
  live_->open(name, feed);
}

void App::tell_wishes() {
  Wanted wanted;
  wanted.models = models_;
  wanted.second_file = second_file_;
  wanted.picks.fill(false);
  for (const Pick pick : view_.picks) wanted.picks.at(static_cast<std::size_t>(pick)) = true;
  wanted.scale_percent = view_.scale_percent;
  wanted.motion = view_.motion != MotionStyle::kNone || view_.exposure;
  wanted.precision = settings_.precision == "fp32"   ? Precision::kFp32
                     : settings_.precision == "fp16" ? Precision::kFp16
                                                     : Precision::kAuto;
  wanted.time_nodes = true;
  live_->want(wanted);
}

/// What both sides show of one moment, each with its offset.
ShownPtr App::side_frame(int side) const {
  const int offset = view_.offsets.at(static_cast<std::size_t>(side));
  if (!shown_ || offset == 0) return shown_;
  for (auto it = recent_.rbegin(); it != recent_.rend(); ++it) {
    if ((*it)->index <= shown_->index + offset) return *it;
  }
  return recent_.empty() ? shown_ : recent_.front();
}

std::string App::model_error() const {
  if (const std::string failure = live_->failure(); !failure.empty())
    return failure + "; shift+r tries again";
  if (shown_) {
    for (const Pick pick : view_.picks) {
      const std::string& fault = shown_->outcomes.at(static_cast<std::size_t>(pick)).fault;
      if (!fault.empty()) return fault;
    }
  }
  for (const Pick pick : view_.picks) {
    if (std::string problem = live_->processor().problem(pick); !problem.empty()) return problem;
  }
  return {};
}

/// A model keeps the picture below half of the source's rate: a smaller processing scale is proposed.
bool App::too_slow() const {
  const auto is_model = [](Pick pick) { return pick == Pick::kModel1 || pick == Pick::kModel2; };
  return shown_ && view_.scale_percent == 100 && std::ranges::any_of(view_.picks, is_model) &&
         meter_.stays_below(0.5 * feed_.speed * shown_->info.frame_rate.value(), now_);
}

void App::refresh_shown() {
  const FeedStatus before = std::exchange(feed_, live_->status());
  if (feed_.name == before.name && feed_.returns > before.returns) note(feed_.name + " is back");
  if (!feed_.problem.empty() && feed_.problem != last_error_ &&
      feed_.problem != (log_.empty() ? "" : log_.back()))
    note(feed_.problem);
  if (live_->frozen() || feed_.state != FeedState::kPlaying) meter_.pause();
  if (!live_->frozen() || recent_.empty()) recent_ = live_->recent();
  const std::int64_t count = live_->count();
  ShownPtr newest = live_->latest();
  if (live_->frozen() && !recent_.empty()) {
    const int last = static_cast<int>(recent_.size()) - 1;
    frozen_back_ = std::clamp(frozen_back_, 0, last);
    newest = recent_.at(static_cast<std::size_t>(last - frozen_back_));
  }
  if (newest && newest != shown_) {
    const bool resized = !shown_ || shown_->info.format.width != newest->info.format.width ||
                         shown_->info.format.height != newest->info.format.height;
    shown_ = std::move(newest);
    if (resized) view_.fit = true;
    if (!live_->frozen() && seen_ != count) {
      arrived_ = true;
      gpu_ms_.push_back(static_cast<float>(shown_->gpu_ms > 0 ? shown_->gpu_ms : shown_->compute_ms));
      if (gpu_ms_.size() > 120) gpu_ms_.pop_front();
    }
  }
  seen_ = count;
  std::string error = model_error();
  if (!error.empty() && !first_problem_) {
    first_problem_.emplace(ExitCode::kProcessingFailed, error);
    for (int i = 0; i < 2; ++i) {
      const ModelStatus status = live_->processor().model_status(i);
      if (!status.problem.empty()) first_problem_.emplace(status.error, status.problem);
    }
  }
  if (error.empty() && feed_.state == FeedState::kFailed) error = feed_.problem;
  if (error.empty()) error = action_error_;
  if (error != last_error_ && !error.empty() && error != action_error_) note(error);
  last_error_ = error;
}

void App::draw_frame(double seconds) {
  refresh_shown();
  write_counters(false);
  if (view_.exposure && view_.exposure_plays) {
    const auto step = static_cast<float>(seconds) * (view_.exposure_reversed ? -1.0F : 1.0F);
    view_.t = view_.t + step < 0 ? 1.0F : view_.t + step > 1 ? 0.0F : view_.t + step;
  }
  if (!script_events_.empty()) {
    gui_->add(script_events_.front());
    script_events_.pop_front();
  }
  const Gui::Taken taken = gui_->begin(canvas_.width(), canvas_.height(), seconds);
  quit_ = quit_ || taken.close;
  take_files(taken.files);
  for (const Key& key : taken.keys) press(key);
  lay_out();
  if (view_.fit) fit();
  if (!view_.hidden) {
    draw_timeline();
    draw_status();
    if (view_.panels) draw_panel();
  }
  move_picture();
  draw_overlay();
  gui_->end();

  const int frame = canvas_.wait_for_next();
  if (inspected_.x >= 0) pixels_ = area_.inspected(frame);
  area_.prepare(frame, view_content());
  Canvas::Work work;
  if (inspected_.x >= 0) {
    work.before = [&](VkCommandBuffer commands, int at) {
      area_.inspect(commands, at, static_cast<int>(inspected_.x), static_cast<int>(inspected_.y));
    };
  }
  work.draw = [&](VkCommandBuffer commands, int at) {
    area_.draw(commands, at, canvas_.width(), canvas_.height());
    gui_->draw(commands);
  };
  if (window_ != nullptr) {
    window_->show(canvas_, work);
  } else {
    canvas_.draw(work);
  }
  if (std::exchange(arrived_, false))
    meter_.shown(shown_->captured, window_ != nullptr ? steady_seconds() : now_, shown_->compute_ms / 1000);
  if (recorder_) {
    const double time = window_ != nullptr ? now_ : shown_ ? shown_->seconds : 0;
    record(time);
  }
}

ExitCode App::run() {
  window_ != nullptr ? run_window() : run_offscreen();
  write_counters(true);
  if (!options_.screenshot.empty()) take_screenshot(options_.screenshot);
  if (recorder_) toggle_recording();
  if (window_ != nullptr) remember();
  if (signal_ != 0) return signal_ == SIGINT ? ExitCode::kInterrupted : ExitCode::kTerminated;
  // Off-screen, what a window would have shown fails the run; a script expects what it wants.
  if (window_ == nullptr && script_.empty() && first_problem_) throw Error(*first_problem_);
  return ExitCode::kDone;
}

void App::run_window() {
  double before = steady_seconds();
  while (!quit_ && signal_ == 0) {
    // Something moves by itself, or a person or a frame wakes it; ten times a second at the least.
    const bool moving =
        gui_->has_events() || !script_events_.empty() || view_.exposure_plays || !script_.empty();
    for (const UiEvent& event : window_->poll(moving ? 0.015 : 0.1)) gui_->add(event);
    const auto [width, height] = window_->size();
    if (width == 0 || height == 0) continue;
    canvas_.resize(width, height);
    now_ = steady_seconds();
    if (!script_.empty()) advance_script();
    if (quit_) break;
    draw_frame(now_ - before);
    before = now_;
    if (options_.frames > 0 && live_->count() >= options_.frames && script_.empty()) break;
  }
}

void App::run_offscreen() {
  bool more = true;
  while (!quit_ && signal_ == 0) {
    more = live_->pump();
    if (const std::string failure = live_->failure(); !failure.empty()) throw ProcessingError(failure);
    now_ += kFrameSeconds;
    draw_frame(kFrameSeconds);
    if (!script_.empty()) advance_script();
    const bool enough = options_.frames > 0 && live_->count() >= options_.frames;
    if (script_.empty() && (enough || !more)) {
      draw_frame(kFrameSeconds);  // windows of Dear ImGui have their size from the second time on
      break;
    }
  }
}

/// A line a second for soak tests, and one at the end: UNBLUR_VIEWER_COUNTERS names the file.
void App::write_counters(bool last) {
  const double now = steady_seconds();
  if (!counters_.is_open() || (!last && now - counted_ < 1)) return;
  counted_ = now;
  const vk::Device& device = *gpu_.device();
  counters_ << fmt::format("{:.1f},{},{},{},{},{},{},{}\n", now, live_->count(), device.allocated_bytes(),
                           device.live_allocations(), vk::live_objects.load(), device.allocation_count(),
                           gpu_.pixel_bytes_read(), gpu_.detail_bytes_read())
            << std::flush;
}

void App::remember() {
  settings_.view = view_mode_name(view_.mode);
  settings_.motion = motion_style_name(view_.motion);
  settings_.divider = view_.divider;
  settings_.strength = view_.strength;
  settings_.gain = view_.gain;
  settings_.grid = static_cast<int>(view_.grid);
  settings_.full_scale = view_.full_scale;
  settings_.scale_percent = view_.scale_percent;
  settings_.mirror = view_.mirror;
  settings_.panels = view_.panels;
  settings_.dark = view_.dark;
  settings_.model = models_[0];
  settings_.model2 = models_[1];
  if (!window_->full_screen()) {
    settings_.width = canvas_.width();
    settings_.height = canvas_.height();
  }
  try {
    if (const auto file = viewer_settings_file(); !file.empty()) save_viewer_settings(file, settings_);
  } catch (const Error& error) {
    spdlog::warn("settings are not kept: {}", error.what());
  }
}

}  // namespace unblur
