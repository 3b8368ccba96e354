// SPDX-License-Identifier: MIT
#include "vulkan/session.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "graph/error.h"

namespace unblur::vk {
namespace {

/// What is wrong with the named outputs, empty if nothing: the device looks at the picture only.
std::string outputs_fault(const Result& result) {
  for (const NamedOutput& output : result.outputs) {
    if (!std::ranges::all_of(output.values, [](float v) { return std::isfinite(v); }))
      return fmt::format("NaN or infinity in \"{}\"", output.name);
  }
  return {};
}

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

VulkanSession::VulkanSession(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines,
                             std::shared_ptr<const Model> model, const FrameOptions& options)
    : device_(std::move(device)),
      pipelines_(std::move(pipelines)),
      model_(std::move(model)),
      options_(options),
      window_(frame_window(model_->graph)),
      engine_(device_, pipelines_, *model_, options) {}

void VulkanSession::submit(std::span<const Frame* const> window) {
  const auto needed = static_cast<std::size_t>(window_.last - window_.first + 1);
  if (window.size() != needed) {
    throw UsageError(fmt::format("{} frames were submitted, the model takes {}", window.size(), needed));
  }
  for (const Frame* frame : window) {
    if (frame == nullptr || frame->format != options_.bind.format) {
      throw InputError("a frame of another format than the session was bound to");
    }
  }
  if (static_cast<int>(pending_.size()) >= max_in_flight()) finished_.push_back(finish_oldest());
  Pending frame{next_slot_, first_, 0};
  const auto start = std::chrono::steady_clock::now();
  engine_.load(frame.slot, window);
  frame.upload_ms = ms_since(start);
  engine_.submit(frame.slot, frame.first);
  pending_.push_back(frame);
  next_slot_ = (next_slot_ + 1) % engine_.slots();
  first_ = false;
}

TensorMap VulkanSession::save_states() {
  TensorMap saved;
  if (first_ || in_flight() > 0) return saved;
  // The next frame reads the copy of its own slot.
  const std::vector<std::vector<float>> states = engine_.read_states(next_slot_);
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto count = static_cast<std::int64_t>(states[i].size());
    saved[fmt::format("state.{:03}", i)] = Tensor::from_floats({count}, states[i]);
  }
  return saved;
}

bool VulkanSession::load_states(const TensorMap& states) {
  if (in_flight() > 0) return false;
  std::vector<std::vector<float>> values = engine_.read_states(next_slot_);
  if (values.size() != states.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto found = states.find(fmt::format("state.{:03}", i));
    if (found == states.end() || found->second.count() != static_cast<std::int64_t>(values[i].size())) {
      return false;
    }
    values[i] = found->second.to_floats();
  }
  engine_.write_states(next_slot_, values);
  first_ = false;
  return true;
}

std::string VulkanSession::take(const Pending& frame, const FrameEngine& engine, int slot,
                                Result& result) const {
  if (std::string fault = engine.statistics(slot).fault(); !fault.empty()) return fault;
  const auto start = std::chrono::steady_clock::now();
  if (!options_.keep_on_device) {
    result.frame = Frame(options_.bind.format);
    engine.read_frame(slot, result.frame);
    result.outputs = engine.read_outputs(slot);
  }
  const double download_ms = ms_since(start);
  result.times = engine.read_times(slot, &result.gpu_ms);
  if (options_.bind.time_nodes) {
    result.times.push_back({"upload", "host", frame.upload_ms});
    result.times.push_back({"download", "host", download_ms});
  }
  return outputs_fault(result);
}

Result VulkanSession::receive() {
  if (in_flight() == 0) throw UsageError("no frame is in flight");
  if (finished_.empty()) return finish_oldest();
  Result result = std::move(finished_.front());
  finished_.pop_front();
  return result;
}

Result VulkanSession::finish_oldest() {
  const Pending frame = pending_.front();
  try {
    engine_.wait(frame.slot);
    Result result;
    received_by_ = &engine_;
    received_slot_ = frame.slot;
    if (const std::string fault = take(frame, engine_, frame.slot, result); !fault.empty())
      result = retry(frame, fault);
    pending_.pop_front();
    ++received_;
    return result;
  } catch (...) {
    pending_.pop_front();  // a caller that goes on gets the next frame, not this one again
    ++received_;
    throw;
  }
}

/// Once more from the state before this frame: in another engine if this one stores halves. The frames that
/// followed it have read a spoilt state and run again, too.
Result VulkanSession::retry(const Pending& frame, const std::string& fault) {
  spdlog::warn("frame {}: {} in {}; running it once more in fp32", received_, fault,
               engine_.plan().report.precision);
  for (const Pending& other : pending_) engine_.wait(other.slot);

  Result result;
  std::string again;
  if (options_.storage == Storage::kF32) {
    engine_.submit(frame.slot, frame.first);
    engine_.wait(frame.slot);
    again = take(frame, engine_, frame.slot, result);
  } else {
    if (!fp32_) {
      FrameOptions options = options_;
      options.storage = Storage::kF32;
      options.most_slots = 2;
      options.faulty = false;
      fp32_ = std::make_unique<FrameEngine>(device_, pipelines_, *model_, options);
    }
    const std::vector<Frame> frames = engine_.loaded_frames(frame.slot);
    std::vector<const Frame*> window;
    for (const Frame& f : frames) window.push_back(&f);
    fp32_->load(0, window);
    if (!frame.first) fp32_->write_states(0, engine_.read_states(frame.slot));
    fp32_->submit(0, frame.first);
    fp32_->wait(0);
    again = take(frame, *fp32_, 0, result);
    received_by_ = fp32_.get();
    received_slot_ = 0;
    if (again.empty()) engine_.write_states((frame.slot + 1) % engine_.slots(), fp32_->read_states(1));
  }
  if (!again.empty()) {
    throw ProcessingError(
        fmt::format("frame {}: the network's output is {} even in fp32; the input or the model "
                    "is damaged, or the driver of {} is at fault",
                    received_, again, device_->physical().info.name));
  }
  result.retried_fp32 = true;
  for (std::size_t i = 1; i < pending_.size(); ++i) engine_.submit(pending_[i].slot, pending_[i].first);
  return result;
}

}  // namespace unblur::vk
