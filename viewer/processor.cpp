// SPDX-License-Identifier: MIT
#include "processor.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/feed_thread.h"
#include "graph/error.h"
#include "program/files.h"
#include "scaled.h"

namespace unblur {
namespace {

constexpr std::size_t kTimesShown = 12;

/// A device that was lost takes everything with it; other failures concern one model or one frame.
bool ends_everything(const Error& error) {
  return std::string_view(error.what()).find("device was lost") != std::string_view::npos;
}

}  // namespace

const char* pick_name(Pick pick) {
  switch (pick) {
    case Pick::kInput:
      return "input";
    case Pick::kModel1:
      return "model 1";
    case Pick::kModel2:
      return "model 2";
    case Pick::kReference:
      return "LibTorch";
    case Pick::kFile:
      return "second file";
  }
  return "";
}

void Processor::want(const Wanted& wanted) {
  const std::scoped_lock lock(mutex_);
  wanted_ = wanted;
  changed_ = true;
}

ModelStatus Processor::model_status(int which) const {
  const std::scoped_lock lock(mutex_);
  return status_.at(static_cast<std::size_t>(which));
}

std::string Processor::problem(Pick pick) const {
  const std::scoped_lock lock(mutex_);
  return problems_.at(static_cast<std::size_t>(pick));
}

std::string Processor::busy_with() const {
  const std::scoped_lock lock(mutex_);
  return busy_with_;
}

void Processor::set_busy(const std::string& what) {
  const std::scoped_lock lock(mutex_);
  busy_with_ = what;
  busy_since_ = what.empty() ? 0 : steady_seconds();
}

void Processor::set_status(int which, const ModelStatus& status) {
  const std::scoped_lock lock(mutex_);
  status_.at(static_cast<std::size_t>(which)) = status;
  problems_.at(static_cast<std::size_t>(which) + static_cast<std::size_t>(Pick::kModel1)) = status.problem;
}

void Processor::open_model(int which, const std::string& name) {
  Runner& runner = runners_.at(static_cast<std::size_t>(which));
  runner = {};
  runner.wanted_file = name;
  if (!name.empty()) {
    set_busy("loading " + name);
    try {
      const std::filesystem::path file = find_model(name);
      runner.status.file = file.string();
      runner.model = std::make_shared<Model>(read_model(file));
      runner.status.model = runner.model;
      runner.status.name = runner.model->info.name;
      runner.status.has_motion =
          runner.model->graph.has_output("control") || runner.model->graph.has_output("flow");
    } catch (const Error& error) {
      runner.status.problem = error.what();
      runner.status.error = error.code();
      if (runner.status.name.empty()) runner.status.name = name;
      spdlog::error("{}", error.what());
    }
    set_busy({});
  }
  set_status(which, runner.status);
}

void Processor::forget() {
  const std::scoped_lock lock(mutex_);
  changed_ = forget_ = true;
}

Processor::Change Processor::update() {
  bool forget = false;
  {
    const std::scoped_lock lock(mutex_);
    if (!changed_) return Change::kNone;
    changed_ = false;
    forget = std::exchange(forget_, false);
    now_ = wanted_;
  }
  for (Runner& runner : runners_) {
    if (forget) runner.session.reset();
  }
  int first = 0, last = 0;
  for (int i = 0; i < 2; ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (now_.models.at(at) != runners_.at(at).wanted_file) open_model(i, now_.models.at(at));
    if (!runners_.at(at).model) continue;
    const vk::FrameWindow offsets = vk::frame_window(runners_.at(at).model->graph);
    first = std::min(first, offsets.first);
    last = std::max(last, offsets.last);
  }
  const bool moved = first != min_offset_ || last != max_offset_;
  min_offset_ = first;
  max_offset_ = last;
  return moved ? Change::kOffsets : Change::kWishes;
}

void Processor::bind(Runner& runner, const FrameFormat& format) {
  const bool motion = now_.motion && runner.status.has_motion;
  if (runner.session && runner.bound == format && runner.precision == now_.precision &&
      runner.motion == motion && runner.times == now_.time_nodes) {
    return;
  }
  set_busy("preparing " + runner.status.name);
  runner.session.reset();  // its memory first: two may not fit
  vk::FrameOptions options;
  options.bind.format = format;
  options.bind.precision = now_.precision;
  options.bind.time_nodes = now_.time_nodes;
  if (motion) options.bind.named_outputs = {runner.model->graph.has_output("control") ? "control" : "flow"};
  options.storage = vk::choose_storage(gpu_.device()->physical(), now_.precision);
  options.most_slots = 2;
  options.slice_ms = gpu_.slice_ms();
  options.keep_on_device = true;
  options.cancelled = &cancelled_;
  runner.session =
      std::make_unique<vk::VulkanSession>(gpu_.device(), gpu_.pipelines(), runner.model, options);
  gpu_.pipelines()->save();
  runner.bound = format;
  runner.precision = now_.precision;
  runner.motion = motion;
  runner.times = now_.time_nodes;
  runner.status.plan = runner.session->report();
  runner.status.problem.clear();
  set_status(static_cast<int>(&runner - runners_.data()), runner.status);
}

std::vector<const Frame*> Processor::window_of(const FrameWindow& window, int first, int last) {
  std::vector<const Frame*> frames;
  for (int offset = first; offset <= last; ++offset) {
    const TimedFrame& timed = window.frames.at(window.centre + static_cast<std::size_t>(offset))->timed;
    if (now_.scale_percent == 100) {
      frames.push_back(&timed.frame);
      continue;
    }
    const auto [at, made] = scaled_.try_emplace(timed.index);
    if (made) at->second = scaled(timed.frame, now_.scale_percent);
    frames.push_back(&at->second);
  }
  return frames;
}

Outcome Processor::run_model(Runner& runner, const FrameWindow& window, bool fresh, Shown& shown) {
  Outcome outcome;
  if (!runner.model) {
    outcome.fault = runner.status.problem.empty() ? "no model is chosen" : runner.status.problem;
    return outcome;
  }
  const vk::FrameWindow offsets = vk::frame_window(runner.model->graph);
  const std::vector<const Frame*> frames = window_of(window, offsets.first, offsets.last);
  const Frame& own = *frames.at(static_cast<std::size_t>(-offsets.first));
  try {
    const bool bound_anew = !runner.session || runner.bound != own.format;
    bind(runner, own.format);
    // Frames that this model did not see are a gap that it must not bridge.
    if (fresh || bound_anew) runner.session->reset();
    set_busy(runner.status.name);
    runner.session->submit(frames);
    Result result = runner.session->receive();
    gpu_.count_details_read(runner.session->details_bytes());
    shown.gpu_ms += result.gpu_ms;
    if (result.retried_fp32) spdlog::warn("frame {}: computed once more in fp32", shown.index);
    std::ranges::move(result.times, std::back_inserter(shown.times));
    outcome.after = pictures_.from_device(runner.session->device_frame(), own.format);
    if (now_.scale_percent != 100) outcome.before = pictures_.from_frame(own);
    if (!shown.motion) {
      const float scale = static_cast<float>(shown.info.format.width) / static_cast<float>(own.format.width);
      for (const vk::DeviceOutput& output : runner.session->device_outputs()) {
        shown.motion = pictures_.motion(output, runner.model->info, scale);
      }
    }
  } catch (const Error& error) {
    if (ends_everything(error)) throw;
    outcome.fault = error.what();
    if (cancelled_) return outcome;
    // A model that cannot be bound is tried again with every frame.
    if (runner.status.problem != error.what()) spdlog::error("{}: {}", runner.status.name, error.what());
    if (error.code() == ExitCode::kProcessingFailed && runner.session) {
      runner.session->reset();  // this frame's states are spoilt
    } else {
      runner.session.reset();
      runner.status.problem = error.what();
      runner.status.error = error.code();
      set_status(static_cast<int>(&runner - runners_.data()), runner.status);
    }
  }
  return outcome;
}

Outcome Processor::run_reference(const FrameWindow& window, bool fresh) {
  Outcome outcome;
  const std::shared_ptr<const Model>& model = runners_[0].model;
  if (!model) {
    outcome.fault = "no model is chosen";
    return outcome;
  }
  const vk::FrameWindow offsets = vk::frame_window(model->graph);
  const std::vector<const Frame*> frames = window_of(window, offsets.first, offsets.last);
  const Frame& own = *frames.at(static_cast<std::size_t>(-offsets.first));
  try {
    set_busy("LibTorch");
    if (!reference_) reference_ = load_torch_backend("cpu");
    if (!reference_session_ || reference_bound_ != own.format) {
      reference_session_ = reference_->bind(model, {.format = own.format, .precision = Precision::kFp32});
      reference_bound_ = own.format;
      fresh = true;
    }
    if (fresh) reference_session_->reset();
    reference_session_->submit(frames);
    const Result result = reference_session_->receive();
    gpu_.count_pixels_read(result.frame.data.size());
    outcome.after = pictures_.from_frame(result.frame);
    if (now_.scale_percent != 100) outcome.before = pictures_.from_frame(own);
  } catch (const Error& error) {
    outcome.fault = error.what();
    const std::scoped_lock lock(mutex_);
    problems_.at(static_cast<std::size_t>(Pick::kReference)) = error.what();
  }
  return outcome;
}

Outcome Processor::read_second_file(const SourceFrame& frame) {
  Outcome outcome;
  std::string problem;
  try {
    if (second_name_ != now_.second_file) {
      second_.reset();
      second_name_ = now_.second_file;
    }
    if (!second_ && !second_name_.empty()) second_ = std::make_unique<FileFrames>(second_name_);
    const TimedFrame* other = second_ ? second_->at(frame.timed.index) : nullptr;
    if (!second_) {
      problem = "no second file is open";
    } else if (other == nullptr) {
      problem = fmt::format("{} has no frame {}", second_name_, frame.timed.index);
    } else if (other->frame.format.width != frame.timed.frame.format.width ||
               other->frame.format.height != frame.timed.frame.format.height) {
      problem = fmt::format("{} has another size: {} x {}", second_name_, other->frame.format.width,
                            other->frame.format.height);
    } else {
      outcome.after = pictures_.from_frame(other->frame);
    }
  } catch (const Error& error) {
    problem = error.what();
  }
  outcome.fault = problem;
  const std::scoped_lock lock(mutex_);
  problems_.at(static_cast<std::size_t>(Pick::kFile)) = problem;
  return outcome;
}

std::shared_ptr<Shown> Processor::input_of(const FrameWindow& window, const StreamInfo& info) {
  const SourceFrame& frame = window.shown();
  auto shown = std::make_shared<Shown>();
  shown->index = frame.timed.index;
  shown->seconds = static_cast<double>(frame.timed.pts) * info.time_base.value();
  shown->captured = frame.captured;
  shown->info = info;
  shown->info.format = frame.timed.frame.format;
  shown->base = pictures_.from_frame(frame.timed.frame);
  return shown;
}

ShownPtr Processor::process(const FrameWindow& window, const StreamInfo& info) {
  const std::shared_ptr<Shown> shown = input_of(window, info);
  scaled_.clear();

  const double start = steady_seconds();
  const auto wanted = [&](Pick pick) { return now_.picks.at(static_cast<std::size_t>(pick)); };
  const auto outcome = [&](Pick pick) -> Outcome& {
    return shown->outcomes.at(static_cast<std::size_t>(pick));
  };
  // The model that draws motion runs even where no side shows its picture.
  const bool motion_from_second = !runners_[0].status.has_motion && runners_[1].status.has_motion;
  for (int i = 0; i < 2; ++i) {
    const Pick pick = i == 0 ? Pick::kModel1 : Pick::kModel2;
    const bool for_motion =
        now_.motion && runners_.at(static_cast<std::size_t>(i)).model && (i == 1) == motion_from_second;
    if (wanted(pick) || for_motion) {
      outcome(pick) = run_model(runners_.at(static_cast<std::size_t>(i)), window, window.fresh_start, *shown);
    } else {
      runners_.at(static_cast<std::size_t>(i)).session.reset();
    }
  }
  if (wanted(Pick::kReference)) outcome(Pick::kReference) = run_reference(window, window.fresh_start);
  if (wanted(Pick::kFile)) outcome(Pick::kFile) = read_second_file(window.shown());
  shown->compute_ms = 1000 * (steady_seconds() - start);
  std::ranges::sort(shown->times, std::greater{}, &NodeTime::ms);
  if (shown->times.size() > kTimesShown) shown->times.resize(kTimesShown);
  shown->picture_bytes = pictures_.bytes();
  set_busy({});
  return shown;
}

}  // namespace unblur
