// SPDX-License-Identifier: MIT
// A graph bound to a frame size on a LibTorch device. Frames are computed by `submit`; `receive` hands them
// out.
#pragma once

#include <deque>
#include <memory>

#include "graph/executor.h"
#include "torch_graph.h"
#include "torch_mode.h"

namespace unblur {

/// Frame size after padding: replicated right and bottom to the model's multiple and least size.
struct PaddedSize {
  int height = 0, width = 0;
};
[[nodiscard]] PaddedSize padded_size(const ModelInfo& info, const FrameFormat& format);

/// Bytes by simulating the interpreter's releases. Throws MemoryError above BindOptions::memory_limit.
[[nodiscard]] PlanReport plan_torch(const Model& model, const BindOptions& options, torch::ScalarType type);

class TorchSession final : public Session {
 public:
  TorchSession(std::shared_ptr<const Model> model, BindOptions options, PlanReport report,
               torch::Device device, torch::ScalarType type, const TorchMode& mode);

  void reset() override { states_.clear(); }
  void submit(std::span<const Frame* const> window) override;
  Result receive() override;
  [[nodiscard]] int in_flight() const override { return static_cast<int>(finished_.size()); }
  [[nodiscard]] int max_in_flight() const override { return 1; }
  [[nodiscard]] int min_offset() const override { return min_offset_; }
  [[nodiscard]] int max_offset() const override { return max_offset_; }
  [[nodiscard]] const PlanReport& report() const override { return report_; }

 private:
  [[nodiscard]] torch::Tensor upload(const std::vector<float>& rgb) const;
  /// An output as planar float32, cropped to the frame at its own scale.
  [[nodiscard]] NamedOutput download(const std::string& name, const torch::Tensor& value) const;
  [[nodiscard]] TorchStep run(const TorchTensors& inputs, std::vector<NodeTime>* times) const;

  std::shared_ptr<const Model> model_;
  BindOptions options_;
  TorchMode mode_;
  PlanReport report_;
  torch::TensorOptions tensor_options_;
  TorchGraph net_;
  PaddedSize size_;
  int min_offset_ = 0, max_offset_ = 0;
  TorchTensors states_;
  std::deque<Result> finished_;
};

}  // namespace unblur
