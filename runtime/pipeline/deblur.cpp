// SPDX-License-Identifier: MIT
#include "pipeline/deblur.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <deque>
#include <exception>
#include <thread>

#include "graph/error.h"
#include "media/rgb.h"
#include "pipeline/queue.h"
#include "pipeline/scene.h"
#include "pipeline/window.h"

namespace unblur {
namespace {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// A restored frame on its way to the sink.
struct Finished {
  TimedFrame timed;
  PipelineFramePtr input;
  std::vector<NamedOutput> outputs;
  std::optional<Checkpoint> mark;
};

/// Mean length of a flow field [2,h,w], in its own pixels.
double mean_motion(const NamedOutput& flow) {
  const std::size_t plane = flow.values.size() / 2;
  double sum = 0;
  for (std::size_t i = 0; i < plane; ++i) sum += std::hypot(flow.values[i], flow.values[plane + i]);
  return plane > 0 ? sum / static_cast<double>(plane) : 0;
}

class Run {
 public:
  Run(FrameSource& source, FrameSink& sink, Backend& backend, std::shared_ptr<const Model> model,
      const DeblurOptions& options, const DeblurHooks& hooks, MotionPicture* picture)
      : source_(source),
        sink_(sink),
        backend_(backend),
        model_(std::move(model)),
        options_(options),
        hooks_(hooks),
        picture_(picture),
        resume_(sink.resume_point()),
        interval_(sink.checkpoint_interval()) {
    report_.resumed_frames = resume_.frames;
    // States replace the frames before the mark; a backend without them computes those frames again.
    skip_to_mark_ = resume_.frames > 0 && (!resume_.states.empty() || model_->graph.states().empty());
    if (options.max_frames >= 0) {
      total_ = options.max_frames;
    } else if (source.info().frames && !options.start_seconds) {
      total_ = std::max<std::int64_t>(0, *source.info().frames - options.start_frame);
    }
  }

  DeblurReport operator()() {
    const auto start = Clock::now();
    std::thread decoder([this] {
      guarded(decode_error_, [this] { decode(); });
      decoded_.close();
    });
    std::thread encoder([this] {
      guarded(encode_error_, [this] { encode(); });
      finished_.abandon();
    });
    guarded(compute_error_, [this] { compute(); });
    decoded_.abandon();
    finished_.close();
    decoder.join();
    encoder.join();
    report_.seconds = ms_since(start) / 1000;
    if (cut_short_ && hooks_.stop != nullptr) report_.interrupted_by = hooks_.stop->load();
    close();
    return std::move(report_);
  }

 private:
  template <typename F>
  static void guarded(std::exception_ptr& error, F work) {
    try {
      work();
    } catch (...) {
      error = std::current_exception();
    }
  }

  /// Asked only while frames may be left; a signal after the last one changes nothing.
  [[nodiscard]] bool stopped() {
    if (hooks_.stop != nullptr && hooks_.stop->load() != 0) cut_short_ = true;
    return cut_short_ || sink_failed_;
  }

