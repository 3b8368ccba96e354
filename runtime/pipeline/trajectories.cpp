// SPDX-License-Identifier: MIT
#include "pipeline/trajectories.h"

#include <fmt/format.h>

#include <algorithm>

#include "drawing/svg.h"
#include "graph/colour.h"
#include "graph/error.h"
#include "graph/exposure.h"
#include "graph/file.h"
#include "media/rgb.h"

namespace unblur {
namespace {

namespace fs = std::filesystem;

/// A finished picture with the frame's place in time.
TimedFrame as_frame(const FrameMotion& motion, std::span<const float> rgb, FrameForm form, int rotation) {
  TimedFrame out;
  out.index = motion.input.index;
  out.pts = motion.input.pts;
  out.duration = motion.input.duration;
  out.name = motion.input.name;
  out.frame = form == FrameForm::kAsStored
                  ? apply_correction(motion.input.frame, motion.rgb, rgb, 1.0F)
                  : rotated(rgb_frame(rgb, motion.field.width(), motion.field.height(), 8), rotation);
  return out;
}

class PlotOutput : public MotionOutput {
 public:
  PlotOutput(Style style, const PlotOptions& options, std::unique_ptr<FrameSink> sink, FrameForm form)
      : style_(style), options_(options), sink_(std::move(sink)), form_(form) {}
  void write(const FrameMotion& m) override {
    const std::vector<float> picture = painted(make_plot(style_, m.field, m.rgb, m.sharp, options_));
    sink_->write(as_frame(m, picture, form_, options_.rotation));
  }
  void finish() override { sink_->finish(); }
  void close_partial() override { sink_->close_partial(); }
  [[nodiscard]] FrameSink* resumable() override { return sink_.get(); }

 private:
  Style style_;
  PlotOptions options_;
  std::unique_ptr<FrameSink> sink_;
  FrameForm form_;
};

class SvgOutput : public MotionOutput {
 public:
  SvgOutput(Style style, const PlotOptions& options, NameOf name)
      : style_(style), options_(options), name_(std::move(name)) {}
  void write(const FrameMotion& m) override {
    const Plot plot = make_plot(style_, m.field, m.rgb, m.sharp, options_);
    const std::string title =
        fmt::format("Motion during the exposure ({}), frame {}", style_name(style_), m.input.index);
    const std::string svg = plot_svg(plot, options_.rotation, title);
    const auto bytes = std::as_bytes(std::span(svg));
    write_file(name_(m.input), {&bytes, 1});
  }

 private:
  Style style_;
  PlotOptions options_;
  NameOf name_;
};

class ExtractOutput : public MotionOutput {
 public:
  ExtractOutput(int count, int rotation, std::unique_ptr<FrameSink> sink, FrameForm form)
      : count_(count), rotation_(rotation), sink_(std::move(sink)), form_(form) {}
  void write(const FrameMotion& m) override {
    for (int n = 0; n < count_; ++n) {
      const double t = count_ == 1 ? 0.0 : 2.0 * n / (count_ - 1) - 1;
      TimedFrame out = as_frame(m, gather_at(m.sharp, m.field, t), form_, rotation_);
      out.index = out.pts = written_++;
      out.duration = 1;
      if (!out.name.empty()) out.name = fmt::format("{}-{:02}.png", fs::path(out.name).stem().string(), n);
      sink_->write(out);
    }
  }
  void finish() override { sink_->finish(); }
  void close_partial() override { sink_->close_partial(); }

 private:
  int count_, rotation_;
  std::unique_ptr<FrameSink> sink_;
  FrameForm form_;
  std::int64_t written_ = 0;
};

class NumbersOutput : public MotionOutput {
 public:
  explicit NumbersOutput(NameOf name) : name_(std::move(name)) {}
  void write(const FrameMotion& m) override {
    const std::string name = name_(m.input).string();
    SafeTensors numbers = trajectory_numbers(m.field);
    numbers.metadata["frame"] = std::to_string(m.input.index);
    write_safetensors(name + ".safetensors", numbers);
    for (std::size_t k = 0; k < m.field.times().size(); ++k) {
      const std::vector<std::byte> flow = flo_file(m.field, k);
      const std::span<const std::byte> bytes = flow;
      write_file(fmt::format("{}.{:02}.flo", name, k), {&bytes, 1});
    }
  }

 private:
  NameOf name_;
};

}  // namespace

std::unique_ptr<MotionOutput> plot_output(Style style, const PlotOptions& options,
                                          std::unique_ptr<FrameSink> sink, FrameForm form) {
  return std::make_unique<PlotOutput>(style, options, std::move(sink), form);
}
std::unique_ptr<MotionOutput> svg_output(Style style, const PlotOptions& options, NameOf name) {
  return std::make_unique<SvgOutput>(style, options, std::move(name));
}
std::unique_ptr<MotionOutput> extract_output(int count, int rotation, std::unique_ptr<FrameSink> sink,
                                             FrameForm form) {
  return std::make_unique<ExtractOutput>(count, rotation, std::move(sink), form);
}
std::unique_ptr<MotionOutput> numbers_output(NameOf name) {
  return std::make_unique<NumbersOutput>(std::move(name));
}

void TrajectorySink::take(const TimedFrame& input, const std::vector<NamedOutput>& outputs) {
  const auto control = std::ranges::find(outputs, "control", &NamedOutput::name);
  if (control == outputs.end()) throw ProcessingError("the backend did not return the output \"control\"");
  const FrameFormat& f = input.frame.format;
  if (control->shape.w != f.width || control->shape.h != f.height) {
    throw ModelError(fmt::format("output \"control\" is {}, the frame {} x {}", to_string(control->shape),
                                 f.height, f.width));
  }
  field_.emplace(info_, control->shape, control->values);
  input_ = &input;
}

void TrajectorySink::write(const TimedFrame& restored) {
  const std::vector<float> rgb = frame_to_rgb(input_->frame);
  const std::vector<float> sharp = restored_ ? frame_to_rgb(restored.frame) : std::vector<float>{};
  statistics_.add(*field_);
  const FrameMotion motion{*input_, *field_, rgb, restored_ ? sharp : rgb};
  for (const auto& output : outputs_) output->write(motion);
  input_ = nullptr;
}

void TrajectorySink::finish() {
  for (const auto& output : outputs_) output->finish();
}

void TrajectorySink::close_partial() {
  for (const auto& output : outputs_) output->close_partial();
}

FrameSink* TrajectorySink::resumable() const {
  FrameSink* found = nullptr;
  for (const auto& output : outputs_) {
    FrameSink* sink = output->resumable();
    if (sink != nullptr && found != nullptr) return nullptr;
    if (sink != nullptr) found = sink;
  }
  return found;
}

int TrajectorySink::checkpoint_interval() const {
  const FrameSink* sink = resumable();
  return sink == nullptr ? 0 : sink->checkpoint_interval();
}

void TrajectorySink::checkpoint(const Checkpoint& mark) {
  if (FrameSink* sink = resumable(); sink != nullptr) sink->checkpoint(mark);
}

Checkpoint TrajectorySink::resume_point() {
  FrameSink* sink = resumable();
  return sink == nullptr ? Checkpoint{} : sink->resume_point();
}

}  // namespace unblur
