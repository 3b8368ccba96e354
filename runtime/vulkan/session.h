// SPDX-License-Identifier: MIT
// The Session of the Vulkan backend: order of frames, the guard and its retry.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "graph/executor.h"
#include "vulkan/frame_engine.h"

namespace unblur::vk {

class VulkanSession final : public Session {
 public:
  VulkanSession(std::shared_ptr<Device> device, std::shared_ptr<Pipelines> pipelines,
                std::shared_ptr<const Model> model, const FrameOptions& options);

  void reset() override { first_ = true; }
  void submit(std::span<const Frame* const> window) override;
  Result receive() override;
  TensorMap save_states() override;
  bool load_states(const TensorMap& states) override;
  [[nodiscard]] int in_flight() const override {
    return static_cast<int>(pending_.size() + finished_.size());
  }
  [[nodiscard]] int max_in_flight() const override { return options_.slice_ms > 0 ? 1 : engine_.slots() - 1; }
  [[nodiscard]] int min_offset() const override { return window_.first; }
  [[nodiscard]] int max_offset() const override { return window_.last; }
  [[nodiscard]] const PlanReport& report() const override { return engine_.plan().report; }

  // With FrameOptions::keep_on_device: the frame received last, valid until the next `submit`.
  [[nodiscard]] Binding device_frame() const { return received_by_->device_frame(received_slot_); }
  [[nodiscard]] std::vector<DeviceOutput> device_outputs() const {
    return received_by_->device_outputs(received_slot_);
  }
  [[nodiscard]] std::uint64_t details_bytes() const { return received_by_->details_bytes(); }

 private:
  struct Pending {
    int slot = 0;
    bool first = false;
    double upload_ms = 0;
  };
  Result finish_oldest();
  /// Reads the frame; what is wrong with it, or nothing.
  std::string take(const Pending& frame, const FrameEngine& engine, int slot, Result& result) const;
  Result retry(const Pending& frame, const std::string& fault);

  std::shared_ptr<Device> device_;
  std::shared_ptr<Pipelines> pipelines_;
  std::shared_ptr<const Model> model_;
  FrameOptions options_;
  FrameWindow window_;
  FrameEngine engine_;
  std::unique_ptr<FrameEngine> fp32_;  ///< made when a frame first needs it
  std::deque<Pending> pending_;
  std::deque<Result> finished_;  ///< taken from the device to make room, not yet received
  int next_slot_ = 0;
  bool first_ = true;
  std::uint64_t received_ = 0;
  const FrameEngine* received_by_ = &engine_;
  int received_slot_ = 0;
};

}  // namespace unblur::vk