  void wait_while_paused() {
    while (hooks_.paused != nullptr && hooks_.paused->load() && !stopped())
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  void close() {
    const auto first_error = encode_error_ ? encode_error_ : compute_error_ ? compute_error_ : decode_error_;
    report_.damage = source_.damage();
    if (!first_error && report_.interrupted_by == 0 && !report_.damage) {
      if (report_.frames + report_.resumed_frames == 0) {
        throw InputError(fmt::format("{}: no frame in the chosen range", source_.info().name));
      }
      sink_.finish();
      return;
    }
    try {
      sink_.close_partial();
    } catch (const Error& e) {
      if (!first_error) throw;
      spdlog::debug("closing the partial output: {}", e.what());
    }
    if (first_error) std::rethrow_exception(first_error);
  }

  // ---- decoding thread ----

  void decode() {
    SceneWatcher watcher(source_.info().time_base, options_.scene_cuts);
    std::optional<std::int64_t> first_pts;
    for (std::int64_t count = 0; options_.max_frames < 0 || count < options_.max_frames;) {
      auto item = std::make_shared<PipelineFrame>();
      const auto start = Clock::now();
      if (stopped() || !source_.read(item->timed)) break;
      item->decode_ms = ms_since(start);
      if (!first_pts) first_pts = item->timed.pts;
      if (options_.truth != nullptr) {
        item->truth = std::make_unique<TimedFrame>();
        if (!options_.truth->read(*item->truth)) item->truth.reset();
      }
      if (is_before_start(options_, source_.info(), item->timed, *first_pts)) continue;
      item->reset = watcher.observe(item->timed);
      item->difference = watcher.difference();
      if (!decoded_.push(std::move(item))) return;
      ++count;
    }
  }

  // ---- computing thread ----

  struct Pending {
    std::vector<PipelineFramePtr> window;
    PipelineFramePtr frame;
    std::int64_t output_index;
    Clock::time_point submitted;
  };

  void compute() {
    PipelineFramePtr frame;
    while (decoded_.pop(frame) && !stopped()) {
      if (frame->reset != Reset::kNone) start_scene(frame->timed.frame.format);
      builder_->push(std::move(frame));
      submit_ready();
    }
    if (builder_) {
      builder_->end_scene();
      submit_ready();
    }
    drain();
  }

  void start_scene(const FrameFormat& format) {
    if (builder_) {
      builder_->end_scene();
      submit_ready();
    }
    if (session_ && format == bound_) return;
    drain();
    BindOptions bind;
    bind.format = format;
    bind.precision = options_.precision;
    bind.memory_limit = options_.memory_limit;
    bind.strength = options_.strength;
    bind.named_outputs = options_.named_outputs;
    if (options_.keep_most_motion && model_->graph.has_output("flow"))
      bind.named_outputs.emplace_back("flow");
    session_.reset();  // its memory first, then the next one's
    session_ = backend_.bind(model_, bind);
    bound_ = format;
    report_.plan = session_->report();
    builder_.emplace(session_->min_offset(), session_->max_offset());
  }

  void submit_ready() {
    std::vector<PipelineFramePtr> window;
    const auto centre = static_cast<std::size_t>(-session_->min_offset());
    while (builder_->next(window) && !stopped()) {
      const PipelineFramePtr frame = window[centre];
      const std::int64_t index = next_output_++;
      count_reset(frame->reset);
      if (skip_to_mark_ && index < resume_.frames) continue;
      if (frame->reset != Reset::kNone) {
        session_->reset();
      } else if (skip_to_mark_ && index == resume_.frames && !resume_.states.empty()) {
        if (!session_->load_states(resume_.states))
          throw ProcessingError("--resume: the stored states do not fit");
      }
      while (session_->in_flight() >= session_->max_in_flight()) receive();
      std::vector<const Frame*> frames;
      frames.reserve(window.size());
      for (const auto& f : window) frames.push_back(&f->timed.frame);
      wait_while_paused();
      const auto submitted = Clock::now();
      try {
        session_->submit(frames);
      } catch (...) {
        const std::exception_ptr error = std::current_exception();
        std::exception_ptr ignored;
        guarded(ignored, [this] { drain(); });  // frames computed before the failure are not lost
        std::rethrow_exception(error);
      }
      pending_.push_back({window, frame, index, submitted});
      // The states of a checkpoint are those right after its last frame: nothing may run ahead.
      if (interval_ > 0 && (index + 1) % interval_ == 0) drain();
    }
  }

  void count_reset(Reset reset) {
    if (reset == Reset::kSceneCut) ++report_.scene_cuts;
    if (reset == Reset::kTimeJump) ++report_.time_jumps;
  }

  void drain() {
    while (!pending_.empty()) receive();
  }

  void receive() {
    const Pending job = std::move(pending_.front());
    pending_.pop_front();
    Result result = session_->receive();
    report_.decode.add(job.frame->decode_ms);
    report_.wait.add(ms_since(job.submitted));
    if (result.gpu_ms > 0) report_.device.add(result.gpu_ms);
    if (result.retried_fp32) ++report_.retried_fp32;
    if (job.output_index < resume_.frames) return;  // stored by the interrupted run
    const TimedFrame& in = job.frame->timed;
    measure(*job.frame, result.frame);
    if (picture_ != nullptr) keep_if_most_motion(*job.frame, result);

    Finished out;
    out.timed.index = in.index;
    out.timed.pts = in.pts;
    out.timed.duration = in.duration;
    out.timed.name = in.name;
    out.timed.frame = std::move(result.frame);
    if (hooks_.outputs) {
      out.input = job.frame;
      out.outputs = std::move(result.outputs);
    }
    if (interval_ > 0 && (job.output_index + 1) % interval_ == 0) {
      out.mark = Checkpoint{job.output_index + 1, session_->save_states()};
    }
    if (!finished_.push(std::move(out))) sink_failed_ = true;
  }

  void measure(const PipelineFrame& in, const Frame& restored) {
    if (!in.truth) return;
    const Frame truth = to_rgb(in.truth->frame, 8), before = to_rgb(in.timed.frame, 8),
                after = to_rgb(restored, 8);
    const auto picture = [](const Frame& f) {
      return Picture8{reinterpret_cast<const std::uint8_t*>(f.data.data()), f.format.width, f.format.height,
                      3};
    };
    report_.error_before += squared_error(picture(before), picture(truth));
    report_.error_after += squared_error(picture(after), picture(truth));
  }

  void keep_if_most_motion(const PipelineFrame& in, const Result& result) {
    // Without a predecessor there is no motion to measure; such a frame serves only if there is no other.
    double motion = in.reset == Reset::kNone ? in.difference : 0;
    for (const NamedOutput& o : result.outputs) {
      if (o.name == "flow" && in.reset == Reset::kNone) motion = mean_motion(o);
    }
    if (motion <= picture_->motion) return;
    *picture_ = {in.timed.frame, result.frame, in.timed.index, motion};
  }

  // ---- encoding thread ----

  void encode() {
    for (Finished item; finished_.pop(item);) {
      const auto start = Clock::now();
      if (hooks_.outputs) hooks_.outputs(item.input->timed, item.outputs);
      sink_.write(item.timed);
      if (item.mark) sink_.checkpoint(*item.mark);
      report_.encode.add(ms_since(start));
      ++report_.frames;
      if (hooks_.progress) hooks_.progress({report_.resumed_frames + report_.frames, total_});
    }
  }

  static constexpr std::size_t kQueue = 4;  ///< frames between two stages

  FrameSource& source_;
  FrameSink& sink_;
  Backend& backend_;
  std::shared_ptr<const Model> model_;
  const DeblurOptions& options_;
  const DeblurHooks& hooks_;
  MotionPicture* picture_;
  Checkpoint resume_;
  int interval_;
  bool skip_to_mark_ = false;
  std::optional<std::int64_t> total_;

  // A camera holds the newest frame itself; a longer queue would only make it older.
  BoundedQueue<PipelineFramePtr> decoded_{source_.info().live ? 1 : kQueue};
  BoundedQueue<Finished> finished_{kQueue};
  std::exception_ptr decode_error_, compute_error_, encode_error_;
  std::atomic<bool> cut_short_{false}, sink_failed_{false};

  std::unique_ptr<Session> session_;
  FrameFormat bound_;
  std::optional<WindowBuilder> builder_;
  std::deque<Pending> pending_;
  std::int64_t next_output_ = 0;
  DeblurReport report_;
};

}  // namespace

bool is_before_start(const DeblurOptions& options, const StreamInfo& info, const TimedFrame& frame,
                     std::int64_t first_pts) {
  if (!options.start_seconds) return frame.index < options.start_frame;
  const double seconds = static_cast<double>(frame.pts - first_pts) * info.time_base.value();
  return seconds < *options.start_seconds - 1e-9;
}

DeblurReport deblur(FrameSource& source, FrameSink& sink, Backend& backend,
                    std::shared_ptr<const Model> model, const DeblurOptions& options,
                    const DeblurHooks& hooks, MotionPicture* picture) {
  return Run(source, sink, backend, std::move(model), options, hooks, picture)();
}

}  // namespace unblur
