// SPDX-License-Identifier: MIT
#include "executors.h"

#include "graph/error.h"
#ifdef UNBLUR_GOLDEN_VULKAN
#include "vulkan/backend.h"
#endif

namespace unblur::golden {

#ifdef UNBLUR_GOLDEN_VULKAN
namespace {

/// The kinds ask for fp32; this one gives them fp16 storage.
class HalfBackend final : public Backend {
 public:
  explicit HalfBackend(std::unique_ptr<Backend> backend) : backend_(std::move(backend)) {}
  [[nodiscard]] const DeviceInfo& device() const override { return backend_->device(); }
  std::unique_ptr<Session> bind(std::shared_ptr<const Model> model, const BindOptions& options) override {
    return backend_->bind(std::move(model), options);
  }
  PlanReport plan(const Model& model, const BindOptions& options) override {
    return backend_->plan(model, options);
  }
  TensorMap run_tensors(const Model& model, const TensorMap& inputs, TensorMap* states, Precision) override {
    return backend_->run_tensors(model, inputs, states, Precision::kFp16);
  }

 private:
  std::unique_ptr<Backend> backend_;
};

}  // namespace
#endif

Executor open_executor(Runner runner) {
  if (runner == Runner::kTorch) return {load_torch_backend("cpu")};
#ifdef UNBLUR_GOLDEN_VULKAN
  std::unique_ptr<Backend> backend = create_vulkan_backend();
  if (runner == Runner::kVulkanHalf) backend = std::make_unique<HalfBackend>(std::move(backend));
  return {std::move(backend), [] { return static_cast<int>(vulkan_validation_messages().size()); }};
#else
  throw DeviceError("this runner was built without Vulkan");
#endif
}

}  // namespace unblur::golden
