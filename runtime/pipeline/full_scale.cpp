// SPDX-License-Identifier: MIT
// The first look at a clip: how long its longest blur is, apart from outliers.
#include <algorithm>
#include <deque>

#include "graph/error.h"
#include "pipeline/trajectories.h"

namespace unblur {
namespace {

constexpr std::int64_t kSamples = 16;
constexpr double kPercentile = 0.99;

/// The last few frames of one format, and the session for it.
class Sampler {
 public:
  Sampler(Backend& backend, std::shared_ptr<const Model> model, const DeblurOptions& options)
      : backend_(backend), model_(std::move(model)), options_(options) {}

  void push(TimedFrame frame) {
    if (!session_ || frame.frame.format != format_) bind(frame.frame.format);
    frames_.push_back(std::move(frame.frame));
    const auto wanted = static_cast<std::size_t>(session_->max_offset() - session_->min_offset() + 2);
    if (frames_.size() > wanted) frames_.pop_front();
  }

  /// Path length that 99 % of the newest frame's pixels do not exceed; states hold its predecessor.
  double sample() {
    const int centre = static_cast<int>(frames_.size()) - 1 - session_->max_offset();
    session_->reset();
    run(centre - 1);
    const Result result = run(centre);
    BlurStatistics statistics;
    for (const NamedOutput& o : result.outputs) {
      if (o.name == "control") statistics.add({*model_->info.trajectory, o.shape, o.values});
    }
    return statistics.percentile(kPercentile);
  }

 private:
  void bind(const FrameFormat& format) {
    BindOptions bind;
    bind.format = format_ = format;
    bind.precision = options_.precision;
    bind.memory_limit = options_.memory_limit;
    bind.named_outputs = {"control"};
    session_.reset();
    session_ = backend_.bind(model_, bind);
    frames_.clear();
  }

  /// Neighbours beyond the frames at hand repeat the nearest, as at a clip's ends.
  Result run(int centre) {
    std::vector<const Frame*> window;
    for (int offset = session_->min_offset(); offset <= session_->max_offset(); ++offset) {
      const int at = std::clamp(centre + offset, 0, static_cast<int>(frames_.size()) - 1);
      window.push_back(&frames_[static_cast<std::size_t>(at)]);
    }
    session_->submit(window);
    return session_->receive();
  }

  Backend& backend_;
  std::shared_ptr<const Model> model_;
  const DeblurOptions& options_;
  std::unique_ptr<Session> session_;
  FrameFormat format_;
  std::deque<Frame> frames_;
};

}  // namespace

float measure_full_scale(FrameSource& source, Backend& backend, const std::shared_ptr<const Model>& model,
                         const DeblurOptions& options, const DeblurHooks& hooks) {
  std::optional<std::int64_t> total = source.info().frames;
  if (total && !options.start_seconds) *total -= options.start_frame;
  if (options.max_frames >= 0) total = std::min(total.value_or(options.max_frames), options.max_frames);
  const std::int64_t stride = total ? std::max<std::int64_t>(1, *total / kSamples) : 8;

  Sampler sampler(backend, model, options);
  double largest = -1;
  std::optional<std::int64_t> first_pts;
  std::int64_t count = 0;
  for (TimedFrame frame; options.max_frames < 0 || count < options.max_frames;) {
    if (hooks.stop != nullptr && *hooks.stop != 0) return 0;
    if (!source.read(frame)) break;
    if (!first_pts) first_pts = frame.pts;
    if (is_before_start(options, source.info(), frame, *first_pts)) continue;
    sampler.push(std::move(frame));
    if (count++ % stride == stride / 2) largest = std::max(largest, sampler.sample());
    if (hooks.progress) hooks.progress({count, total});
  }
  if (largest < 0 && count > 0) largest = sampler.sample();
  return full_scale(largest);
}

}  // namespace unblur
