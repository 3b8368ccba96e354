// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include <algorithm>

#include "app.h"
#include "graph/error.h"
#include "media/image_file.h"

namespace unblur {
namespace {

constexpr int kDragSteps = 6;

template <typename... F>
struct Cases : F... {
  using F::operator()...;
};
template <typename... F>
Cases(F...) -> Cases<F...>;

UiEvent move_to(double x, double y) {
  UiEvent event;
  event.x = static_cast<float>(x);
  event.y = static_cast<float>(y);
  return event;
}

UiEvent left_button(bool down) {
  UiEvent event;
  event.kind = UiEvent::Kind::kButton;
  event.down = down;
  return event;
}

}  // namespace

void App::script_failed(const ScriptAction& action, const std::string& why) const {
  throw ProcessingError(fmt::format("{}:{}: \"{}\": {}", options_.script, action.line, action.text, why));
}

void App::take_screenshot(const std::string& file) { write_png(file, canvas_.read()); }

/// At most one action a frame; what it presses follows event by event, then a frame that shows its effect.
void App::advance_script() {
  if (!script_events_.empty() || gui_->has_events()) return;
  if (script_at_ >= script_.size()) {
    quit_ = true;
    return;
  }
  const ScriptAction& action = script_.at(script_at_);
  if (run_action(action)) ++script_at_;
}

bool App::run_action(const ScriptAction& action) {
  const auto click = [&](double x, double y) {
    script_events_ = {move_to(x, y), move_to(x, y), left_button(true), left_button(false), move_to(x, y)};
  };
  return std::visit(
      Cases{[&](const ScriptAction::Open& a) {
              open(a.path);
              return true;
            },
            [&](const ScriptAction::Press& a) {
              UiEvent event;
              event.kind = UiEvent::Kind::kKey;
              event.key = a.key;
              event.down = true;
              script_events_ = {event};
              event.down = false;
              event.key = {a.key.code, false, false, false};
              script_events_.push_back(event);
              return true;
            },
            [&](const ScriptAction::ClickWidget& a) {
              const std::optional<Place> place = gui_->find(a.label);
              if (!place) {
                std::string known;
                for (const std::string& label : gui_->labels()) known += (known.empty() ? "" : ", ") + label;
                script_failed(action, "there is no such widget now; there are: " + known);
              }
              click(place->x, place->y);
              return true;
            },
            [&](const ScriptAction::ClickAt& a) {
              click(a.x, a.y);
              return true;
            },
            [&](const ScriptAction::Drag& a) {
              script_events_ = {move_to(a.x0, a.y0), left_button(true)};
              for (int i = 1; i <= kDragSteps; ++i) {
                const double t = static_cast<double>(i) / kDragSteps;
                // A button event between two moves would end the frame; moves alone are one a frame here.
                script_events_.push_back(move_to(a.x0 + t * (a.x1 - a.x0), a.y0 + t * (a.y1 - a.y0)));
              }
              script_events_.push_back(left_button(false));
              return true;
            },
            [&](const ScriptAction::Wheel& a) {
              UiEvent event;
              event.kind = UiEvent::Kind::kWheel;
              event.y = static_cast<float>(a.notches);
              script_events_ = {event};
              return true;
            },
            [&](const ScriptAction::Wait& a) {
              if (wait_count_ < 0) {
                wait_count_ = live_->count() + a.frames;
                wait_still_ = 0;
              }
              const bool stands_still =
                  (feed_.state != FeedState::kPlaying && feed_.state != FeedState::kOpening) ||
                  !live_->failure().empty();
              wait_still_ = live_->frozen() || stands_still ? wait_still_ + 1 : 0;
              const bool done = live_->count() >= wait_count_ || wait_still_ > std::max(a.frames, 2);
              if (done) wait_count_ = -1;
              return done;
            },
            [&](const ScriptAction::Screenshot& a) {
              if (canvas_.width() < 1) script_failed(action, "nothing was drawn yet");
              take_screenshot(a.file);
              return true;
            },
            [&](const ScriptAction::Expect& a) {
              const std::string text = status_text();
              if (text.find(a.text) == std::string::npos)
                script_failed(action, "the status line says: " + text);
              return true;
            },
            [&](const ScriptAction::Quit&) {
              quit_ = true;
              return true;
            }},
      action.what);
}

}  // namespace unblur
