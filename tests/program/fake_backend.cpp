// SPDX-License-Identifier: MIT
#include "fake_backend.h"

#include <chrono>
#include <cstring>
#include <deque>
#include <thread>

#include "graph/error.h"

namespace unblur::test {
namespace {

class FakeSession : public Session {
 public:
  FakeSession(const FakeOptions& options, const BindOptions& bind, FakeLog* log)
      : options_(options), strength_(bind.strength), named_(bind.named_outputs), log_(log) {
    report_.precision = "fp32";
    report_.io_bytes = 2 * bind.format.total_bytes();
  }

  void reset() override {
    since_reset_ = 0;
    if (log_ != nullptr) ++log_->resets;
  }

  void submit(std::span<const Frame* const> window) override {
    if (submits_++ == options_.fail_at) throw ProcessingError("the device was lost (fake)");
    if (log_ != nullptr) {
      ++log_->submits;
      std::vector<int> first;
      for (const Frame* f : window) first.push_back(static_cast<int>(f->data[0]));
      log_->windows.push_back(first);
    }
    Frame out = *window[static_cast<std::size_t>(-options_.min_offset)];
    const int add = strength_ == 0.0F ? 0 : options_.recurrent ? since_reset_ % 50 : options_.add;
    for (std::size_t i = 0; i < out.format.plane_bytes(0);
         i += static_cast<std::size_t>(out.format.bytes_per_sample())) {
      out.data[i] = static_cast<std::byte>(static_cast<int>(out.data[i]) + add);
    }
    ++since_reset_;
    std::this_thread::sleep_for(std::chrono::milliseconds(options_.delay_ms));
    queue_.push_back(std::move(out));
    if (log_ != nullptr) log_->peak_in_flight = std::max(log_->peak_in_flight.load(), in_flight());
  }

  Result receive() override {
    Result r;
    r.frame = std::move(queue_.front());
    r.gpu_ms = 1;
    queue_.pop_front();
    const FrameFormat& f = r.frame.format;
    for (const std::string& name : named_)
      r.outputs.push_back({name, {4, f.height, f.width}, fake_control(options_, f.width, f.height)});
    return r;
  }

  TensorMap save_states() override {
    if (!options_.states) return {};
    TensorMap states;
    const float value = static_cast<float>(since_reset_);
    states["count"] = Tensor::from_floats({1}, {&value, 1});
    return states;
  }
  bool load_states(const TensorMap& states) override {
    if (!options_.states || !states.contains("count")) return false;
    since_reset_ = static_cast<int>(states.at("count").to_floats().at(0));
    return true;
  }

  [[nodiscard]] int in_flight() const override { return static_cast<int>(queue_.size()); }
  [[nodiscard]] int max_in_flight() const override { return 2; }
  [[nodiscard]] int min_offset() const override { return options_.min_offset; }
  [[nodiscard]] int max_offset() const override { return options_.max_offset; }
  [[nodiscard]] const PlanReport& report() const override { return report_; }

 private:
  FakeOptions options_;
  float strength_;
  std::vector<std::string> named_;
  FakeLog* log_;
  PlanReport report_;
  std::deque<Frame> queue_;
  int since_reset_ = 0, submits_ = 0;
};

class FakeBackend : public Backend {
 public:
  FakeBackend(const FakeOptions& options, FakeLog* log) : options_(options), log_(log) {
    info_.name = "fake";
    info_.driver = "test";
    info_.type = "virtual";
    info_.api = "none";
  }
  [[nodiscard]] const DeviceInfo& device() const override { return info_; }
  std::unique_ptr<Session> bind(std::shared_ptr<const Model>, const BindOptions& options) override {
    if (log_ != nullptr) ++log_->binds;
    return std::make_unique<FakeSession>(options_, options, log_);
  }
  PlanReport plan(const Model&, const BindOptions& options) override {
    PlanReport report;
    report.io_bytes = 2 * options.format.total_bytes();
    report.precision = "fp32";
    return report;
  }
  TensorMap run_tensors(const Model&, const TensorMap& inputs, TensorMap*, Precision) override {
    return inputs;
  }

 private:
  FakeOptions options_;
  FakeLog* log_;
  DeviceInfo info_;
};

}  // namespace

std::unique_ptr<Backend> make_fake_backend(const FakeOptions& options, FakeLog* log) {
  return std::make_unique<FakeBackend>(options, log);
}

std::shared_ptr<const Model> make_fake_model() {
  auto model = std::make_shared<Model>();
  model->info.name = "fake";
  model->info.card["licence"] = "CC0";
  const Value in = model->graph.add("input", op::Input{"frame", 3, 0});
  const Value before = model->graph.add_state("before", 3);
  (void)before;
  model->graph.set_state("before", in, in);
  model->graph.set_output("frame", in);
  return model;
}

std::shared_ptr<const Model> make_fake_trajectory_model(std::string_view kind) {
  auto model = std::make_shared<Model>();
  model->info.name = "fake-trajectory";
  model->info.task = "trajectory";
  model->info.trajectory = TrajectoryInfo{.mode = "quad", .points = 15, .directed = kind != "undirected"};
  const Value in = model->graph.add("input", op::Input{"frame", 3, 0});
  const bool recurrent = kind == "recurrent";
  const Value before = recurrent ? model->graph.add_state("before", 3) : in;
  if (recurrent) model->graph.set_state("before", in, in);
  const Value wide = model->graph.add("wide", op::Concat{}, {in, before});
  model->graph.set_output("control", model->graph.add("control", op::Slice{0, 4}, {wide}));
  return model;
}

std::vector<float> fake_control(const FakeOptions& options, int width, int height) {
  const auto plane = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  std::vector<float> control(4 * plane);
  std::size_t i = 0;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, ++i) {
      const float rx = static_cast<float>(x) - static_cast<float>(width - 1) / 2;
      const float ry = static_cast<float>(y) - static_cast<float>(height - 1) / 2;
      const float dx = options.dx - options.turn * ry, dy = options.dy + options.turn * rx;
      control[i] = dy / 2, control[plane + i] = dx / 2;
      control[2 * plane + i] = -dy / 2, control[3 * plane + i] = -dx / 2;
    }
  }
  return control;
}

}  // namespace unblur::test
