// SPDX-License-Identifier: MIT
#include "pipeline/paired.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "graph/error.h"

namespace unblur {
namespace {

PlanReport sum(const PlanReport& a, const PlanReport& b) {
  PlanReport r = a;
  r.weight_bytes += b.weight_bytes;
  r.activation_bytes += b.activation_bytes;
  r.state_bytes += b.state_bytes;
  r.io_bytes += b.io_bytes;
  r.strips = std::max(a.strips, b.strips);
  r.dispatches += b.dispatches;
  r.multiply_adds += b.multiply_adds;
  r.kernels.insert(r.kernels.end(), b.kernels.begin(), b.kernels.end());
  return r;
}

/// What the second model may use of a limit after the first.
BindOptions remaining(BindOptions options, const PlanReport& first) {
  options.named_outputs.clear();
  if (options.memory_limit == 0) return options;
  if (options.memory_limit <= first.total_bytes()) {
    throw MemoryError(
        fmt::format("the first of two models needs all of the limit of {} MiB", options.memory_limit >> 20U));
  }
  options.memory_limit -= first.total_bytes();
  return options;
}

class PairedSession : public Session {
 public:
  PairedSession(std::unique_ptr<Session> outputs, std::unique_ptr<Session> picture)
      : both_{std::move(outputs), std::move(picture)}, report_(sum(both_[0]->report(), both_[1]->report())) {}

  void reset() override {
    for (const auto& s : both_) s->reset();
  }

  void submit(std::span<const Frame* const> window) override {
    for (const auto& s : both_) {
      const auto first = static_cast<std::size_t>(s->min_offset() - min_offset());
      s->submit(window.subspan(first, static_cast<std::size_t>(s->max_offset() - s->min_offset() + 1)));
    }
  }

  Result receive() override {
    Result outputs = both_[0]->receive();
    Result result = both_[1]->receive();
    result.outputs = std::move(outputs.outputs);
    result.times.insert(result.times.end(), outputs.times.begin(), outputs.times.end());
    result.gpu_ms += outputs.gpu_ms;
    result.retried_fp32 = result.retried_fp32 || outputs.retried_fp32;
    return result;
  }

  TensorMap save_states() override {
    TensorMap all;
    for (std::size_t i = 0; i < both_.size(); ++i) {
      for (auto& [name, tensor] : both_[i]->save_states()) all[prefix(i) + name] = std::move(tensor);
    }
    return all;
  }

  bool load_states(const TensorMap& states) override {
    for (std::size_t i = 0; i < both_.size(); ++i) {
      TensorMap own;
      for (const auto& [name, tensor] : states) {
        if (name.starts_with(prefix(i))) own[name.substr(prefix(i).size())] = tensor;
      }
      if (!both_[i]->load_states(own)) return false;
    }
    return true;
  }

  [[nodiscard]] int in_flight() const override {
    return std::max(both_[0]->in_flight(), both_[1]->in_flight());
  }
  [[nodiscard]] int max_in_flight() const override {
    return std::min(both_[0]->max_in_flight(), both_[1]->max_in_flight());
  }
  [[nodiscard]] int min_offset() const override {
    return std::min(both_[0]->min_offset(), both_[1]->min_offset());
  }
  [[nodiscard]] int max_offset() const override {
    return std::max(both_[0]->max_offset(), both_[1]->max_offset());
  }
  [[nodiscard]] const PlanReport& report() const override { return report_; }

 private:
  static std::string prefix(std::size_t i) { return i == 0 ? "outputs." : "picture."; }
  std::array<std::unique_ptr<Session>, 2> both_;
  PlanReport report_;
};

class PairedBackend : public Backend {
 public:
  PairedBackend(Backend& inner, std::shared_ptr<const Model> picture)
      : inner_(inner), picture_(std::move(picture)) {}
  [[nodiscard]] const DeviceInfo& device() const override { return inner_.device(); }
  std::unique_ptr<Session> bind(std::shared_ptr<const Model> model, const BindOptions& options) override {
    std::unique_ptr<Session> outputs = inner_.bind(std::move(model), options);
    const BindOptions rest = remaining(options, outputs->report());
    return std::make_unique<PairedSession>(std::move(outputs), inner_.bind(picture_, rest));
  }
  PlanReport plan(const Model& model, const BindOptions& options) override {
    const PlanReport first = inner_.plan(model, options);
    return sum(first, inner_.plan(*picture_, remaining(options, first)));
  }
  TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states,
                        Precision precision) override {
    return inner_.run_tensors(model, inputs, states, precision);
  }

 private:
  Backend& inner_;
  std::shared_ptr<const Model> picture_;
};

}  // namespace

std::unique_ptr<Backend> pair_with(Backend& inner, std::shared_ptr<const Model> picture) {
  return std::make_unique<PairedBackend>(inner, std::move(picture));
}

}  // namespace unblur
